"""What a run leaves for people: pages, tables and a timeline in `logs/summary`.

They are written when a run ends, from the ledger, and are what `snakemake --report` shows beside
the books. Whatever names, answers and errors say is text there, never markup.
"""
