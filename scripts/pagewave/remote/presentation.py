"""IIIF Presentation API 2 and 3: canvases of a manifest, manifests of a collection.

(iiif.io/api/presentation/2.1 and /3.0.) What a manifest shows is an image a canvas; all else that
the standard allows is named in words, so that nobody misses a page without knowing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pagewave.characters import clean
from pagewave.errors import DataError
from pagewave.remote.image_service import best_address

PAINTING = ("painting", "sc:painting")
OTHER_MEDIA = ("video", "sound", "dataset", "text", "model", "dctypes:movingimage", "dctypes:sound")


@dataclass(frozen=True)
class Canvas:
    """A page as a manifest has it; `url` is empty where it has no image that can be used.

    Sizes are those of the image as it will come, in pixels, 0 where nothing states them.
    `trouble`: what can't be used of it, in words.
    """

    id: str
    label: str
    url: str = ""
    width: int = 0
    height: int = 0
    media_type: str = ""
    trouble: str = ""


@dataclass(frozen=True)
class Manifest:
    """A book as a manifest describes it; `date` is `navDate`, `notes` what is to be known of it."""

    id: str
    label: str
    rights: str
    date: str
    canvases: tuple[Canvas, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Collection:
    """Manifests and further collections, by their addresses, each with its label."""

    id: str
    label: str
    manifests: tuple[tuple[str, str], ...]
    collections: tuple[tuple[str, str], ...] = ()


def read(document: Any, longest_side: int | None) -> Manifest | Collection:
    """What a document says, as it was parsed from JSON.

    Args:
        longest_side: in pixels, no more of an image is asked for where its server makes it smaller.

    Raises:
        DataError: it is neither a manifest nor a collection, or has no canvas.
    """
    if not isinstance(document, dict):
        raise DataError("it is no IIIF manifest: not a JSON object")
    kind = _type(document)
    if kind == "collection":
        return _collection(document)
    if kind != "manifest":
        what = f"its type is {kind!r}" if kind else "it has no type"
        raise DataError(
            f"it is no IIIF manifest or collection of the Presentation API 2 or 3: {what}"
        )
    notes: list[str] = []
    if "items" in document:
        found = [_canvas_3(each, longest_side) for each in _dicts(document["items"])]
    else:
        sequences = list(_dicts(document.get("sequences")))
        if len(sequences) > 1:
            notes.append(f"it has {len(sequences)} sequences of canvases: the first one is taken")
        canvases = sequences[0].get("canvases") if sequences else None
        found = [_canvas_2(each, longest_side) for each in _dicts(canvases)]
    if not found:
        raise DataError("the manifest has no canvas")
    rights = document.get("rights") or document.get("license") or ""
    return Manifest(
        id=_id(document),
        label=_words(document.get("label")),
        rights=_words(rights),
        date=str(document.get("navDate") or ""),
        canvases=tuple(found),
        notes=tuple(notes),
    )


def years_in(text: str) -> list[int]:
    """Years from 1000 to 2099 that a text names, each once."""
    return list(
        dict.fromkeys(int(year) for year in re.findall(r"(?<!\d)(?:1\d|20)\d\d(?!\d)", text))
    )


def _collection(document: dict[str, Any]) -> Collection:
    members = [
        member
        for key in ("items", "manifests", "collections", "members")
        for member in _dicts(document.get(key))
    ]
    manifests, collections = [], []
    for member in members:
        entry = (_id(member), _words(member.get("label")))
        if entry[0] and _type(member) == "manifest":
            manifests.append(entry)
        elif entry[0] and _type(member) == "collection":
            collections.append(entry)
    if not members:
        raise DataError("the collection is empty")
    return Collection(
        _id(document), _words(document.get("label")), tuple(manifests), tuple(collections)
    )


def _canvas_3(canvas: dict[str, Any], longest_side: int | None) -> Canvas:
    bodies = [
        body
        for page in _dicts(canvas.get("items"))
        for annotation in _dicts(page.get("items"))
        if _words(annotation.get("motivation")) in PAINTING
        for body in _dicts(annotation.get("body"))
    ]
    return _canvas(canvas, bodies, longest_side)


def _canvas_2(canvas: dict[str, Any], longest_side: int | None) -> Canvas:
    bodies = [
        body
        for annotation in _dicts(canvas.get("images"))
        for body in _dicts(annotation.get("resource"))
    ]
    return _canvas(canvas, bodies, longest_side)


def _canvas(canvas: dict[str, Any], bodies: list[dict[str, Any]], side: int | None) -> Canvas:
    named, label = _id(canvas), _words(canvas.get("label"))
    trouble = []
    if len(bodies) > 1:
        trouble.append(f"it has {len(bodies)} images, of which the first one is taken")
    if not bodies:
        return Canvas(named, label, trouble="it has no image")
    body = bodies[0]
    if _type(body) in ("choice", "oa:choice"):
        choices = [
            *_dicts(body.get("default")),
            *_dicts(body.get("item")),
            *_dicts(body.get("items")),
        ]
        if not choices:
            return Canvas(named, label, trouble="it has a choice of nothing")
        trouble.append(f"it has a choice of {len(choices)} images: the first one is taken")
        body = choices[0]
    if _type(body) in ("specificresource", "oa:specificresource"):
        whole = next(_dicts(body.get("source") or body.get("full")), None)
        if whole is None:
            return Canvas(named, label, trouble="its image is not named")
        if body.get("selector"):
            trouble.append("it shows a part of an image: all of it is taken")
        body = whole
    if _type(body) in OTHER_MEDIA or str(body.get("format", "image/")).partition("/")[0] != "image":
        return Canvas(named, label, trouble=f"it is no image but {_type(body) or body['format']}")
    if needs_login(body):
        return Canvas(named, label, trouble="its image needs a login")
    address = best_address(body, side)
    if not address.url:
        return Canvas(named, label, trouble="its image has no address")
    return Canvas(
        named,
        label,
        *(address.url, address.width, address.height, address.media_type),
        trouble="; ".join(trouble),
    )


def needs_login(body: Any) -> bool:
    """Does an image, or a service of it, name a service for authorization (IIIF Auth 0 to 2)?"""
    for service in _dicts(body.get("service")) if isinstance(body, dict) else ():
        said = " ".join(
            str(service.get(key, "")) for key in ("@context", "profile", "type", "@type")
        ).lower()
        if "/auth/" in said or _type(service).startswith("auth") or needs_login(service):
            return True
    return False


def _type(item: dict[str, Any]) -> str:
    """`type` of version 3 or `@type` of version 2, in small letters and without prefix `sc:`."""
    return str(item.get("type") or item.get("@type") or "").lower().removeprefix("sc:")


def _id(item: dict[str, Any]) -> str:
    return str(item.get("id") or item.get("@id") or "")


def _dicts(value: Any) -> Iterator[dict[str, Any]]:
    """The objects in a value that is one, a list of them, or nothing."""
    for each in value if isinstance(value, list) else [value]:
        if isinstance(each, dict):
            yield each


def _words(value: Any) -> str:
    """A label in any form that both versions have: a text, texts, texts by language."""
    if isinstance(value, dict):
        if "@value" in value:
            return _words(value["@value"])
        languages = [value[key] for key in ("none", "@none", "en") if key in value]
        return _words([*languages, *value.values()][0]) if value else ""
    if isinstance(value, list):
        return " ".join(filter(None, (_words(each) for each in value)))
    return " ".join(clean(str(value)).split()) if value is not None else ""
