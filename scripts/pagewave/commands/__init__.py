"""What operators do beside a run: look at failures and batches, clear, cancel, start anew, rebuild.

The commands in scripts/ are thin: they read a command line and print what this room finds. Looking
never writes; what changes a ledger whole takes the lock that a run takes.
"""
