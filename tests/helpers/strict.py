"""Green means tested: what a whole run of all tests (`.ci/run`) asks for beside their passing.

With `PAGEWAVE_TEST_ALL=1` a test that is skipped fails, unless ALLOWED says why it may be, and so
does one that takes more CPU than CPU_SECONDS and does not say that it is `slow`. Without it a
missing Slurm, browser or right to mount skips tests, with what to install. CPU is what the kernel
counts for a test's process, children that ended and forked heads. On a machine whose caches and
cores others use as well the same work takes up to three times as much: what seems too much is held
against what a piece of work that is always the same takes there and then.
"""

import os
import re
import resource
import subprocess
import sys
from collections.abc import Generator
from typing import Any

import pytest

from helpers import forked_heads

ALL = os.environ.get("PAGEWAVE_TEST_ALL") == "1"
ALLOWED = {
    "root may write anywhere": "as root there is nothing to refuse; others run it",
    "no docker or podman that works": "no package brings a daemon to a machine that has none",
}
"""Reasons for which a test may be skipped in a whole run, and why."""

INSTALL = "`.ci/install` installs it (as root, on Debian)"
"""What tests say that miss something."""

CPU_SECONDS = 10.0
"""Of the test itself, without the fixtures that it shares. What takes half as much on a quick
machine is marked slow, so that it does not fail on a slower one."""
REFERENCE = ("-c", "import snakemake.cli")
REFERENCE_SECONDS = 1.2
"""CPU that Python takes for REFERENCE on a quick machine, at most: processes that begin and import
are what most of the tests' CPU goes into."""
SHOWN = 25


def cpu_seconds() -> float:
    """What this process, its children that ended and its forked heads have taken so far."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in usages) + forked_heads.cpu_seconds()


def slowness() -> float:
    """How many times as much CPU as on a quick machine is taken here and now: 1 or more."""
    taken = []
    for _ in range(3):
        before = cpu_seconds()
        subprocess.run([sys.executable, *REFERENCE], check=True, stdout=subprocess.DEVNULL)
        taken.append(cpu_seconds() - before)
    return max(1.0, max(taken) / REFERENCE_SECONDS)


def excess(used: float) -> str | None:
    """What is wrong with a test that took so many CPU seconds and is not `slow`; None: nothing."""
    if used <= CPU_SECONDS or used <= (most := CPU_SECONDS * slowness()):
        return None
    return f"{used:.1f} CPU seconds, more than {most:.0f}: split it, or mark it slow"


def is_hidden(reason: str) -> bool:
    """Does a skip for this reason hide a missing part?"""
    return ALL and not any(allowed in reason for allowed in ALLOWED)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, Any, Any]:
    """Count the CPU of the fixtures that a test is the first to need."""
    before = cpu_seconds()
    try:
        return (yield)
    finally:
        item.user_properties.append(("fixtures_cpu_seconds", cpu_seconds() - before))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Count a test's CPU."""
    before = cpu_seconds()
    try:
        result = yield
    finally:
        used = cpu_seconds() - before
        item.user_properties.append(("cpu_seconds", used))
    if ALL and not item.get_closest_marker("slow") and (wrong := excess(used)):
        pytest.fail(wrong, pytrace=False)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let a test that is skipped fail, if that hides something."""
    report = yield
    _refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for a whole file."""
    report = yield
    _refuse_skip(report)
    return report


def _refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    if not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = str(report.longrepr[-1] if isinstance(report.longrepr, tuple) else report.longrepr)
    if is_hidden(reason):
        report.outcome = "failed"
        report.longrepr = f"PAGEWAVE_TEST_ALL=1, so nothing may be missing. {reason}"


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say what takes the CPU, and how many commands of the docs were pasted."""
    told = {
        report.nodeid: dict(report.user_properties)
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", "") == "call" and report.user_properties
    }
    if not told:
        return
    if pasted := [properties["pasted"] for properties in told.values() if "pasted" in properties]:
        ran, marked = map(sum, zip(*pasted, strict=True))
        terminalreporter.section(f"{ran} commands of the docs pasted, {marked} marked as not to be")
    taken = {test: properties["cpu_seconds"] for test, properties in told.items()}
    fixtures = sum(properties["fixtures_cpu_seconds"] for properties in told.values())
    terminalreporter.section(
        f"{sum(taken.values()):.0f} CPU seconds in {len(taken)} tests, "
        f"{fixtures:.0f} in their fixtures"
    )
    for test, seconds in sorted(taken.items(), key=lambda item: -item[1])[:SHOWN]:
        if seconds >= 1:
            terminalreporter.line(f"{seconds:6.1f} s  {re.sub('^tests/', '', test)}")
