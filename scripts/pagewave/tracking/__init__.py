"""Tracking: every attempt is told to Braintrust, now or later, and never at a wave's expense.

    the ledger's outbox -> rows -> cleaning -> service (over Braintrust's client) -> ticked off

`delivery` carries that out, `background` does so beside a run, `pagewave logs` after one.
Nothing that reads pages knows of this room. Calls made by hand have rows of the same shape
(commands/trials/asking).
"""
