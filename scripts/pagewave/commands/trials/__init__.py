"""Trying prompts out: one page asked at once, or two versions compared over many pages.

Nothing here changes what the workflow takes for read, or for a dead letter.
"""
