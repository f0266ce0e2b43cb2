"""What is made of a book's pages once all of them are read."""
