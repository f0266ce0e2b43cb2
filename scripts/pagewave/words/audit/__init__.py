"""How accurate is the whole collection, by a random sample of its lines that a person judged?"""
