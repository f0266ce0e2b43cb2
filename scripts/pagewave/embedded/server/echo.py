"""A reader that does not read: its page says who it is and which page it was told about.

Tests see from the answer which context reached the model, and which of several readings of a page
it is; benchmarks measure the workflow instead of the recognition of letters.
"""

import re

from pagewave.embedded.server.wire import dumps
from pagewave.halves import UPPER, split_line_key

# The shape of a record key, so that prose such as "Page numbers." in a prompt is not taken for one.
_READ_PAGE = re.compile(r"Page ([^\n]*?:\d+)\.(?!\d)")


def read(key: str, prompt: str, reading: int) -> str:
    """The JSON text of a page_ocr page: `Page KEY.`, `Read after: the page its context names`.

    From the second reading of a page on it says which one it is: `Reading 2.`
    """
    told = _READ_PAGE.findall(prompt)
    # A match starts at the first "Page " of its line, the key after the last.
    after = told[-1].rpartition("Page ")[2] if told else "nothing"
    again = f"\nReading {reading}." if reading > 1 else ""
    key, half = split_line_key(key)
    # Both halves have a line in common, as halves of a page do.
    text = f"Page {key}.\nRead after: {after}{again}"
    seam = f"The middle of page {key}"
    if half:
        text = f"{text}\n{seam}" if half == UPPER else f"{seam}\nThe end of page {key}"
    return dumps(
        {
            "raw_ocr": {
                "text_blocks": [
                    {
                        "block_id": 1,
                        "position": "top",
                        "text": text,
                        "font_style": "regular",
                    }
                ],
                "layout_description": "One block, made by the echo reader.",
            },
            "page_info": {
                "page_number": key.rpartition(":")[2] or None,
                "is_complete_page": True,
                "content_type": "other",
            },
            "school_name": None,
            "catalog_year": None,
            "academic_year": None,
            "courses": [],
        }
    )
