"""A local server that speaks Gemini's File and Batch protocol, with a reader of its own behind it.

The unmodified google-genai client talks to it, so a run without a key takes the same path through
the code as a run against Google. `python -m pagewave.embedded --help` says how to start one.
"""
