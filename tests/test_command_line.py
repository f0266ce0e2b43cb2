"""Every command that is printed works when it is pasted into a shell."""

import ast
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.embedded_process import NEVER_SECONDS, SCRIPTS
from helpers.forked_heads import python
from helpers.library import REPO, Library
from pagewave import command_line
from pagewave.command_line import option, script, snakemake
from pagewave.wording import command_to_clear

PLAIN_PATH = "/usr/bin:/bin"
SCHOOL = "St. John's $College"
COMMAND = re.compile(
    r"(?:^|: )((?:cd .* && )?\S*(?:python|snakemake) .*?)(?=, then| and then|\. To do it|$)"
)
AND_THEN = re.compile(r" and then (.*)$")


@pytest.fixture(autouse=True)
def plain_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is printed and where it is pasted know nothing of the project's environment."""
    monkeypatch.setenv("PATH", PLAIN_PATH)


def printed(output: str) -> list[str]:
    """The commands in what was printed."""
    lines = output.splitlines()
    found = [m for line in lines for m in COMMAND.findall(line) + AND_THEN.findall(line)]
    return list(dict.fromkeys(found))


def paste(command: str, folder: Path, forks: bool = True) -> str:
    """Run a command as a shell does that knows nothing of the project's environment.

    `forks`: what it names as programs of that environment are forked.
    """
    place = Path(sys.executable).parent
    forked = {"python": python(), "snakemake": [*python(), "-m", "snakemake"]}
    for name, words in forked.items() if forks else ():
        command = command.replace(f"{place / name} ", f"{shlex.join(words)} ")
    environment = {"PATH": PLAIN_PATH, "HOME": str(folder), "LANG": "C.UTF-8"}
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=NEVER_SECONDS,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


@pytest.mark.slow
def test_what_a_run_prints_works_in_its_folder_and_with_its_configuration(tmp_path: Path) -> None:
    root = tmp_path / "it's here"
    root.mkdir()
    books = {f"Ohio/{SCHOOL}/1850": 2, "Iowa/Elm/1850": 1}
    blocked = ["blocked:match=John.*:1$"]
    with Library(
        root, books, execution={"max_retries": 1}, embedded={"faults": blocked}
    ) as library:
        library.configure(paths={"state_dir": "my state"})
        clear, analyze = printed(library.run(code=1))
        assert f"Ohio:{SCHOOL}:1850:1" in shlex.split(clear)
        said = paste(analyze, root, forks=False)
        assert "1 failure of 1 page" in said
        clear_all, again = printed(said)
        assert "1 page would be cleared" in paste(f"{clear_all} --dry-run", root)
        assert f"Ohio:{SCHOOL}:1850:1" in paste(clear, root)
        library.configure(embedded={"faults": []})
        assert f"results/pages/Ohio/{SCHOOL}/1850/1.json" not in str(list(root.rglob("*.json")))
        report = printed(paste(again, root))[-1]
        assert library.has_book(f"Ohio/{SCHOOL}/1850")
        paste(report, root)
        assert (root / "report.html").exists()
        # Of another prompt, the pages can be read again: up to three are named, more are listed.
        library.configure(prompt={"template_file": "v1.jinja"})
        price, to_do = printed(library.run("-n"))[:2]
        assert "3 pages read by" in paste(price.rstrip("."), root)
        paste(f"{to_do} -n", root)


def test_a_command_is_quoted_and_names_its_configuration(tmp_path: Path) -> None:
    command_line.remember(["--configfile", "my c.yaml"])
    words = shlex.split(command_to_clear(option("--key", f"-rf:{SCHOOL}:1850:1")))
    assert words[2:] == ["--configfile", "my c.yaml", f"--key=-rf:{SCHOOL}:1850:1"]
    assert option("--key", "Ohio:Elm:1850:1") == ["--key", "Ohio:Elm:1850:1"]
    command_line.remember(folder=Path("/my project"))
    assert script("flags").startswith("cd '/my project' && ")
    assert snakemake("-n").startswith("cd '/my project' && ")


def test_a_command_is_found_from_every_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command_line.remember(["--configfile", "c.yaml"])
    monkeypatch.chdir(REPO)
    here = shlex.split(snakemake("-n"))
    assert here[1:] == ["--configfile", "c.yaml", "--profile", "profiles/local", "-n"]
    assert shlex.split(script("flags"))[1] == "scripts/flags.py"
    monkeypatch.chdir(tmp_path)
    program, flags, *_ = shlex.split(script("flags"))
    assert Path(flags) == SCRIPTS.resolve() / "flags.py"
    assert Path(program).samefile(sys.executable)
    there = shlex.split(snakemake("-n"))
    assert Path(there[2]) == REPO.resolve() / "Snakefile"
    assert Path(there[there.index("--profile") + 1]).is_dir()
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    assert script("flags").startswith("python ")


def test_a_run_of_another_folder_prints_commands_that_go_there(tmp_path: Path) -> None:
    project = tmp_path / "a project"
    project.mkdir()
    faults = {"faults": ["blocked"]}
    with Library(project, {"Ohio/Elm/1850": 1}, embedded=faults) as library:
        library.configure(execution={"max_retries": 1})
        # As it would be called from beside the project: its configuration is found from here.
        library.root = tmp_path
        (tmp_path / "config.yaml").write_bytes((project / "config.yaml").read_bytes())
        output = library.run("--directory", "a project", code=1)
        clear, analyze = printed(output)
        assert clear.startswith(f"cd '{project}' && ")
        assert "1 page cleared" in paste(clear, tmp_path)
        assert "0 of them not cleared" in paste(analyze, Path("/"))


PART = f"""
configfile: "all.yaml"


module pagewave:
    snakefile: "{REPO}/Snakefile"
    config: {{config}}


use rule * from pagewave as pw_*
use rule book from pagewave as pw_book with:
    threads: 1


rule final:
    default_target: True
    input:
        rules.pw_all.input,
    output:
        touch("final.txt"),
"""


def of_another_workflow(library: Library, config: str) -> str:
    """What a workflow prints whose page dies; its configuration has ours in a section."""
    whole = {"samples": ["a"], "reading": library.config}
    (library.root / "all.yaml").write_text(json.dumps(whole))
    (library.root / "config.yaml").write_text("samples: [b]")
    (library.root / "Snakefile").write_text(PART.replace("{config}", config))
    return library.run("-s", "Snakefile", "--force-use-threads", profile=False, code=1)


@pytest.mark.slow
def test_commands_name_the_part_of_another_workflows_configuration(tmp_path: Path) -> None:
    faults = {"faults": ["blocked:match=:2$"]}
    with Library(tmp_path, {"Ohio/Elm/1850": 2}, embedded=faults) as library:
        library.configure(execution={"max_retries": 1}, paths={"state_dir": "my state"})
        output = of_another_workflow(library, 'config["reading"]')
        clear, analyze = printed(output)
        said = paste(analyze, tmp_path)
        assert "Dead letters: 1" in said
        assert "1 page cleared" in paste(clear, tmp_path)
        library.configure(embedded={"faults": []})
        whole = {"samples": ["a"], "reading": library.config}
        (tmp_path / "all.yaml").write_text(json.dumps(whole))
        again = printed(said)[-1]
        report = printed(paste(again, tmp_path))[-1]
        assert (tmp_path / "final.txt").exists()
        paste(report, tmp_path)
        assert (tmp_path / "report.html").exists()


def test_commands_name_the_ledger_where_a_configuration_was_worked_out(tmp_path: Path) -> None:
    faults = {"faults": ["blocked:match=:2$"]}
    with Library(tmp_path, {"Ohio/Elm/1850": 2}, embedded=faults) as library:
        library.configure(execution={"max_retries": 3}, paths={"state_dir": "my state"})
        one = '"execution": {"max_retries": 1}'
        output = of_another_workflow(library, f'config["reading"] | {{{one}}}')
        clear, analyze = printed(output)
        assert "1 failure of 1 page" in paste(analyze, tmp_path)
        assert "1 page cleared" in paste(clear, tmp_path)


def test_commands_name_all_configuration_files_and_values(tmp_path: Path) -> None:
    faults = {"faults": ["blocked:match=:2$"]}
    with Library(tmp_path, {"Ohio/Elm/1850": 2}, embedded=faults):
        (tmp_path / "more.yaml").write_text("execution: {max_retries: 1}")
        command = [str(Path(sys.executable).with_name("snakemake")), "-s", str(REPO / "Snakefile")]
        command += ["--cores", "2", "--configfile", "config.yaml", "more.yaml"]
        command += ["--config", "paths={state_dir: my state}"]
        clear, analyze = printed(paste(f"! {shlex.join(command)}", tmp_path, forks=False))
        assert "Dead letters: 1" in paste(analyze, tmp_path)
        assert "1 page cleared" in paste(clear, tmp_path)


def texts_of(path: Path) -> list[str]:
    """The texts in a module that are no docstrings, and no examples of `--help`."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    nodes = (node for node in ast.walk(tree) if isinstance(node, ast.Constant))
    texts = [n.value for n in nodes if isinstance(n.value, str) and id(n) not in alone]
    return [text for text in texts if "%(prog)s" not in text]


def test_no_command_is_put_together_by_hand() -> None:
    by_hand = re.compile(r"python (scripts/|-m )|snakemake -|(?:^|[^/\w])\w+\.py --")
    modules = [*(SCRIPTS / "pagewave").rglob("*.py")]
    assert len(modules) > 100
    found = {path.name: [t for t in texts_of(path) if by_hand.search(t)] for path in modules}
    allowed = {"__main__.py"}  # the embedded server's --help
    assert {name: texts for name, texts in found.items() if texts and name not in allowed} == {}
