"""What commands share that serve a page to a browser on this machine, and those of them that write:
`guard` says who is let in, `address` where it listens, `server` runs it; `review/` is one of them.
"""
