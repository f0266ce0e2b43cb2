"""A command has one name: `pagewave NAME` and `python scripts/NAME.py` are the same."""

import contextlib
import io
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

import pagewave
from pagewave.command_names import COMMANDS, OF_SCRIPTS, command_of
from pagewave.commands.__main__ import main

SCRIPTS = Path(__file__).parents[2] / "scripts"


def help_of_script(name: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """What `python scripts/NAME.py --help` prints."""
    path = SCRIPTS / f"{name}.py"
    monkeypatch.setattr(sys, "argv", [str(path), "--help"])
    with contextlib.redirect_stdout(io.StringIO()) as printed, pytest.raises(SystemExit) as ended:
        runpy.run_path(str(path), run_name="__main__")
    assert ended.value.code == 0
    return printed.getvalue()


NAMES = sorted(path.stem for path in SCRIPTS.glob("*.py"))


def help_of_command(name: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """What `pagewave NAME --help` prints."""
    monkeypatch.setattr(sys, "argv", ["pagewave", *name.split(), "--help"])
    with contextlib.redirect_stdout(io.StringIO()) as printed, pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    return printed.getvalue()


def test_every_script_is_a_command_by_its_old_name_too() -> None:
    assert len(NAMES) > 15
    assert set(NAMES) <= set(OF_SCRIPTS)
    for name in NAMES:
        assert command_of([name]) == command_of([name.replace("_", "-")]) == (OF_SCRIPTS[name], 1)
    assert command_of(["prompts", "try", "--page", "a:b:1:1"]) == ("prompts try", 2)
    assert command_of(["prompts"]) is None


@pytest.mark.parametrize("name", NAMES)
def test_both_ways_to_call_a_command_say_the_same(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "1000")  # so that no line breaks elsewhere for a longer name
    by_script = help_of_script(name, monkeypatch)
    assert by_script.startswith(f"usage: {name}.py ")
    command = OF_SCRIPTS[name]
    head, examples, tail = by_script.partition("\nexamples:\n")
    assert help_of_command(command, monkeypatch) == (
        head.replace(f"usage: {name}.py ", f"usage: pagewave {command} ")
        + examples
        + tail.replace(f"  {name}.py", f"  pagewave {command}")
    )
    assert help_of_command(name, monkeypatch) == help_of_command(command, monkeypatch)


def test_without_a_name_all_commands_are_listed_and_none_is_imported() -> None:
    code = (
        "import sys; from pagewave.commands.__main__ import main; assert main([]) == 0;"
        "print(*[name for name in sys.modules if name.startswith('pagewave.')], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=SCRIPTS, capture_output=True, text=True, check=True
    )
    listed = [line for line in done.stdout.splitlines() if line[:2] == "  "]
    assert [line[2:].split("  ")[0] for line in listed] == list(COMMANDS)
    assert "  flags            List pages whose answers were taken" in done.stdout
    # Each in a sentence, none cut in its middle.
    assert [line for line in listed if not line.endswith(".")] == []
    imported = set(done.stderr.split())
    assert "pagewave.commands.__main__" in imported
    assert imported <= {
        "pagewave.commands",
        "pagewave.command_line",
        "pagewave.command_names",
        "pagewave.commands.__main__",
        "pagewave.commands.browser",
        "pagewave.commands.folders",
        "pagewave.commands.project",
        "pagewave.commands.proof",
        "pagewave.commands.scans",
        "pagewave.own_files",
        "pagewave.commands.trials",
    }


def test_a_name_that_is_no_command_is_told_with_the_nearest_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["statsu"]) == 2
    assert capsys.readouterr().err == (
        "pagewave: there is no command statsu. Did you mean status?\n"
    )
    assert main(["xyzzy"]) == 2
    assert "`pagewave` without any lists all" in capsys.readouterr().err


def test_help_and_version_are_what_people_type_first(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"pagewave {pagewave.__version__}\n"
    assert main(["help"]) == 0
    assert "usage: pagewave COMMAND" in capsys.readouterr().out
    with pytest.raises(SystemExit) as ended:
        main(["help", "completion"])
    assert ended.value.code == 0
    assert "usage: pagewave completion" in capsys.readouterr().out


def test_another_python_is_told_which_one_is_right() -> None:
    command = [sys.executable, "-S", str(SCRIPTS / "status.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert ".venv/bin/pagewave COMMAND" in done.stderr
    assert "Traceback" not in done.stderr
