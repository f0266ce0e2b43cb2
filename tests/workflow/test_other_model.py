"""A whole run that another model answers: what is said of it, and how it ends."""

from pathlib import Path

from helpers.library import Library

DEARER, ALIKE = "gemini-3.8-flash", "gemini-3.5-flash-lite"
BOOK = "Ohio/Elm/1850"


def test_a_dearer_model_ends_the_run_with_code_5_until_a_person_says_yes(tmp_path: Path) -> None:
    with Library(tmp_path, {BOOK: 2}) as library:
        library.configure(embedded={"faults": [f"other-model:model={DEARER}"]})
        output = library.run(code=5)
        assert output.count(f"ANOTHER MODEL ANSWERS: {DEARER}, asked was gemini-2.5-flash") == 1
        assert "Nothing more is sent; what was read is kept" in output
        assert library.inferences() == {"Ohio:Elm:1850:1": 1}
        output = library.run("-n")
        assert f"gemini-2.5-flash was answered by {DEARER} the last time" in output
        assert "nothing is sent" in output
        library.run(code=5)
        assert library.inferences() == {"Ohio:Elm:1850:1": 1}
        library.configure(model={"on_other_model": "accept"})
        output = library.run()
        assert f"ANOTHER MODEL ANSWERED: {DEARER}, asked was gemini-2.5-flash: 1 att" in output
        assert library.inferences() == {"Ohio:Elm:1850:1": 1, "Ohio:Elm:1850:2": 1}
        assert library.book(BOOK)["read_by"] == {DEARER: 2}


def test_a_model_at_the_same_price_is_flagged_and_the_run_goes_on(tmp_path: Path) -> None:
    with Library(tmp_path, {BOOK: 1}) as library:
        library.configure(embedded={"faults": [f"other-model:model={ALIKE}"]})
        output = library.run()
        assert "ANOTHER MODEL ANSWERS" in output
        assert "Flagged pages (other_model: 1)" in output
        [page] = library.book(BOOK)["pages"]
        assert page["provenance"]["model_served"] == ALIKE
