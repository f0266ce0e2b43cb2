"""Where does each word stand, and which of them must a person look at?"""
