"""The mutant run: slips made on purpose, to see whether the tests see them (`run.py`)."""
