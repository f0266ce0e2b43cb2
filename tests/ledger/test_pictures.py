"""What was seen of pages' pictures: kept once a picture and doubt, in place of any earlier."""

from contextlib import closing
from pathlib import Path

from pagewave.ledger import Ledger

KEY = "Ohio:Elm School:1850:1"


def test_of_two_looks_that_doubt_the_same_the_later_is_told_until_another_picture_is_noted(
    tmp_path: Path,
) -> None:
    with closing(Ledger.open(tmp_path / "ledger.sqlite")) as ledger:
        pictures = ledger.pictures
        looks = [("cut_picture", "by its header"), ("cut_picture", "by its lower half")]
        pictures.note(KEY, "a" * 64, looks)
        assert pictures.doubted() == [(KEY, *looks[1])]
        pictures.note(KEY, "b" * 64, [])
        assert pictures.doubted() == []
        assert (pictures.keys(), pictures.looked_at(KEY)) == ({KEY}, "b" * 64)
