"""A drawer of scans, named as cameras and people name them: which books and pages they may be.

`names` reads one name, `numbering` the files of one book, `books` the whole drawer, `roman` roman
numerals; `tables` is for who corrects it in a spreadsheet; `placing` alone writes. Nothing is left
out without a reason.
"""
