"""The docs as a site: made without a warning, and it asks for nothing from elsewhere."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from helpers.library import REPO

FETCHED = re.compile(
    r"<(?!a\s)[^>]*\s(?:src|href)\s*=\s*[\"']?(?:https?:)?//[^\s\"'>]+"  # all but links
    r"|url\([\"']?(?:https?:)?//[^)]+|@import[^;]+|(?:fetch|import)\([\"'](?:https?:)?//[^\"']+"
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site; a link that leads nowhere, or a page that no door shows, would be a warning."""
    made = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "--quiet", "--fail-on-warning", "--keep-going"]
    command += ["-d", str(made / "doctrees"), "-c", "docs", ".", str(made / "site")]
    done = subprocess.run(command, cwd=REPO, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return made / "site"


def test_all_pages_are_in_it_and_its_folder_leads_to_the_doors(site: Path) -> None:
    pages = [*REPO.glob("docs/*.md"), *REPO.glob("*.md"), REPO / "config/README.md"]
    for page in pages:
        assert (site / page.relative_to(REPO).with_suffix(".html")).is_file()
    first = re.search(r"url=([^\"]+)", (site / "index.html").read_text())
    assert first
    doors = (site / first[1]).read_text()
    assert [door in doors for door in ("Look at it", "Read my scans", "Run it for weeks")] == [
        True
    ] * 3
    # README's picture goes with it.
    assert (site / "_images/reading_room.png").is_file()


def test_it_asks_for_nothing_from_elsewhere(site: Path) -> None:
    assert FETCHED.search('<script defer src="https://example.org/a.js">')
    assert FETCHED.search("@import url(https://example.org/font.css);")
    files = [path for path in site.rglob("*") if path.suffix in (".html", ".css", ".js")]
    assert len(files) > 30
    found = {str(f.relative_to(site)): FETCHED.findall(f.read_text("utf-8")) for f in files}
    assert {file: asked for file, asked in found.items() if asked} == {}


def test_who_cites_pagewave_finds_what_the_package_says() -> None:
    citation = yaml.safe_load((REPO / "CITATION.cff").read_text(encoding="utf-8"))
    project = (REPO / "pyproject.toml").read_text(encoding="utf-8")
    # What the form wants (citation-file-format 1.2.0).
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert citation["cff-version"] == "1.2.0"
    assert f'license = "{citation["license"]}"' in project
    assert f"(c) 2026 {citation['authors'][0]['name'][0].lower()}" in (REPO / "LICENSE").read_text()


def test_the_workflow_catalog_is_told_what_is_there() -> None:
    catalog = yaml.safe_load((REPO / ".snakemake-workflow-catalog.yml").read_text())
    assert catalog["usage"]["software-stack-deployment"]["report"] is True
    readme = (REPO / "README.md").read_text(encoding="utf-8").lower()
    assert "snakemake" in readme and "workflow" in readme
    assert all((REPO / name).is_file() for name in ("Snakefile", "config/README.md"))
    assert list((REPO / "rules").glob("*.smk"))
    has_conda = any("conda:" in rule.read_text() for rule in (REPO / "rules").glob("*.smk"))
    assert catalog["usage"]["software-stack-deployment"]["conda"] is has_conda
