"""What docs/deployment.md says: crontab lines, systemd units, the container image."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from helpers.embedded_process import EmbeddedProcess
from helpers.library import REPO
from helpers.strict import INSTALL
from pagewave.errors import (
    ConfigError,
    DataError,
    LedgerError,
    OnItsWay,
    PagewaveError,
    RunStopped,
    ServiceError,
)

DOCS = (REPO / "docs/deployment.md").read_text(encoding="utf-8")
DOCKERFILE = (REPO / "Dockerfile").read_text(encoding="utf-8")
SERVICE = (REPO / "deploy/pagewave.service").read_text(encoding="utf-8")
HOME = "/srv/pagewave"
COMMAND = "snakemake --profile profiles/local"
BUILDERS = ("docker", "podman", "buildah")


def cron_lines() -> list[str]:
    """The crontab lines of the manual."""
    blocks: list[str] = re.findall(r"```cron\n(.*?)```", DOCS, re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def instructions(name: str) -> list[str]:
    """What follows an instruction of the Dockerfile, for each line that has it."""
    return re.findall(rf"^{name} (.+)$", DOCKERFILE, re.MULTILINE)


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A folder with what the image holds, and no more: the sample, read by the echo reader."""
    home = tmp_path / "pagewave"
    home.mkdir()
    for copied in instructions("COPY"):
        *sources, target = copied.split()
        for source in sources:
            name = home / (target if target != "./" else source)
            if (REPO / source).is_dir():
                ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
                shutil.copytree(REPO / source, name, ignore=ignored)
            else:
                shutil.copy(REPO / source, name)
    config = home / "config/config.yaml"
    settings = yaml.safe_load(config.read_text(encoding="utf-8"))
    config.write_text(yaml.safe_dump(settings | {"embedded": {"reader": "echo"}}))
    (home / ".venv").symlink_to(sys.prefix)
    return home


def run_by_cron(line: str, home: Path, variables: Mapping[str, str] | None = None) -> int:
    """The exit code of a crontab line, run as cron runs it: by sh, with hardly any environment."""
    command = line.split(maxsplit=5)[5].replace(HOME, shlex.quote(str(home)))
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(home), "SHELL": "/bin/sh"}
    return subprocess.run(
        ["/bin/sh", "-c", command],
        cwd="/",
        env=environment | dict(variables or {}),
        stdin=subprocess.DEVNULL,
        timeout=300,
    ).returncode


@pytest.mark.slow
def test_the_crontab_lines_read_the_sample(installed: Path) -> None:
    cut_short, not_waiting = cron_lines()
    for line in (cut_short, not_waiting):
        minute, hour, *days = line.split()[:5]
        assert re.fullmatch(r"\d+|\*/\d+", minute) and [hour, *days] == ["*"] * 4
        assert "%" not in line
    assert run_by_cron(cut_short, installed) == 0, (installed / "cron.log").read_text()
    assert len(list((installed / "results/books").rglob("book.json"))) == 3

    for folder in ("results", "state", "logs"):
        shutil.rmtree(installed / folder)
    with EmbeddedProcess(installed / "state/embedded", "--batch-seconds", "60") as server:
        variables = {
            "PAGEWAVE_EMBEDDED_URL": server.base_url,
            "PAGEWAVE_EMBEDDED_TOKEN": server.token,
        }
        code = run_by_cron(not_waiting, installed, variables)
    log = (installed / "cron.log").read_text()
    assert code == OnItsWay.exit_code, log
    assert "In flight: 1 batches with 3 pages" in log


def test_systemd_takes_the_units(tmp_path: Path) -> None:
    """Both files, with the one path in them that is another on this machine."""
    if not shutil.which("systemd-analyze"):
        pytest.skip(f"needs systemd-analyze: {INSTALL}")
    units = []
    for name in ("pagewave.service", "pagewave.timer"):
        text = (REPO / "deploy" / name).read_text(encoding="utf-8")
        unit = tmp_path / name
        unit.write_text(text.replace(f"{HOME}/.venv", sys.prefix))
        units.append(str(unit))
    result = subprocess.run(
        ["systemd-analyze", "verify", *units], capture_output=True, text=True, timeout=60
    )
    assert (result.returncode, result.stdout + result.stderr) == (0, "")
    # It does find what is wrong.
    Path(units[0]).write_text(SERVICE.replace("Type=oneshot", "Type=nonsense"))
    result = subprocess.run(
        ["systemd-analyze", "verify", *units], capture_output=True, text=True, timeout=60
    )
    assert "nonsense" in result.stderr


def test_the_service_runs_the_command_of_the_readme() -> None:
    values = dict(re.findall(r"^(\w+)=(.*)$", SERVICE, re.MULTILINE))
    assert values["ExecStart"] == f"{HOME}/.venv/bin/{COMMAND}"
    assert values["WorkingDirectory"] == HOME
    assert values["SuccessExitStatus"].split() == [
        str(RunStopped.exit_code),
        str(OnItsWay.exit_code),
    ]
    assert COMMAND in (REPO / "README.md").read_text(encoding="utf-8")


def test_the_manuals_have_the_exit_codes() -> None:
    codes = [PagewaveError, ConfigError, DataError, LedgerError, ServiceError, RunStopped, OnItsWay]
    assert [error.exit_code for error in codes] == [1, 2, 3, 4, 5, 6, 7]
    readme = (REPO / "README.md").read_text(encoding="utf-8").partition("Exit codes: ")[2]
    for code in range(9):
        assert re.search(rf"(^|\s){code} ", readme.partition("\n\n")[0]), code
    assert re.findall(r"^\| (\d[\d, ]*) \|", DOCS, re.MULTILINE) == [
        "0",
        "1",
        "2, 3, 4, 5",
        "6",
        "7",
        "8",
    ]


def test_the_image_has_what_it_needs_and_nothing_else() -> None:
    sources = [s for copied in instructions("COPY") for s in copied.split()[:-1]]
    assert sources and all((REPO / source).exists() for source in sources)
    ignored = (REPO / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in ignored
    assert sorted(line[1:] for line in ignored if line.startswith("!")) == sorted(sources)
    (install,) = [run for run in instructions("RUN") if "pip install" in run]
    assert "-e '.[embedded]' -c constraints.txt" in install
    assert "-e '.[embedded]' -c constraints.txt" in (REPO / "README.md").read_text("utf-8")
    (entry,) = instructions("ENTRYPOINT")
    assert " ".join(yaml.safe_load(entry)) == COMMAND
    (user,) = instructions("USER")
    assert user not in ("root", "0")
    places = {f"/app/{name}" for name in ("results", "corrections", "fetched", "state", "logs")}
    (volumes,) = instructions("VOLUME")
    assert set(yaml.safe_load(volumes)) == places
    for place in places | {"/app/data", "/app/config/config.yaml"}:
        assert f":{place}" in DOCS


def builder() -> str | None:
    """A program here that can build an image."""
    for name in filter(shutil.which, BUILDERS):
        if subprocess.run([name, "info"], capture_output=True, timeout=60).returncode == 0:
            return name
    return None


def test_the_image_reads_the_sample(tmp_path: Path) -> None:
    name = builder()
    if name not in ("docker", "podman"):
        pytest.skip("no docker or podman that works: the image is not built")
    image = f"pagewave-test-{os.getpid()}"
    subprocess.run([name, "build", "-q", "-t", image, str(REPO)], check=True, timeout=1200)
    try:
        reader = ["--config", "embedded={reader: echo}"]
        run = [name, "run", "--rm", "--init", image, *reader]
        result = subprocess.run(run, capture_output=True, text=True, timeout=300)
        assert result.returncode == 0, result.stdout + result.stderr
        assert "18 pages read" in result.stderr
    finally:
        subprocess.run([name, "rmi", "-f", image], capture_output=True, timeout=60)
