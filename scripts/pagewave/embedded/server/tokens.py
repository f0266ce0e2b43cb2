"""Token counts as Gemini would bill them, near enough to test a price estimate against."""

import io
import math
import re
from collections.abc import Sequence

from pagewave.embedded.server.wire import Json

CHARS_PER_TOKEN = 4  # ai.google.dev, "Understand and count tokens"
# ai.google.dev, "Image understanding", section "Token calculation": an image up to 384 px a side is
# one tile; a larger one is cut into squares whose side is two thirds of its shorter side.
TOKENS_PER_TILE = 258
SMALL_SIDE = 384
SIDE_PER_CROP_UNIT = 1.5
# ai.google.dev, "Media resolution": of Gemini 3 and 4, as much as an image may have.
TOKENS_OF_RESOLUTION = {"LOW": 280, "MEDIUM": 560, "HIGH": 1120, "ULTRA_HIGH": 2240}
TOKENS_UNSET = 1120


def text_tokens(text: str) -> int:
    """Tokens of a text: a quarter of its characters, rounded up."""
    return math.ceil(len(text) / CHARS_PER_TOKEN)


def image_tokens(image: bytes, model: str = "", resolution: str = "") -> int:
    """Tokens of an image file (its header is enough); one tile when it is not an image.

    Args:
        model: from Gemini 3 on the resolution alone decides.
        resolution: such as MEDIA_RESOLUTION_LOW.
    """
    if re.match(r"(models/)?gemini-([3-9]|\d\d)", model):
        name = resolution.removeprefix("MEDIA_RESOLUTION_")
        return TOKENS_OF_RESOLUTION.get(name, TOKENS_UNSET)
    from PIL import Image, UnidentifiedImageError  # late: 60 ms the server's start can do without

    try:
        width, height = Image.open(io.BytesIO(image)).size
    except (UnidentifiedImageError, OSError):
        return TOKENS_PER_TILE
    if max(width, height) <= SMALL_SIDE:
        return TOKENS_PER_TILE
    # Not taken from pagewave.requests, whose import would delay the server's start; a test holds
    # both to the same count.
    unit = max(1, math.floor(min(width, height) / SIDE_PER_CROP_UNIT))
    return TOKENS_PER_TILE * math.ceil(width / unit) * math.ceil(height / unit)


def usage(
    prompt: str, images: Sequence[bytes], answer: str, model: str = "", resolution: str = ""
) -> Json:
    """The `usageMetadata` of an answer, as `usage_of` writes it."""
    text = text_tokens(prompt)
    pictures = sum(image_tokens(image, model, resolution) for image in images)
    counts = usage_of(text + pictures, text_tokens(answer))
    counts["promptTokensDetails"] = [
        {"modality": modality, "tokenCount": count}
        for modality, count in (("TEXT", text), ("IMAGE", pictures))
        if count
    ]
    return counts


def usage_of(prompt: int, output: int, thoughts: int = 0, cached: int = 0) -> Json:
    """A `usageMetadata` of these counts; zero counts are left out, as proto3 JSON does.

    Args:
        output: without `thoughts`.
        cached: those of `prompt` that the service had in its cache.
    """
    counts: Json = {
        "promptTokenCount": prompt,
        "candidatesTokenCount": output,
        "thoughtsTokenCount": thoughts,
        "cachedContentTokenCount": cached,
        "totalTokenCount": prompt + output + thoughts,
    }
    return {name: count for name, count in counts.items() if count}
