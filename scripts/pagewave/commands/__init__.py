"""What a person runs beside a run: look at it and its failures, clear, cancel, try, rebuild.

A command is one module or folder of its own name here, with a `main`: `pagewave NAME` and
`python scripts/NAME.py` are the same. `command` has what all share, `selection` which pages one is
about. Looking never writes; what changes a ledger whole takes the lock that a run takes.
"""
