"""What docs/deployment.md says: crontab lines, systemd units, the container image."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import pytest
import yaml

from helpers.embedded_process import EmbeddedProcess
from helpers.library import REPO
from helpers.strict import INSTALL
from pagewave.commands.monitor import PORT
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


def is_sent(name: str) -> bool:
    """Does a builder get this file of the folder? The last line of .dockerignore that fits says."""
    sent = True
    for line in (REPO / ".dockerignore").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            pattern = re.escape(line.lstrip("!")).replace(r"\*\*/", "(.*/)?")
            fits = re.compile(pattern.replace(r"\*", "[^/]*")).fullmatch
            above = [name, *map(str, PurePosixPath(name).parents)]
            sent = line.startswith("!") if any(map(fits, above)) else sent
    return sent


def image_files(context: Path) -> dict[str, Path]:
    """All files below /app of an image that is built of a folder, and where each comes from."""
    files = {}
    for copied in instructions("COPY"):
        *sources, target = copied.split()
        for source in sources:
            place = source if target == "./" else target
            found = context / source
            for file in filter(Path.is_file, found.rglob("*") if found.is_dir() else [found]):
                if is_sent(file.relative_to(context).as_posix()):
                    files[str(PurePosixPath(place, file.relative_to(found)))] = file
    return files


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A folder with what the image holds, and no more: the sample, read by the echo reader."""
    home = tmp_path / "pagewave"
    for name, source in image_files(REPO).items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, home / name)
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
    # Snakemake's report takes the texts in `report` and what the summary's rules made.
    report = cut_short.replace(COMMAND, f"{COMMAND} --report report.html")
    assert run_by_cron(report, installed) == 0, (installed / "cron.log").read_text()
    said = (installed / "report.html").read_text(encoding="utf-8")
    assert "results/books" in said or "book.json" in said

    for folder in ("results", "state", "logs"):
        shutil.rmtree(installed / folder)
    with EmbeddedProcess(installed / "state/embedded", "--batch-seconds", "600") as server:
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


def test_the_files_of_the_image_are_those_that_a_run_takes(tmp_path: Path) -> None:
    """Of a folder that is in use, as it is where no image can be built."""
    committed = subprocess.run(["git", "ls-files", "-z"], cwd=REPO, stdout=subprocess.PIPE)
    names = set(filter(None, committed.stdout.decode().split("\0")))
    assert names, "not a git repository"
    private = [".env", ".git/config", "state/ledger.sqlite", "data/images/1.jpg", "notes/.env"]
    litter = ["scripts/pagewave/__pycache__/x.pyc", "scripts/pagewave.egg-info/PKG-INFO"]
    for name in [*names, *private, *litter]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    files = set(image_files(tmp_path))
    assert {name for name in private + litter if is_sent(name)} == set()
    tops = {PurePosixPath(name).parts[0] for name in files}
    assert not tops & {"docs", "tests", "benchmarks", "tools", "deploy", "results", "state"}
    # All that is committed of a folder that is taken in, the report's texts and extras among it.
    assert files == {name for name in names if PurePosixPath(name).parts[0] in tops}
    wanted = tomllib.loads((REPO / "pyproject.toml").read_text())["tool"]["pagewave"]["workflow"]
    for name in (
        *wanted,
        "report/workflow.rst",
        "scripts/pagewave/exports/summary/page.html.jinja",
    ):
        assert any(file == name or file.startswith(f"{name}/") for file in files), name


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
    (port,) = instructions("EXPOSE")
    assert f"-p 127.0.0.1:{port}:{port}" in DOCS and int(port) == PORT
    assert "monitor --host 0.0.0.0 --allowed-hosts localhost" in DOCS
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
