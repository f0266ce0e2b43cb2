"""What lies among the pages and is none is told with its reason and what to do."""

from pathlib import Path

from pagewave.levels import DEFAULT
from pagewave.pages.left_out import not_read

TREE = Path("scans")
BOOK = TREE / "Ohio/Oak/1859"


def test_each_reason_is_a_line_with_numbers_and_what_to_do() -> None:
    ignored = [BOOK / f"IMG_{n:04}.JPG" for n in range(117)]
    ignored += [TREE / "Ohio/Oak/1860/catalog 1859 p.12.jpg", TREE / "Ohio/loose.tif"]
    ignored += [BOOK / "notes.txt", BOOK / "._IMG_0001.jpg"]
    nameless, elsewhere, others = not_read(ignored, TREE, DEFAULT)
    assert nameless == (
        "118 images in 2 folders (IMG_0000.JPG, IMG_0001.JPG and 116 more), their names tell no "
        "page. Name each by its page's number, such as 12.jpg"
    )
    assert elsewhere == (
        "1 image in 1 folder (loose.tif), not in a book's folder. Move each to "
        "scans/{state}/{school}/{year}"
    )
    assert others == (
        "scans/Ohio/Oak/1859/notes.txt, scans/Ohio/Oak/1859/._IMG_0001.jpg are no labels and left "
        "alone."
    )
    assert not_read([], TREE, DEFAULT) == []
