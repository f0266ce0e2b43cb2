"""Images inside of a batch's requests: which go that way, and their bytes as base64.

One upload for all images of a batch instead of one for each: no call, no wait and no deletion of
its own for an image, and none of the service's 20 GB of storage beyond the file. The price is a
third more bytes, and that a second sending of the same pages sends all of them again.
"""

import binascii
import hashlib
from collections.abc import Callable, Collection, Sequence
from io import BufferedReader
from typing import Literal

Road = Literal["auto", "inline", "uploaded"]
"""What `files.images` says."""

LIMITS: dict[Road, tuple[int, int]] = {
    "auto": (200_000_000, 7_000_000),
    "inline": (1_900_000_000, 70_000_000),
    "uploaded": (0, 0),
}
"""Most bytes of all images of a batch as base64, and of one image as it is.

auto: what a line of 10 Mbit/s sends in three minutes, so that a failed upload is no disaster; 7 MB
an image is the limit that Google's Vertex AI tells. inline: what 2 GB a file
(ai.google.dev/gemini-api/docs/batch-api) and 100 MB a request (…/docs/file-input-methods) leave
beside prompts.
"""

DOUBTS = frozenset({"APIError", "BadBatch", "BadRequest", "UploadFailed"})
"""Failures (error types) after which `auto` sends a page's image the other way."""

PIECE_BYTES = 3 * 65_536
"""Bytes that are encoded at a time: a multiple of three, as base64 makes four letters of three."""


def base64_bytes(size: int) -> int:
    """How long so many bytes are as base64."""
    return 4 * -(-size // 3)


def fit_inside(road: Road, sizes: Collection[int]) -> bool:
    """Do images of these sizes (bytes) go inside of the requests of one batch?"""
    most, most_of_one = LIMITS[road]
    return sum(map(base64_bytes, sizes)) <= most and max(sizes, default=0) <= most_of_one


def may_go_inside(road: Road, errors: Sequence[str]) -> bool:
    """May the image of a page with these failures so far (error types) go inside?"""
    return road != "auto" or DOUBTS.isdisjoint(errors)


def write_base64(image: BufferedReader, write: Callable[[bytes], object], buffer: bytearray) -> str:
    """Write an image as base64, piece by piece; returns the SHA-256 (hex) of what was read.

    Args:
        buffer: of `PIECE_BYTES`; a new one for each image costs memory and time.
    """
    digest = hashlib.sha256()
    view = memoryview(buffer)
    while length := image.readinto(buffer):
        piece = view[:length]
        digest.update(piece)
        write(binascii.b2a_base64(piece, newline=False))
    return digest.hexdigest()
