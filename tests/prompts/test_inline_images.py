"""Images inside of requests: which go that way, and their bytes as base64."""

import base64
import hashlib
import io
import json
from pathlib import Path

import pytest

from pagewave.pages.image_files import ImageFacts
from pagewave.prompts.inline_images import (
    DOUBTS,
    PIECE_BYTES,
    Road,
    base64_bytes,
    fit_inside,
    may_go_inside,
    write_base64,
)
from pagewave.prompts.request import Request, jsonl_line, line_around_image

SCHEMA = {"type": "OBJECT", "properties": {"data": {"type": "STRING"}}}


@pytest.mark.parametrize(
    ("road", "sizes", "inside"),
    [
        ("auto", [], True),
        ("auto", [1_500_000] * 100, True),
        ("auto", [1_500_000] * 100 + [3], False),
        ("auto", [7_000_000], True),
        ("auto", [1, 7_000_001], False),
        ("inline", [14_250_000] * 100, True),
        ("inline", [14_250_000] * 100 + [3], False),
        ("inline", [70_000_000], True),
        ("inline", [70_000_001], False),
        ("uploaded", [1], False),
    ],
)
def test_images_go_inside_as_far_as_their_bytes_as_base64_allow(
    road: Road, sizes: list[int], inside: bool
) -> None:
    assert fit_inside(road, sizes) is inside


def test_auto_sends_an_image_the_other_way_after_a_failure_that_may_lie_in_it() -> None:
    assert len(DOUBTS) == 4
    for error in DOUBTS:
        assert not may_go_inside("auto", ["Truncated", error])
        assert may_go_inside("inline", [error])
    assert may_go_inside("auto", ["Truncated", "BatchExpired"])


@pytest.mark.parametrize("size", [0, 1, 2, 3, PIECE_BYTES - 1, PIECE_BYTES, 2 * PIECE_BYTES + 1])
def test_an_image_is_the_same_base64_in_pieces_as_at_once(size: int) -> None:
    image = (bytes(range(251)) * (1 + size // 251))[:size]
    pieces: list[bytes] = []
    buffered = io.BufferedReader(io.BytesIO(image))  # type: ignore[type-var]
    digest = write_base64(buffered, pieces.append, bytearray(PIECE_BYTES))
    assert b"".join(pieces) == base64.b64encode(image)
    assert digest == hashlib.sha256(image).hexdigest()
    assert len(b"".join(pieces)) == base64_bytes(size)
    assert max(map(len, pieces), default=0) <= base64_bytes(PIECE_BYTES)


def test_a_line_with_its_image_inside_says_the_same_as_one_that_names_it() -> None:
    """Whatever the prompt and the schema say: they may even look like the image's place."""
    prompt = 'Before "data":"" \\"data\\":\\"\\" \u2028 after'
    facts = ImageFacts("0f" * 32, 10, 10, "image/png", 3, 0)
    request = Request("a:b:1850:1", "ab", prompt, None, Path("1.png"), facts)
    config = {"temperature": 0.1}
    before, after = line_around_image(request, config, SCHEMA)
    inside = json.loads(before + base64.b64encode(b"\xff\xfe\xfd") + after)
    named = json.loads(jsonl_line(request, "https://x/files/1", config, SCHEMA))
    text, image = inside["request"]["contents"][0]["parts"]
    assert image == {"inlineData": {"mimeType": "image/png", "data": "//79"}}
    assert text == named["request"]["contents"][0]["parts"][0] == {"text": prompt}
    named["request"]["contents"][0]["parts"][1] = image
    assert inside == named
    assert (before + after).count(b"\n") == 1 and after.endswith(b"\n")
