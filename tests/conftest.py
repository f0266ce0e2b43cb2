"""What several test files share."""

import gc
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

from helpers import new_ledgers
from helpers.embedded_process import EmbeddedProcess
from helpers.library import Library
from helpers.random_cases import seed_of_commit
from pagewave import command_line

pytest_plugins = ["helpers.strict"]

# What a shell starts in the background ignores Ctrl-C, and so would all that tests start.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# On a disk, tests of the ledger mostly wait until it is written; in memory they don't.
MEMORY, ROOM = Path("/dev/shm"), 2 * 1024**3
if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))

new_ledgers.install()

# The same random cases in every run, but for test_random_runs.py, where each commit draws others.
settings.register_profile(
    "usual",
    max_examples=200,
    derandomize=True,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
    print_blob=True,
)
usual = settings.get_profile("usual")
settings.register_profile("long", usual, max_examples=2000)
settings.load_profile("usual")


def pytest_report_header(config: pytest.Config) -> str:
    """Which random cases are drawn, and how to draw them again."""
    seed = config.getoption("--hypothesis-seed") or seed_of_commit()
    return f"random cases: --hypothesis-seed={seed}"


def pytest_xdist_auto_num_workers() -> int:
    """Three workers a core: most tests wait half of their time, for processes and pauses."""
    return 3 * (os.cpu_count() or 1)


@pytest.hookimpl(trylast=True)  # of what was selected
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What takes long comes first on each worker: at the end it would keep a single one busy.

    Slurm's tests are all of the first one, as one cluster is up at a time; other slow ones stay
    with those of their file, with which they share what was read. `worksteal` gives each worker an
    equal number of tests, in their order, and whoever has none left takes others' last.
    """
    workers = getattr(config, "workerinput", {}).get("workercount", 1)
    cluster, quick = [], []
    slow: dict[Path, list[pytest.Item]] = {}
    for item in items:
        if item.path.parent.name == "cluster":
            cluster.append(item)
        elif item.get_closest_marker("slow"):
            slow.setdefault(item.path, []).append(item)
        else:
            quick.append(item)
    shares = [cluster, *([] for _ in range(workers - 1))]
    for together in sorted(slow.values(), key=len, reverse=True):
        min(shares[1:] or shares, key=len).extend(together)
    ordered: list[pytest.Item] = []
    for number, share in enumerate(shares):
        size = (len(items) - len(ordered)) // (workers - number) - len(share)
        ordered += share + quick[: max(0, size)]
        del quick[: max(0, size)]
    items[:] = ordered + quick


def pytest_collection_finish() -> None:
    """Four thousand tests and what they import stay: garbage is looked for in the rest alone."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def real_start(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Heads of a test with the marker `real_start` are started, not forked."""
    if request.node.get_closest_marker("real_start"):
        monkeypatch.setattr(Library, "forks", False)


@pytest.fixture(autouse=True)
def no_place() -> Iterator[None]:
    """What a command called within a test went by is no matter of the next test."""
    yield
    command_line.forget()


@pytest.fixture(scope="session")
def echo_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedProcess]:
    """One server with the echo reader for all tests that tell its events apart by their keys."""
    state = tmp_path_factory.mktemp("echo") / "state"
    with EmbeddedProcess(state, "--file-seconds", "0.01") as server:
        yield server


@pytest.fixture(autouse=True)
def _fresh_braintrust() -> Iterator[None]:
    """Braintrust's client keeps its login as long as its process: each test starts anew."""
    yield
    if "braintrust" in sys.modules:
        from braintrust import logger as client

        client._internal_reset_global_state()


@pytest.fixture
def quiet_server(echo_server: EmbeddedProcess) -> Iterator[EmbeddedProcess]:
    """The same without faults and batches that go on, before the test and after it."""
    echo_server.set_faults([])
    yield echo_server
    echo_server.set_faults([])
    echo_server.cancel_all()
