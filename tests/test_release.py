"""tools/release.py, on clones of this repository."""

import datetime
import shutil
import subprocess
import tomllib
import zipfile
from pathlib import Path

import pytest

from tools.release import NotNow, check_wheel, release

REPO = Path(__file__).parents[1]
WORKFLOW = tomllib.loads((REPO / "pyproject.toml").read_text())["tool"]["pagewave"]["workflow"]
TODAY = datetime.date(2027, 1, 31)


def git(repo: Path, *arguments: str) -> str:
    name = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    command = ["git", *name, *arguments]
    return subprocess.run(
        command, cwd=repo, check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository on main that holds what this one does, and can be released."""
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "a")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "a@example.org")
    repo = tmp_path / "repo"
    repo.mkdir()
    return copied(repo)


def copied(repo: Path) -> Path:
    """What a wheel is made of, committed to a new repository."""
    for name in ("CHANGELOG.md", "README.md", "LICENSE", ".gitignore", "setup.py"):
        shutil.copy(REPO / name, repo)
    for name in ("pyproject.toml", "scripts", *WORKFLOW):
        repo.joinpath(name).parent.mkdir(parents=True, exist_ok=True)
        if (REPO / name).is_file():
            shutil.copy(REPO / name, repo / name)
        else:
            ignored = shutil.ignore_patterns("__pycache__", "*.egg*")
            shutil.copytree(REPO / name, repo / name, ignore=ignored)
    git(repo, "init", "-b", "main")
    git(repo, "add", ".")
    git(repo, "commit", "-m", "feat: all")
    return repo


def packed(tree: Path) -> Path:
    """A wheel without the building: its files in a zip archive."""
    version = (tree / "pyproject.toml").read_text().partition('version = "')[2].partition('"')[0]
    wheel = tree / f"pagewave-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path in (tree / "scripts" / "pagewave").rglob("*"):
            if path.is_file():
                archive.write(path, path.relative_to(tree / "scripts"))
        for path in (
            file for name in WORKFLOW for file in (tree / name, *(tree / name).rglob("*"))
        ):
            if path.is_file():
                archive.write(path, Path("pagewave/project", path.relative_to(tree)))
    return wheel


def test_a_release_is_a_commit_a_tag_a_section_of_the_changelog_and_a_wheel(clone: Path) -> None:
    new = (clone / "CHANGELOG.md").read_text().partition("## [Unreleased]\n")[2]
    wheel = release(clone, "7.0.0", TODAY, False, packed)
    assert wheel == clone / "dist" / "pagewave-7.0.0-py3-none-any.whl"
    assert wheel.exists()
    assert git(clone, "log", "-1", "--format=%s") == "chore: release 7.0.0"
    assert git(clone, "rev-parse", "v7.0.0^{commit}") == git(clone, "rev-parse", "HEAD")
    assert "### Added" in git(clone, "tag", "-n99", "v7.0.0")
    changelog = (clone / "CHANGELOG.md").read_text()
    assert f"## [Unreleased]\n\n## [7.0.0] - 2027-01-31\n{new}" in changelog
    assert 'version = "7.0.0"\n' in (clone / "pyproject.toml").read_text()
    assert '__version__ = "7.0.0"\n' in (clone / "scripts/pagewave/__init__.py").read_text()
    assert git(clone, "status", "--porcelain") == ""
    with pytest.raises(NotNow, match="says nothing below"):
        release(clone, "7.0.1", TODAY, False, packed)


def test_a_dry_run_changes_nothing(clone: Path) -> None:
    before = git(clone, "rev-parse", "HEAD")
    assert release(clone, "7.0.0", TODAY, True, packed) is None
    assert git(clone, "rev-parse", "HEAD") == before
    assert git(clone, "status", "--porcelain") == ""
    assert git(clone, "tag") == ""
    assert not (clone / "dist").exists()


def test_the_version_that_is_there_can_be_released_once(clone: Path) -> None:
    version = (clone / "pyproject.toml").read_text().partition('version = "')[2].partition('"')[0]
    assert release(clone, version, TODAY, False, packed)
    with pytest.raises(NotNow, match="tagged already"):
        release(clone, version, TODAY, False, packed)


@pytest.mark.parametrize("version", ["1.0", "v1.0.0", "1.0.0rc1", "01.0.0", "latest"])
def test_a_version_is_three_numbers(clone: Path, version: str) -> None:
    with pytest.raises(NotNow, match=r"no version like 1\.2\.3"):
        release(clone, version, TODAY, False, packed)


def test_there_is_no_release_of_what_is_older_changed_or_on_another_branch(clone: Path) -> None:
    with pytest.raises(NotNow, match="not newer"):
        release(clone, "0.0.1", TODAY, False, packed)
    (clone / "new.txt").write_text("new")
    with pytest.raises(NotNow, match="not committed"):
        release(clone, "7.0.0", TODAY, False, packed)
    (clone / "new.txt").unlink()
    git(clone, "switch", "-c", "topic")
    with pytest.raises(NotNow, match="branch topic"):
        release(clone, "7.0.0", TODAY, False, packed)


def test_a_wheel_that_lacks_a_template_or_holds_more_is_none(clone: Path, tmp_path: Path) -> None:
    whole = packed(clone)
    check_wheel(whole, clone, "0.1.0")
    short = tmp_path / whole.name
    with zipfile.ZipFile(whole) as archive, zipfile.ZipFile(short, "w") as other:
        for name in archive.namelist():
            if not name.endswith("page.html.jinja"):
                other.writestr(name, archive.read(name))
        other.writestr("tests/stray.py", "")
    with pytest.raises(
        NotNow, match=r"Missing: \['pagewave/.*page.html.jinja'\]; foreign: .*stray"
    ):
        check_wheel(short, clone, "0.1.0")
    with pytest.raises(NotNow, match="not version"):
        check_wheel(whole, clone, "0.1.1")


def test_nothing_is_changed_where_the_wheel_is_not_whole(clone: Path) -> None:
    def without_assets(tree: Path) -> Path:
        shutil.rmtree(tree / "scripts/pagewave/commands/monitor/assets")
        return packed(tree)

    with pytest.raises(NotNow, match=r"Missing: .*icon\.svg"):
        release(clone, "7.0.0", TODAY, False, without_assets)
    assert git(clone, "status", "--porcelain") == ""
    assert git(clone, "tag") == ""
