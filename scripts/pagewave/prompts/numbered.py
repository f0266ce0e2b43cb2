"""Numbered lines: a retry that has the model number what it transcribes, which is taken off again.

Text that a model takes for one it knows by heart is stopped as a recitation, and text that repeats
itself leads it into loops; with a number before each line it may be neither.
"""

import json
from collections.abc import Mapping
from typing import Any

KEY = "numberedLines"
"""Marks such an attempt in its generation config, where the ledger keeps it; it is never sent."""

# The embedded server knows it by these words.
INSTRUCTION = (
    "\n\nInside of JSON strings, begin each line of transcribed text with its number and a bar, "
    "such as `1| `, counting from 1 to the last line of the page. All else stays as said above.\n"
)


def sent_prompt(prompt: str, generation_config: Mapping[str, Any]) -> str:
    """The prompt as this attempt sends it."""
    return prompt + INSTRUCTION if generation_config.get(KEY) else prompt


def is_numbered(generation_config: str) -> bool:
    """Were lines to be numbered, by the generation config (JSON) that the ledger kept?"""
    return is_marked(generation_config, KEY)


def is_marked(generation_config: str, mark: str) -> bool:
    """Has a generation config (JSON), as the ledger kept it, this mark?"""
    try:
        config = json.loads(generation_config)
    except ValueError:
        return False
    return isinstance(config, dict) and bool(config.get(mark))
