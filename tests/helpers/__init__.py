"""What tests share: libraries of books, servers, and ways of reading them."""
