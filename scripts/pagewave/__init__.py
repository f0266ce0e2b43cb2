"""pagewave: reads scanned books page after page with Gemini's Batch API, carried by Snakemake."""

__version__ = "0.1.0"
