"""The data package by which what was read is cited: what is in it, and how it is checked.

`records` are its pages, `summary` its numbers, `metadata` (RO-Crate), `tables` (Frictionless) and
`datasheet` describe it; `archive` writes and opens it, `check` looks whether it is as it was.
"""
