"""What is taken from manifests of both versions, and what is told of the rest."""

from typing import Any

import pytest

from pagewave.errors import DataError
from pagewave.remote.image_service import best_address
from pagewave.remote.manifests import book_of
from pagewave.remote.presentation import Manifest, read, years_in

IMAGE = "https://images.test/iiif/p1"


def version_3(*bodies: Any) -> dict[str, Any]:
    """A manifest of one canvas with these bodies."""
    paintings = [{"type": "Annotation", "motivation": "painting", "body": body} for body in bodies]
    canvas = {"id": "c1", "type": "Canvas", "items": [{"items": paintings}]}
    return {"type": "Manifest", "id": "m", "label": {"none": ["Book"]}, "items": [canvas]}


def version_2(resource: Any) -> dict[str, Any]:
    """A manifest of one canvas with this resource."""
    canvas = {"@id": "c1", "label": ["p.", {"@value": "7"}], "images": [{"resource": resource}]}
    return {"@type": "sc:Manifest", "label": "Book", "sequences": [{"canvases": [canvas]}]}


def image(**more: Any) -> dict[str, Any]:
    """A body of version 3 without a service."""
    return {"id": f"{IMAGE}.jpg", "type": "Image", "format": "image/jpeg"} | more


def service(level: str, version: int = 3, **more: Any) -> dict[str, Any]:
    """A body with an image service of a level."""
    entry = {"id": IMAGE, "type": f"ImageService{version}", "profile": level}
    return image(**{"width": 6000, "height": 8000, "service": [entry]} | more)


def told(document: dict[str, Any]) -> tuple[str, str]:
    """The address of the first page, and what is said of it."""
    manifest = read(document, 3072)
    assert isinstance(manifest, Manifest)
    book, notes = book_of("https://manifests.test/m", manifest)
    return book.pages["1"].url if book.pages else "", "; ".join(notes)


ADDRESSES = {
    "level2 of version 3 by width": (service("level2"), f"{IMAGE}/full/2304,/0/default.jpg"),
    "level1 by width": (service("level1"), f"{IMAGE}/full/2304,/0/default.jpg"),
    "level0 as it is": (service("level0"), f"{IMAGE}.jpg"),
    "level2 of version 2, profile with more": (
        {
            "@id": f"{IMAGE}/full/full/0/default.jpg",
            "@type": "dctypes:Image",
            "service": {
                "@context": "http://iiif.io/api/image/2/context.json",
                "@id": f"{IMAGE}/",
                "profile": ["http://iiif.io/api/image/2/level2.json", {"maxWidth": 9000}],
                "width": 3000,
                "height": 6144,
            },
        },
        f"{IMAGE}/full/1500,/0/default.jpg",
    ),
    "no size: the whole, as the manifest asks for it": (
        {
            "@id": f"{IMAGE}/full/full/0/default.jpg",
            "service": {"@id": IMAGE, "profile": "http://iiif.io/api/image/2/level2.json"},
        },
        f"{IMAGE}/full/full/0/default.jpg",
    ),
    "no address of its own, version 2": (
        {"service": {"@id": IMAGE, "profile": "http://iiif.io/api/image/2/level1.json"}},
        f"{IMAGE}/full/full/0/default.jpg",
    ),
    "no address of its own, version 3": (
        {"service": [{"id": IMAGE, "type": "ImageService3", "profile": "level1"}]},
        f"{IMAGE}/full/max/0/default.jpg",
    ),
    "version 1": (
        {
            "@id": f"{IMAGE}.jpg",
            "width": 4000,
            "height": 2000,
            "service": {
                "@id": IMAGE,
                "profile": "http://library.stanford.edu/iiif/image-api/1.1/compliance.html#level1",
            },
        },
        f"{IMAGE}/full/3072,/0/native.jpg",
    ),
    "small enough": (
        service("level2", width=200, height=300, id=f"{IMAGE}/full/max/0/default.jpg"),
        f"{IMAGE}/full/max/0/default.jpg",
    ),
    "no service": (image(), f"{IMAGE}.jpg"),
}


@pytest.mark.parametrize("what", ADDRESSES)
def test_an_image_is_asked_for_no_larger_than_it_is_sent(what: str) -> None:
    body, address = ADDRESSES[what]
    assert best_address(body, 3072).url == address


def test_without_a_longest_side_the_whole_image_is_asked_for() -> None:
    assert best_address(service("level2"), None).url == f"{IMAGE}/full/max/0/default.jpg"


LOGIN = {"@id": "login", "profile": "http://iiif.io/api/auth/1/login"}
PROBE = {"id": "probe", "type": "AuthProbeService2"}
REMARKS = {
    "it has no image": version_3(),
    "it has 2 images, of which the first one is taken": version_3(image(), image()),
    "it has a choice of 2 images: the first one is taken": version_3(
        {"type": "Choice", "items": [image(), image()]}
    ),
    "a choice of 2 images": version_2(
        {"@type": "oa:Choice", "default": image(), "item": [image()]}
    ),
    "it shows a part of an image: all of it is taken": version_3(
        {"type": "SpecificResource", "source": image(), "selector": {"region": "0,0,1,1"}}
    ),
    "it is no image but video": version_3({"type": "Video", "id": "v", "format": "video/mp4"}),
    "its image needs a login": version_3(
        image(service=[{"id": IMAGE, "type": "ImageService2", "service": [LOGIN]}])
    ),
    "needs a login": version_3(image(service=[PROBE])),
    "its image has no address": version_3({"type": "Image"}),
    "it is in a bucket": version_3(image(id="s3://private/1.jpg")),
    "expected an address that begins with https://": version_3(image(id="ftp://images.test/1.jpg")),
}
TAKEN = ("taken", "choice")


@pytest.mark.parametrize("words", REMARKS)
def test_what_cannot_be_used_is_told_in_words(words: str) -> None:
    address, said = told(REMARKS[words])
    assert words in said
    assert bool(address) == any(word in words for word in TAKEN)
    assert ("is left out" in said) != bool(address)


def test_labels_of_both_versions_are_words() -> None:
    manifest = read(version_2(image()), None)
    assert isinstance(manifest, Manifest)
    assert (manifest.label, manifest.canvases[0].label) == ("Book", "p. 7")


NO_MANIFESTS = {
    "not a JSON object": ["a"],
    "its type is 'canvas'": {"type": "Canvas"},
    "it has no type": {"hello": 1},
    "has no canvas": {"type": "Manifest", "items": []},
    "the collection is empty": {"type": "Collection", "items": []},
}


@pytest.mark.parametrize("words", NO_MANIFESTS)
def test_a_document_that_is_no_manifest_is_refused_in_words(words: str) -> None:
    with pytest.raises(DataError, match=words):
        read(NO_MANIFESTS[words], None)


def test_years_are_numbers_of_four_digits_alone() -> None:
    assert years_in("1851-52, reprinted 1851 and 1902; shelf 118523") == [1851, 1902]
