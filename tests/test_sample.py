"""The bundled sample: every label has an image and a truth, and the truth is what is printed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.strict import INSTALL

SAMPLE = Path(__file__).parents[1] / "resources" / "sample"


def names(kind: str, suffix: str) -> set[str]:
    """Pages of the sample as `state/school/year/page`."""
    folder = SAMPLE / kind
    return {str(p.relative_to(folder).with_suffix("")) for p in folder.rglob(f"*{suffix}")}


def test_every_page_is_complete() -> None:
    assert names("labels", ".json") == names("images", ".jpg") == names("truth", ".json")
    assert len(names("labels", ".json")) == 18


def test_the_generator_makes_the_committed_labels_and_truth(tmp_path: Path) -> None:
    generator = SAMPLE / "generator" / "make_pages.py"
    subprocess.run([sys.executable, generator, "--out", tmp_path, "--truth-only"], check=True)
    made = {
        str(p.relative_to(tmp_path)): json.loads(p.read_text()) for p in tmp_path.rglob("*.json")
    }
    assert len(made) == 2 * 18
    for name, content in made.items():
        assert content == json.loads((SAMPLE / name).read_text()), name


def test_the_images_are_as_large_as_promised() -> None:
    sizes = [path.stat().st_size for path in (SAMPLE / "images").rglob("*.jpg")]
    assert min(sizes) >= 38_000
    assert max(sizes) <= 94_208


@pytest.mark.parametrize(
    ("page", "facts", "heading"),
    [
        ("Massachusetts/Ashgrove College/1852/5", ("level", "term"), "senior year"),
        ("Ohio/Merrivale Female Seminary/1859/4", ("level", "term"), "senior class"),
        ("Vermont/Linden Grove Academy/1866/4", ("department",), "department of english"),
    ],
)
def test_a_list_runs_over_without_its_heading(
    page: str, facts: tuple[str, ...], heading: str
) -> None:
    """The truth knows what stands under a heading of the page before."""
    truth = json.loads((SAMPLE / "truth" / f"{page}.json").read_text())
    book, _, number = page.rpartition("/")
    before = json.loads((SAMPLE / "truth" / book / f"{int(number) - 1}.json").read_text())
    assert heading in before["text"].lower()
    assert heading not in truth["text"].lower()
    for fact in facts:
        assert truth["courses"][0][fact] == before["courses"][-1][fact] is not None


@pytest.mark.skipif(
    not list(Path("/usr/share/fonts").rglob("OldStandard-*")),
    reason=f"needs the sample's fonts: {INSTALL}",
)
def test_the_table_of_letter_widths_is_that_of_the_fonts() -> None:
    script = "import json, type_metrics as t; assert t.measure() == json.loads(t.TABLE.read_text())"
    subprocess.run([sys.executable, "-c", script], cwd=SAMPLE / "generator", check=True)
