"""The bundled sample: every label has an image and a truth, and the truth is what is printed."""

import json
import subprocess
import sys
from pathlib import Path

SAMPLE = Path(__file__).parent.parent / "resources" / "sample"


def names(kind: str, suffix: str) -> set[str]:
    """Pages of the sample as `state/school/year/page`."""
    folder = SAMPLE / kind
    return {str(p.relative_to(folder).with_suffix("")) for p in folder.rglob(f"*{suffix}")}


def test_every_page_is_complete() -> None:
    assert names("labels", ".json") == names("images", ".jpg") == names("truth", ".json")
    assert len(names("labels", ".json")) == 18


def test_the_generator_makes_the_committed_truth(tmp_path: Path) -> None:
    generator = SAMPLE / "generator" / "make_pages.py"
    subprocess.run([sys.executable, generator, "--out", tmp_path, "--truth-only"], check=True)
    made = {
        str(p.relative_to(tmp_path)): json.loads(p.read_text()) for p in tmp_path.rglob("*.json")
    }
    truth = {k: v for k, v in made.items() if k.startswith("truth/")}
    assert len(truth) == 18
    for name, page in truth.items():
        assert page == json.loads((SAMPLE / name).read_text()), name
