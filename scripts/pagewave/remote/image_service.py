"""Which address of the IIIF Image API brings an image no larger than it is sent.

(iiif.io/api/image, 1.1 to 3.0.) It follows from what the manifest says: no `info.json` is asked
for, which would be one request more for each page.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

_PARAMETERS = re.compile(r"/full/[^/]+/[^/]+/[a-z]+\.[a-z0-9]+$")
"""Ends an address that already asks a service for a whole image."""


class Address(NamedTuple):
    """Where an image is, and its size in pixels as it comes from there; 0: nobody says."""

    url: str
    width: int = 0
    height: int = 0
    media_type: str = ""


class _Service(NamedTuple):
    id: str
    version: int
    level: int
    width: int
    height: int


def best_address(body: dict[str, Any], longest_side: int | None) -> Address:
    """The address for an image resource of a manifest (of either version).

    A service of level 1 or 2 is asked for a width such that no side is longer than `longest_side`
    pixels, where the image is larger and its size is stated. Else it is the address that the
    manifest itself has, or the whole image of the service.
    """
    url = str(body.get("id") or body.get("@id") or "")
    media_type = str(body.get("format") or "")
    width, height = _number(body.get("width")), _number(body.get("height"))
    service = next(_services(body.get("service")), None)
    if service is None:
        return Address(url, width, height, media_type)
    if not (width and height):
        width, height = service.width, service.height
    if longest_side and max(width, height) > longest_side and width and height and service.level:
        share = longest_side / max(width, height)
        narrow = max(1, int(width * share))
        # `w,` is what servers of version 2 keep ready, and those of version 3 take it as well.
        there = f"{service.id}/full/{narrow},/0/{_quality(service)}.jpg"
        return Address(there, narrow, max(1, round(height * share)), "image/jpeg")
    if _PARAMETERS.search(url) or (url and service.level == 0):
        return Address(url, width, height, media_type)
    size = "max" if service.version >= 3 else "full"
    there = f"{service.id}/full/{size}/0/{_quality(service)}.jpg"
    return Address(there, width, height, "image/jpeg")


def _quality(service: _Service) -> str:
    return "native" if service.version == 1 else "default"


def _services(value: Any) -> Iterator[_Service]:
    """Image services among the services of an image."""
    for each in value if isinstance(value, list) else [value]:
        if not isinstance(each, dict) or not (found := each.get("id") or each.get("@id")):
            continue
        context = str(each.get("@context", ""))
        kind = str(each.get("type") or each.get("@type") or "")
        profile = each.get("profile", "")
        profile = str((profile[:1] or [""])[0] if isinstance(profile, list) else profile)
        if "image" not in f"{context} {kind} {profile}".lower() and not profile.startswith("level"):
            continue
        if "auth" in f"{context} {profile}":
            continue
        level = re.search(r"level([012])", profile)
        yield _Service(
            str(found).rstrip("/"),
            _version(context, kind, profile),
            int(level[1]) if level else 0,
            _number(each.get("width")),
            _number(each.get("height")),
        )


def _version(context: str, kind: str, profile: str) -> int:
    for text in (context, kind.removeprefix("ImageService"), profile):
        if found := re.search(r"(?:^|/image/)([123])(?:[/.]|$)", text):
            return int(found[1])
    if "image-api" in context + profile:  # library.stanford.edu/iiif/image-api/1.1
        return 1
    return 3 if re.fullmatch(r"level[012]", profile) else 2


def _number(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
