"""Every command of README and docs works when it is pasted into a fresh shell.

Each block of commands is pasted in a project of its own, a copy of one that has read the sample.
What can't be is marked in MARKED, with the reason; how many were pasted, and how many are marked,
is told when the tests have ended (helpers/strict.py).
"""

import functools
import re
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from helpers.drawers import write
from helpers.embedded_process import SCRIPTS
from helpers.forked_heads import POSSIBLE
from helpers.library import REPO
from helpers.pasting import Block, PastingShell, blocks

PAGES = (
    *("README.md", "CONTRIBUTING.md", "config/README.md", "profiles/README.md", "tests/README.md"),
    *sorted(str(path.relative_to(REPO)) for path in REPO.glob("docs/*.md")),
    *sorted(str(path.relative_to(REPO)) for path in REPO.glob("prompts/*/README.md")),
)

JOURNEY = "docs/drawer.md"
"""All of its commands follow one another."""

MARKED = {
    "installs from the network; CI begins with README's, tests/test_install.py tries a wheel": (
        r"\bpip install|^pipx |^uv |^pip wheel|python3 -m venv|^pre-commit"
    ),
    "of a clone, for those who work on pagewave; CI runs them": (
        r"^pytest|^PYTEST|^git clone|^ruff|^\.ci/|^python (tools|tests|benchmarks)/"
        r"|tools/command_docs|sphinx-build"
    ),
    "another machine, a daemon, a cluster, an administrator; tests/workflow/test_deployment.py": (
        r"^sudo|docker |^podman|systemctl|journalctl|profiles/slurm|^ssh "
    ),
    "an address or a bucket that is nobody's; tests/remote has some on this machine": (
        r"example\.org|s3://|gs://|iiif URL|^aws |^gcloud |collection\.json"
    ),
    "goes on until Ctrl-C; tests/commands/test_monitor.py, test_review.py": (
        r"^pagewave (monitor|review)|^datasette"
    ),
    "opens a desktop's programs; tests/commands/test_project_commands.py": (
        r"^pagewave open(?!.* --print)"
    ),
    "wants other levels than the sample's; tests/workflow/test_levels.py": r"--level archive=",
    "wants lines that a person judged; tests/commands/test_audit.py": r"^pagewave audit",
    "wants keys of Braintrust; tests/tracking": r"^pagewave logs($| +#| --parked)",
    "wants a batch in flight; tests/commands/test_batch_commands.py": r"batches --cancel (?!all)",
    "in an unpacked data package; tests/exports/test_citing.py": r"^sha256sum|^rocrate-validator",
    "names a command whose arguments stand elsewhere": (
        r"^pagewave (prompts( try| compare)?|iiif|bucket|init|import|retry|completion)$"
        r"|^pagewave (verify --page$|COMMAND)|…|^source |^timeout "
    ),
}
"""Why a command is not pasted here, and what it looks like."""

PUT = {
    r"\bOTHERKEY\b": "'Ohio:Merrivale Female Seminary:1859:4'",
    r"\bKEY\b": "'Ohio:Merrivale Female Seminary:1859:3'",
    r"--served MODEL\b": "--served gemini-3.5-flash-lite",
    # Without a key.
    r"^pagewave init my-books(?= &&|$)": "pagewave init my-books --engine embedded",
}
"""What a reader puts in place of a word."""

UNREAD, FAILED = r"--probe|doctor --batch", r"(retry|failures) --(page|all)"
"""Commands that want pages to be read, or pages that failed."""
LOOKS = re.compile(r"pagewave (?!init|import|run)")
"""Commands that need nothing of what stands before them in their block, nor prepare the next."""


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PastingShell]:
    """A shell that knows nothing of the project's environment but its programs."""
    with PastingShell(tmp_path_factory.mktemp("shell")) as shell:
        yield shell


@pytest.fixture(scope="module")
def unread(shell: PastingShell, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with the sample and what the docs say is there; nothing is read. Beside it a home
    with a drawer of scans, and the Prefect application."""
    folder = tmp_path_factory.mktemp("all")
    paste(shell, folder / "project", "pagewave init . --engine embedded --sample")
    project = folder / "project"
    configure(
        project,
        embedded={"reader": "echo"},  # answers with the page's key
        filters={"target_states": ["Ohio", "Vermont"]},
        exports=["csv", "crate"],
        site={"longest_side": 400},
    )
    (project / ".venv").mkdir()
    (project / ".venv/bin").symlink_to(shell.programs)
    (project / "scripts").symlink_to(SCRIPTS)
    shutil.copytree(project / "resources/sample/truth", project / "my/truth")
    shutil.copy(project / "config/config.yaml", project / "other.yaml")
    old = folder / "gemini-ocr-batch"
    old.mkdir()
    (old / ".env").write_text("GEMINI_API_KEY=key-of-the-old-one")
    sources = {f"{kind}_source_dir": f"resources/sample/{kind}s" for kind in ("label", "image")}
    (old / "config.yaml").write_text(yaml.safe_dump({"paths": sources}))
    for name in (
        "catalog 1859 p.1",
        "catalog 1859 p.2",
        *(f"Elm Academy 1861/IMG_{n}" for n in "123"),
    ):
        write(folder / f"home/scans/drawer/{name}.jpg")
    return project


@pytest.fixture(scope="module")
def read(shell: PastingShell, unread: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, read; then page 3 of Merrivale was corrected."""
    project = copy(unread, tmp_path_factory.mktemp("read"))
    paste(shell, project, "pagewave run")
    page = project / "results/pages/Ohio/Merrivale Female Seminary/1859/3.json"
    page.write_text(page.read_text().replace("Page Ohio", "The page Ohio"))
    paste(shell, project, "pagewave run")
    return project


@pytest.fixture(scope="module")
def failed(shell: PastingShell, unread: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, where page 3 of Merrivale is a dead letter."""
    project = copy(unread, tmp_path_factory.mktemp("failed"))
    blocked = {"reader": "echo", "faults": ["blocked:match=Merrivale.*:3$"]}
    configure(project, embedded=blocked, execution={"max_retries": 1})
    paste(shell, project, "pagewave run", code=1)
    return project


def paste(shell: PastingShell, project: Path, command: str, code: int = 0) -> None:
    """Paste a command that the tests need, not the docs."""
    project.mkdir(exist_ok=True)
    codes, said = shell.paste([command], project, project.parent / "home")
    assert codes == [code], said


def configure(project: Path, **sections: object) -> None:
    """Lay sections over a project's configuration."""
    file = project / "config/config.yaml"
    file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | sections))


def copy(project: Path, folder: Path) -> Path:
    """A copy of a project, with what lies beside it."""
    shutil.copytree(project.parent, folder, symlinks=True, dirs_exist_ok=True)
    return folder / project.name


def is_marked(command: str) -> bool:
    """Is there a reason why a command is not pasted?"""
    return any(re.search(looks, command) for looks in MARKED.values())


def typed(command: str, project: Path) -> str:
    """A command as its reader types it, who sees the names of batches and runs."""
    for word, put in PUT.items():
        command = re.sub(word, put, command)
    with closing(sqlite3.connect(project / "state/ledger.sqlite")) as ledger:
        ((batch, run),) = ledger.execute("select name, run_id from batch limit 1")
    command = re.sub(r"--batch [\w/]+", f"--batch {batch}", command)
    return re.sub(r"--run \w+", f"--run {run}", command)


@functools.cache
def all_blocks() -> list[Block]:
    """The blocks of all pages, without what was pasted before and what nothing in them rests on."""
    seen: set[str] = set()
    journey = [command for block in blocks(REPO / JOURNEY, JOURNEY) for command in block.commands]
    found = [Block(JOURNEY, 1, tuple(journey))]
    pages = (name for name in PAGES if name != JOURNEY)
    for block in (block for name in pages for block in blocks(REPO / name, name)):
        alone = len(block.commands) == 1
        new = [c for c in block.commands if not ((alone or LOOKS.match(c)) and bare(c) in seen)]
        seen.update(map(bare, block.commands))
        if new:
            found.append(replace(block, commands=tuple(new)))
    return found


def bare(command: str) -> str:
    """A command without what explains it."""
    return command.partition(" # ")[0].rstrip()


@pytest.mark.slow
@pytest.mark.skipif(not POSSIBLE, reason="heads are forked on Linux only")
@pytest.mark.parametrize("name", [name for name in PAGES if name in {b.file for b in all_blocks()}])
def test_what_a_page_says_can_be_pasted(
    name: str,
    shell: PastingShell,
    request: pytest.FixtureRequest,
    read: Path,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    wrong, counts = [], Counter[bool]()
    for number, block in enumerate(b for b in all_blocks() if b.file == name):
        counts.update(map(is_marked, block.commands))
        commands = [typed(c, read) for c in block.commands if not is_marked(c)]
        if not commands:
            continue
        text = "\n".join(commands)
        state = "unread" if re.search(UNREAD, text) else "read"
        state = "failed" if re.search(FAILED, text) else state
        project = copy(request.getfixturevalue(state), tmp_path / str(number))
        codes, said = shell.paste(commands, project, project.parent / "home")
        if codes != [0] * len(commands):
            told = "\n".join(
                f"{c} <- {command}" for c, command in zip(codes, commands, strict=False)
            )
            wrong.append(f"{name}:{block.line}: exit codes\n{told}\n{said}")
        shutil.rmtree(project.parent)
    record_property("pasted", (counts[False], counts[True]))
    assert not wrong, "\n\n".join(wrong)


def test_every_mark_is_of_a_command() -> None:
    commands = [command for block in all_blocks() for command in block.commands]
    assert sum(not is_marked(command) for command in commands) > len(commands) / 2
    unused = [why for why, it in MARKED.items() if not any(re.search(it, c) for c in commands)]
    assert unused == []
