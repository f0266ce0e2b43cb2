"""A drawer of scans, named as cameras and people name them: which books and pages they may be.

`names` reads one name, `numbering` the files of one book, `books` the whole drawer, `roman` roman
numerals. Nothing is written here, and nothing left out without a reason.
"""
