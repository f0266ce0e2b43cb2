"""`pagewave audit`: a sample is drawn, judged, made larger and certified."""

import json
from pathlib import Path

import pytest

from helpers.audited import LINES, AuditedLibrary, fill
from helpers.command_calls import printed, said
from pagewave.errors import DataError

RIGHT = {"*": {"verdict": "right"}}


@pytest.fixture
def library(tmp_path: Path) -> AuditedLibrary:
    return AuditedLibrary(tmp_path, {"Ohio/Elm/1850": 20, "Ohio/Oak/1851": 15})


def _bytes(library: AuditedLibrary, name: str) -> bytes:
    return (library.root / "audit" / name).read_bytes()


def test_a_sample_is_drawn_judged_made_larger_and_certified(library: AuditedLibrary) -> None:
    output = printed(library, "audit", "--lines", "36", "--course-pages", "12")
    assert f"36 of {35 * LINES} lines are drawn, of 35 pages; 0 are judged" in output
    assert "12 of 35 pages with their courses are drawn" in output
    sheet = _bytes(library, "sheet.html").decode()
    assert sheet.count('<article id="line-') == 36
    assert sheet.count("data:image/webp;base64,") == 36 + 12
    fill(library.root / "audit/lines.csv", RIGHT)
    fill(library.root / "audit/courses.csv", {"*": {"wrong": "0", "missed": "0"}})
    typed = _bytes(library, "lines.csv")

    [lines, _] = said(library, "audit", "--lines", "72")["samples"]
    assert (lines["drawn"], lines["judged"]) == (72, 36)
    assert _bytes(library, "lines.csv").startswith(typed)
    made = said(library, "audit", "--certify")
    assert made["figures"]["cer"]["judged"] == 36
    assert made["figures"]["cer"]["low"] == 0 < made["figures"]["cer"]["high"]
    assert made["figures"]["course_precision"]["high"] == 1
    assert 0 < made["figures"]["course_recall"]["low"] < 1
    assert made["changed"] == []
    certificate = json.loads(_bytes(library, "certificate.json"))
    assert len(certificate["pages"]) == 35

    library.read("Ohio:Elm:1850:3", 3, extra=" anew")
    assert said(library, "audit", "--certify")["changed"] == ["Ohio:Elm:1850:3"]
    told = printed(library, "audit", "--certify")
    assert "1 page changed since the sample was drawn (Ohio:Elm:1850:3)" in told
    assert "pages changed since it was drawn" in printed(
        library, "audit", "--lines", "80", code=DataError.exit_code
    )


def test_the_same_seed_draws_the_same_lines_and_another_one_wants_another_folder(
    library: AuditedLibrary,
) -> None:
    folders = {name: ("--folder", f"audit/{name}") for name in ("one", "two", "three")}
    drawn = {}
    for (name, folder), seed in zip(folders.items(), ("7", "7", "8"), strict=True):
        printed(library, "audit", "--lines", "36", "--seed", seed, *folder)
        drawn[name] = _bytes(library, f"{name}/lines.csv")
    assert drawn["one"] == drawn["two"] != drawn["three"]
    refused = printed(library, "audit", "--seed", "9", *folders["one"], code=DataError.exit_code)
    assert "was drawn with the seed 7" in refused
    assert "--folder audit/one-9" in refused
    assert _bytes(library, "one/lines.csv") == drawn["one"]


def test_pages_that_changed_since_their_words_were_looked_for_are_named(
    library: AuditedLibrary,
) -> None:
    file = library.page_file("Ohio:Oak:1851:2")
    file.write_bytes(file.read_bytes() + b" ")
    output = printed(library, "audit", code=DataError.exit_code)
    assert "1 page changed since their words were looked for (Ohio:Oak:1851:2)" in output
    assert not (library.root / "audit").exists()


def test_without_words_or_sample_it_says_what_to_do(
    library: AuditedLibrary, tmp_path: Path
) -> None:
    assert "no sample was drawn there" in printed(
        library, "audit", "--certify", code=DataError.exit_code
    )
    for file in (tmp_path / "results/words").rglob("*.json"):
        file.unlink()
    assert "no page that was read has its words there" in printed(
        library, "audit", code=DataError.exit_code
    )
