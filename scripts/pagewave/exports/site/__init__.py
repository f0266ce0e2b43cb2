"""The reading room: all books as a folder of pages for a browser, from disk or from any server.

`site` says which files there are and writes them, `room` what they say, `images` makes the small
pictures, `words` the index for searching; `assets/` is what the browser runs.
"""
