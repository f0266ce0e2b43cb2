"""The page that scripts/monitor.py serves: a run as it goes on, its failures, a page's history.

It only looks. `server` says which address is what, and `guard` who is let in; `watching` looks at
the ledger when it changed, `feed` tells each browser what it does not know yet, `page_history` and
`failure_list` answer what a person asks. `assets/` is what the browser runs, with no build step.
"""
