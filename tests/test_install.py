"""What a user has without a checkout: a wheel in an environment of its own, or a container."""

import csv
import json
import re
import subprocess
import sys
import sysconfig
import tomllib
import venv
from pathlib import Path

import pytest
import yaml
from PIL import Image

from helpers.drawers import DRAWER, fill
from helpers.embedded_process import NEVER_SECONDS
from helpers.library import REPO
from test_release import copied
from tools.release import build_wheel, check_wheel

CONTENT = tomllib.loads((REPO / "pyproject.toml").read_text())
PLACEHOLDER = "FOLDER-OF-SCANS"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of this tree, built by pip; checked."""
    with pytest.MonkeyPatch.context() as patch:
        for who in ("AUTHOR", "COMMITTER"):
            patch.setenv(f"GIT_{who}_NAME", "a")
            patch.setenv(f"GIT_{who}_EMAIL", "a@example.org")
        tree = copied(tmp_path_factory.mktemp("wheel"))
    made = build_wheel(tree)
    check_wheel(made, tree, CONTENT["project"]["version"])
    return made


@pytest.fixture(scope="module")
def pagewave(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command `pagewave` of an environment that has the wheel, and of this one its packages."""
    folder = tmp_path_factory.mktemp("installed") / "venv"
    venv.create(folder, symlinks=True)
    python = folder / "bin/python"
    ours = sysconfig.get_path("purelib")
    site = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
    # Packages without their .pth files: so pagewave itself is the wheel's.
    (site / "packages.pth").write_text(f"{ours}\n")
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
    subprocess.run([*pip, "--no-deps", "--no-index", str(wheel)], check=True)
    return folder / "bin/pagewave"


def typed(command: str, folder: Path, answer: str = "", code: int = 0) -> str:
    """What a command says in a shell that knows nothing of the environment."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "LANG": "C.UTF-8"}
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=environment,
        input=answer,
        capture_output=True,
        text=True,
        timeout=NEVER_SECONDS,
    )
    assert done.returncode == code, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def next_of(said: str) -> str:
    """The command that comes next, as it was printed."""
    (found,) = re.findall(r"^Next: (.*)$", said, re.MULTILINE)
    return str(found)


@pytest.mark.slow
def test_a_drawer_of_240_mixed_names_becomes_a_table_by_three_commands_and_one_question(
    pagewave: Path, tmp_path: Path
) -> None:
    drawer = tmp_path / "my drawer"
    files = fill(drawer)
    assert len(files) == 240
    said = typed(f"{pagewave} init 'my books' --engine embedded", tmp_path)
    config = tmp_path / "my books/config/config.yaml"
    config.write_text(config.read_text() + "\nembedded:\n  reader: echo\n")
    said = typed(next_of(said).replace(PLACEHOLDER, "'../my drawer'"), tmp_path, "y\n")
    assert said.count("[y/N]") == 1
    # All that printed commands need is in them; they are run in a folder below the project.
    below = tmp_path / "my books/scans"
    typed(next_of(said), below)

    (record,) = (tmp_path / "my books/logs/imports").glob("*.csv")
    with record.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert sorted(row["file"] for row in rows) == sorted(
        f"{drawer.resolve()}/{name}" for name in files
    )
    taken = [row for row in rows if row["state"]]
    assert all(bool(row["state"]) != bool(row["not read"]) for row in rows)
    assert len(rows) - len(taken) == DRAWER["left out"]
    for row in rows:
        if row["not read"]:
            reason = row["not read"]
            assert reason in said
    pages = sum(int(row["last page"]) - int(row["first page"]) + 1 for row in taken)
    with (tmp_path / "my books/results/exports/csv/pages.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == pages == DRAWER["pages"]
    # The same again finds all of it there.
    assert f"0 files taken in, {len(taken)} were there" in typed(
        f"{pagewave} import ../../my\\ drawer --yes", below
    )


OWN_WORKFLOW = """
from pagewave.own_files import SNAKEFILE


module pagewave:
    snakefile:
        str(SNAKEFILE)
    config:
        config["pagewave"]


use rule * from pagewave as pw_*


rule count_pages:
    default_target: True
    input:
        rules.pw_all.input,
    output:
        "pages.txt",
    shell:
        "find results/pages -name '[0-9]*.json' | wc -l > {output}"
"""


@pytest.mark.slow
def test_who_knows_snakemake_calls_it_from_elsewhere_and_in_a_workflow_of_their_own(
    pagewave: Path, tmp_path: Path
) -> None:
    snakemake = f"{pagewave.parent / 'python'} -P -m snakemake"
    typed(f"{pagewave} init books --engine embedded", tmp_path)
    elsewhere, scans = tmp_path / "elsewhere", tmp_path / "books/scans/Ohio/Oak/1850"
    elsewhere.mkdir()
    scans.mkdir(parents=True)
    for number in (1, 2):
        Image.new("L", (40, 40), 100 * number).save(scans / f"{number}.jpg")
    looked_at = typed(f"{snakemake} -s ../books/Snakefile -d ../books -n", elsewhere)
    assert "Waves to come" in looked_at and "2 to send" in looked_at
    # Nothing is left but what Snakemake keeps in the home, which this shell has here.
    assert [path.name for path in elsewhere.iterdir()] == [".cache"]
    assert not (tmp_path / "books/state").exists()

    config = {
        "engine": "embedded",
        "paths": {"image_source_dir": "../books/scans"},
        "filters": {"labels": "all"},
        "embedded": {"reader": "echo"},
        "site": {"enabled": False},
    }
    (elsewhere / "config.yaml").write_text(yaml.safe_dump({"pagewave": config}))
    (elsewhere / "Snakefile").write_text(OWN_WORKFLOW)
    profile = tmp_path / "books/profiles/local"
    typed(f"{snakemake} --profile {profile} --configfile config.yaml", elsewhere)
    assert (elsewhere / "pages.txt").read_text() == "2\n"
    # Commands that were printed know the part of the configuration that is pagewave's.
    status = f"{pagewave} status --configfile config.yaml --section pagewave --json"
    assert json.loads(typed(status, elsewhere))["outcome"] == "ok"


def test_a_container_has_what_a_run_takes() -> None:
    workflow = CONTENT["tool"]["pagewave"]["workflow"]
    assert len(workflow) > 5
    image = (REPO / "Dockerfile").read_text()
    copied_to = {word for line in re.findall(r"^COPY (.*)$", image, re.M) for word in line.split()}
    sent = {line[1:] for line in (REPO / ".dockerignore").read_text().split() if line[0] == "!"}
    for name in workflow:
        top = Path(name).parts[0]
        assert top in copied_to & sent, name
        assert (REPO / name).exists()
    assert copied_to - {"./"} <= sent
