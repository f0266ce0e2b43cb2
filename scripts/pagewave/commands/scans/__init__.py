"""Scans that lie elsewhere: their lists, which a run fetches them by."""
