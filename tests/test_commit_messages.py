"""tools/commit_messages.py: as a hook, and over a repository's commits."""

import subprocess
import sys
from pathlib import Path

import pytest

from tools.commit_messages import main, problems

REPO = Path(__file__).parents[1]


@pytest.mark.parametrize(
    "message",
    [
        "feat: budgets",
        "fix(ledger)!: a page is paid once\n\nIt was paid twice.\n",
        "docs: why\n\nhttps://example.org/" + "x" * 200,
        "Merge branch 'slurm' into main",
        "fixup! feat: budgets",
        "feat: budgets\n# Please enter the commit message\n",
        "feat: budgets\n# ------------------------ >8 ------------------------\ndiff " + "x" * 200,
    ],
)
def test_conventional_commits_and_what_git_writes_itself_pass(message: str) -> None:
    assert problems(message) == []


@pytest.mark.parametrize(
    ("message", "word"),
    [
        ("budgets", "begin as"),
        ("wip: all", "begin as"),
        ("feat:budgets", "begin as"),
        ("feat : budgets", "begin as"),
        ("Feat: budgets", "begin as"),
        ("", "begin as"),
        ("# only a comment", "begin as"),
        ("feat: budgets.", "full stop"),
        ("feat: " + "x" * 115, "121 characters"),
        ("feat: budgets\nand more", "empty line"),
        ("feat: budgets\n\n" + "x" * 161, "more than 160"),
    ],
)
def test_what_is_wrong_with_a_message_is_said(message: str, word: str) -> None:
    assert word in "; ".join(problems(message))


def test_as_a_hook_it_reads_the_message_from_a_file(tmp_path: Path) -> None:
    message = tmp_path / "COMMIT_EDITMSG"
    command = [sys.executable, "tools/commit_messages.py", "--file", str(message)]
    message.write_text("test: a hook\n")
    assert subprocess.run(command, cwd=REPO).returncode == 0
    message.write_text("a hook\n")
    refused = subprocess.run(command, cwd=REPO, capture_output=True, text=True)
    assert refused.returncode == 1
    assert "'a hook'" in refused.stderr
    assert "CONTRIBUTING.md" in refused.stderr


def test_only_what_came_since_the_last_release_is_looked_at(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def git(*arguments: str) -> None:
        name = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        subprocess.run(["git", *name, *arguments], cwd=tmp_path, check=True, capture_output=True)

    git("init", "-b", "main")
    git("commit", "--allow-empty", "-m", "as it was")
    git("tag", "v0.1.0")
    git("commit", "--allow-empty", "-m", "fix: as it should be")
    assert main([], tmp_path) == 0
    git("commit", "--allow-empty", "-m", "oops")
    assert main([], tmp_path) == 1
    assert "'oops'" in capsys.readouterr().err
    assert main(["HEAD~1"], tmp_path) == 1
    assert "'as it was'" in capsys.readouterr().err
