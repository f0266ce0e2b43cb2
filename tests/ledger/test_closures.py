"""What single calls met is known to the next run: flex that refuses, a day that is used up."""

from contextlib import closing
from pathlib import Path

from pagewave.ledger import Ledger, Refused

WHO = ("gemini", "m")


def test_flex_refuses_from_when_it_is_noted_until_it_answers(tmp_path: Path) -> None:
    with closing(Ledger.open(tmp_path / "ledger.sqlite")) as ledger:
        assert ledger.closures.refused(*WHO) is None
        ledger.closures.note_refused(*WHO, Refused(100.0, 400.0))
        ledger.closures.note_refused(*WHO, Refused(100.0, 700.0))
        assert ledger.closures.refused("gemini", "other") is None
    with closing(Ledger.open(tmp_path / "ledger.sqlite")) as ledger:
        assert ledger.closures.refused(*WHO) == (100.0, 700.0)
        ledger.closures.note_refused(*WHO, None)
        assert ledger.closures.refused(*WHO) is None


def test_a_used_up_day_and_flex_that_refuses_are_told_apart(tmp_path: Path) -> None:
    with closing(Ledger.open(tmp_path / "ledger.sqlite")) as ledger:
        assert ledger.closures.used_up_until(*WHO) == 0.0
        ledger.closures.note_used_up(*WHO, 500.0)
        assert ledger.closures.refused(*WHO) is None
        ledger.closures.note_refused(*WHO, Refused(1.0, 2.0))
        assert ledger.closures.used_up_until(*WHO) == 500.0
