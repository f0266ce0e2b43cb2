"""`pagewave` as a whole: projects, folders below them, what Tab completes, what the docs say."""

import json
import re
import shlex
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from helpers.drawers import write
from helpers.embedded_process import EmbeddedProcess
from helpers.library import REPO, Library
from pagewave import command_line
from pagewave.command_names import COMMANDS
from pagewave.commands import folders
from pagewave.commands.__main__ import main
from pagewave.commands.folders import go_to_project, typed_path
from pagewave.commands.project import doctor
from pagewave.commands.project.run import snakemake_options
from pagewave.config.keys import KEY_VARIABLES
from pagewave.config.settings import load_settings
from pagewave.own_files import PROFILES, SNAKEFILE
from pagewave.pages.dataset import scan
from tools import command_docs


@pytest.fixture(autouse=True)
def folder_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a command was called is a process's own: the next test is another command."""
    monkeypatch.setattr(folders, "_called_in", [])


def test_the_page_of_all_commands_is_what_they_say() -> None:
    page = command_docs.page()
    assert (REPO / "docs/commands.md").read_text(encoding="utf-8") == page
    assert page.count("### pagewave ") == len(COMMANDS) > 20
    assert all(word not in page for word in ("--record-key", "--key", "--show ", "--pages"))


def completed(words: str, script: Path) -> set[str]:
    """What bash offers for the last word."""
    split = words.split(" ")
    bash = (
        f"source {script}; COMP_WORDS=({words}); COMP_CWORD={len(split) - 1}; "
        f'_shtab_pagewave pagewave "{split[-1]}" "{split[-2]}"; printf "%s\\n" "${{COMPREPLY[@]}}"'
    )
    done = subprocess.run(["bash", "-c", bash], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_tab_completes_commands_and_options(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["completion", "bash"]) == 0
    script = tmp_path / "pagewave.bash"
    script.write_text(capsys.readouterr().out)
    assert completed("pagewave st", script) == {"status"}
    assert completed("pagewave prompts c", script) == {"compare"}
    assert completed("pagewave failures --pa", script) == {"--page"}
    assert completed("pagewave run --rerun-inc", script) == {"--rerun-incomplete"}
    for shell in ("zsh", "fish"):
        assert main(["completion", shell]) == 0
        assert "score-pages" in capsys.readouterr().out


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project, just made; the test is in the folder that it lies in."""
    monkeypatch.chdir(tmp_path)
    assert main(["init", "my books"]) == 0
    return tmp_path / "my books"


def test_the_settings_explained_in_a_new_project_link_to_nothing_that_does_not_lie_there(
    tmp_path: Path,
) -> None:
    assert main(["init", str(tmp_path)]) == 0
    explained = (tmp_path / "config/README.md").read_text(encoding="utf-8")
    assert "pagewave's docs/remote_scans.md." in explained
    links = re.findall(r"]\(([^)]*)\)", explained)
    assert links and {link[0] for link in links} == {"#"}


def test_a_new_project_is_whole_and_nothing_in_it_is_written_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["init", "my books"]) == 0
    project, said = tmp_path / "my books", capsys.readouterr().out
    words = shlex.split(said.partition("Next: ")[2])
    assert words[:3] == ["cd", "my books", "&&"]
    assert words[-2:] == ["import", "FOLDER-OF-SCANS"]
    config = yaml.safe_load((project / "config/config.yaml").read_text())
    monkeypatch.chdir(project)
    settings = load_settings(config, project)
    assert (settings.engine, settings.filters.labels) == ("gemini", "all")
    assert settings.warnings == ()
    assert stat.S_IMODE((project / ".env").stat().st_mode) == 0o600
    assert ".env" in (project / ".gitignore").read_text().splitlines()
    subprocess.run([sys.executable, "-m", "snakefmt", "--check", project / "Snakefile"], check=True)
    before = {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}
    assert main(["init", "."]) == 3
    assert "is a project already" in capsys.readouterr().err
    (project / "config/config.yaml").unlink()
    (project / ".env").write_text("GEMINI_API_KEY=mine")
    assert main(["init", "."]) == 0
    assert "Left as they are: Snakefile, .gitignore, .env" in capsys.readouterr().out
    after = {path: path.read_bytes() for path in before}
    assert {path for path in before if before[path] != after[path]} == {project / ".env"}


def test_who_has_no_key_is_told_files_that_are_there(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(project)
    for name in KEY_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    capsys.readouterr()
    said = ""
    for command, code in (("doctor", 1), ("logs", 2)):
        assert main([command]) == code
        said += "".join(capsys.readouterr())
    (project / ".env").write_bytes(b"\xff")
    assert main(["doctor"]) == 1
    said += "".join(capsys.readouterr())
    assert "cannot be read" in said
    files = set(re.findall(r"\.env(?:\.\w+)?", said))
    assert files and all((project / file).exists() for file in files)


def test_commands_find_the_project_from_below_and_files_from_where_one_is(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    below = project / "delivered" / "box"
    write(below / "p. 1.jpg")
    monkeypatch.chdir(below)
    go_to_project([])
    assert Path.cwd() == project
    assert typed_path("x.csv") == below / "x.csv"
    monkeypatch.chdir(below)
    go_to_project(["--configfile", "x.yaml"])
    assert Path.cwd() == below
    assert typed_path("x.csv") == Path("x.csv")
    capsys.readouterr()
    assert main(["import", ".", "--dry-run", "--json"]) == 0
    (book,) = json.loads(capsys.readouterr().out)["books"]
    assert book["files"] == [{"file": str(below / "p. 1.jpg"), "first": 1, "last": 1}]


def test_import_asks_once_and_a_no_changes_nothing(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write(project.parent / "box" / "Elm 1850 p.1.jpg")
    monkeypatch.chdir(project)
    read, text = [], iter(("n\n", "y\n"))
    monkeypatch.setattr(sys, "stdin", type("Typed", (), {"readline": lambda _: next(text)})())
    for code, taken in ((1, 0), (0, 1)):
        assert main(["import", "../box"]) == code
        read.append(capsys.readouterr().err.count("[y/N]"))
        assert len(list((project / "scans").rglob("*.jpg"))) == taken
    assert read == [1, 1]
    # What names tell wrongly is corrected in a table.
    write(project.parent / "more" / "cover.jpg")
    assert main(["import", "../more", "-n", "--table", "found.csv"]) == 0
    text = Path("found.csv").read_text()
    assert text.count("more/cover.jpg,Unsorted,more,0,1,1,") == 1
    Path("found.csv").write_text(text.replace("Unsorted,more,0,1,1", "Unsorted,Elm,1850,2,"))
    assert main(["import", "found.csv", "--yes"]) == 0
    assert Path("scans/Unsorted/Elm/1850/2.jpg").exists()
    capsys.readouterr()
    assert main(["open", "--print", "--page", "Unsorted:Elm:1850:1"]) == 0
    assert capsys.readouterr().out == "scans/Unsorted/Elm/1850/1.jpg\n"
    assert main(["open"]) == 3
    for wrong, why in (
        ("../nowhere", "is no folder"),
        ("scans", "Move those"),
        ("..", "Move those"),
    ):
        capsys.readouterr()
        assert main(["import", wrong]) == 3
        assert why in capsys.readouterr().err


def test_run_adds_what_is_missing_and_nothing_more(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SNAKEMAKE_PROFILE", raising=False)
    monkeypatch.chdir(project)
    assert snakemake_options(["-n"]) == ["--profile", "profiles/local"]
    assert snakemake_options(["--profile=mine", "-n"]) == []
    monkeypatch.chdir(tmp_path)
    own = ["-s", str(SNAKEFILE), "--profile", str(PROFILES / "local")]
    assert snakemake_options([]) == own
    assert snakemake_options(["-s", "mine"]) == own[2:]


def test_without_a_project_or_a_screen_it_says_what_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for command in ("run", "status", "monitor"):
        assert main([command]) in (2, 4)
        assert f"there is no project in {tmp_path}" in capsys.readouterr().err.replace(
            "There is", "there is"
        )
    assert main(["init", "."]) == 0
    capsys.readouterr()
    assert main(["status"]) == 4
    assert "nothing was read yet. The first run makes it" in capsys.readouterr().err
    assert main(["open"]) == 3
    assert "Nothing is read yet. To read: " in capsys.readouterr().err
    (tmp_path / "results/books/Ohio").mkdir(parents=True)
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    assert main(["open"]) == 3
    told = capsys.readouterr()
    assert told.out == "results/books\n"
    assert "This machine opens no files by itself" in told.err


def test_who_calls_pagewave_is_told_commands_of_pagewave(monkeypatch: pytest.MonkeyPatch) -> None:
    command_line.remember(snakefile="Snakefile")
    monkeypatch.setenv(command_line.TYPED, "run -n 'my file'")
    assert shlex.split(command_line.script("clear_failure_counts", "--all"))[1:] == [
        "retry",
        "--all",
    ]
    assert shlex.split(command_line.script("try_prompt"))[1:] == ["prompts", "try"]
    assert shlex.split(command_line.snakemake("-n"))[1:] == ["run", "-n"]
    assert command_line.again().endswith("pagewave run -n 'my file'")
    command_line.remember(snakefile="other.smk")
    assert shlex.split(command_line.snakemake("-n"))[1:] == ["run", "-s", "other.smk", "-n"]


def test_who_has_a_wheel_is_told_the_packages_of_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shlex.split(command_line.install("tables"))[-3:-2] == [".[tables]"]
    monkeypatch.setattr(command_line, "IS_INSTALLED", True)
    _, *pip, first = shlex.split(command_line.install("embedded"))[:5]
    assert pip == ["-m", "pip", "install"]
    assert first.startswith("tess")
    assert len(shlex.split(command_line.install("tables"))) == 8


def test_a_doctor_finds_what_is_well_and_what_is_not(
    tmp_path: Path,
    quiet_server: EmbeddedProcess,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    library = Library(tmp_path, {"Ohio/Elm/1850": 2})
    library.config["engine"] = "gemini"
    library.configure()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GOOGLE_API_KEY", raising=False)
    monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", quiet_server.base_url)

    def found(*options: str, code: int = 0) -> dict[str, tuple[str, str]]:
        assert doctor.main(["--configfile", "config.yaml", "--json", *options]) == code
        told = json.loads(capsys.readouterr().out)
        return {each["what"]: (each["state"], each["told"]) for each in told}

    monkeypatch.delenv("GEMINI_API_KEY", raising=False)
    assert found(code=1)["key and model"][0] == "bad"
    monkeypatch.setenv("GEMINI_API_KEY", quiet_server.token)
    well = found()
    assert {state for state, _ in well.values()} <= {"ok", "look"}
    assert well["scans"] == ("ok", "2 pages of 1 book")
    assert well["key and model"][1].endswith("gemini-2.5-flash")
    assert well["clock"][0] == "ok"
    monkeypatch.setenv("GEMINI_API_KEY", "another-key")
    assert "401" in found(code=1)["key and model"][1]
    library.image("Ohio:Elm:1850:2").unlink()
    (tmp_path / "state").mkdir()
    (tmp_path / "state/ledger.sqlite").write_bytes(b"nothing")
    broken = found(code=1)
    assert (broken["scans"][0], broken["ledger"][0]) == ("bad", "bad")
    assert doctor.main(["--configfile", "nowhere.yaml"]) == 1
    assert "BAD   configuration" in capsys.readouterr().out


def test_the_sample_comes_along_and_is_read_without_a_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["init", ".", "--sample"]) == 0
    settings = load_settings(yaml.safe_load(Path("config/config.yaml").read_text()), tmp_path)
    assert settings.engine == "embedded"
    assert len([page.key for page in scan(settings).pages]) == 18
    assert not list(tmp_path.rglob("*.py"))
