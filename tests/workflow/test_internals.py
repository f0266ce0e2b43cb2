"""The seam to Snakemake: each function of internals.py against the Snakemake that is installed.

The riskiest have a Snakefile of their own, run by the real command: if a new version of Snakemake
changes what pagewave relies on, it is seen here first.
"""

import json
import logging
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from snakemake.scheduling.greedy import Scheduler, SchedulerSettings
from snakemake.scheduling.job_scheduler import JobRateLimiter
from snakemake.settings.types import MaxJobsPerTimespan

from helpers.forked_heads import python
from helpers.library import Library
from helpers.small_snakefile import snakemake
from pagewave.errors import ConfigError
from pagewave.workflow import internals, many_jobs, sayings

# The three riskiest

TEN_AT_ONCE = """
barrier = threading.Barrier(10)


rule all:
    input:
        expand("{number}", number=range(10)),


rule wait:
    output:
        "{number}",
    threads: 0
    run:
        barrier.wait(timeout=config["seconds"])
        Path(output[0]).touch()


onstart:
    internals.add_threads(workflow, config["more"])
"""


def test_with_a_thread_each_ten_jobs_that_wait_for_each_other_run_on_one_core(
    tmp_path: Path,
) -> None:
    snakemake(tmp_path, TEN_AT_ONCE, "--config", "more=10", "seconds=120")
    assert all((tmp_path / str(number)).exists() for number in range(10))


def test_without_them_snakemake_has_too_few_threads(tmp_path: Path) -> None:
    output = snakemake(tmp_path, TEN_AT_ONCE, "--config", "more=0", "seconds=2", code=1)
    assert "BrokenBarrierError" in output


TOGETHER = """
rule all:
    input:
        expand("{number}.page", number=range(40)),


rule page:
    output:
        update("{number}.page"),
    threads: 0
    run:
        Path(output[0]).write_text("alone")
        if wildcards.number == "7":
            raise ValueError("no page 7")


def carry(jobs):
    with open("log", "a") as log:
        log.write(f"{len(jobs)}\\n")
    if any(job.number == "20" for job in jobs):
        raise OSError("a whole part fails")
    even = [int(job.number) % 2 == 0 for job in jobs]
    for job, is_even in zip(jobs, even):
        if is_even:
            Path(f"{job.number}.page").write_text("together")
    return even


onstart:
    many_jobs.run_together(workflow, "page", carry)
"""


def test_what_is_not_done_together_is_done_and_told_by_its_own_job(tmp_path: Path) -> None:
    output = snakemake(tmp_path, TOGETHER, code=1)
    assert "no page 7" in output
    parts = [int(line) for line in (tmp_path / "log").read_text().split()]
    assert sum(parts) == 40 and max(parts) == many_jobs.TOGETHER
    made = {int(path.stem): path.read_text() for path in tmp_path.glob("*.page")}
    assert made.keys() == {*range(40)} - {7}
    assert {number for number, by in made.items() if by == "alone"} >= {1, 3, 20, 39}
    assert "together" in made.values()
    assert not any(by == "together" for number, by in made.items() if number % 2)


MANY = """
rule all:
    input:
        expand("{number}.page", number=range(150)),


rule page:
    output:
        touch("{number}.page"),
    threads: 0


onstart:
    many_jobs.start_at_once(workflow)
"""


def test_jobs_that_are_ready_are_started_at_once(tmp_path: Path) -> None:
    assert "Execute 150 jobs..." in snakemake(tmp_path, MANY)


@pytest.mark.parametrize(
    ("limit", "goes_away", "is_kept"),
    [("100/1s", False, False), ("100/1s", True, True), ("100/1m", False, True)],
)
def test_a_limit_that_somebody_gave_or_a_cluster_needs_stays(
    limit: str, goes_away: bool, is_kept: bool
) -> None:
    limiter = JobRateLimiter(MaxJobsPerTimespan.parse_choice(limit))
    workflow = SimpleNamespace(
        scheduler=SimpleNamespace(job_rate_limiter=limiter), non_local_exec=goes_away
    )
    many_jobs.start_at_once(workflow)
    assert workflow.scheduler.job_rate_limiter is (limiter if is_kept else None)


def test_jobs_are_chosen_as_greedy_does() -> None:
    chance = random.Random(5)
    available = {"_cores": 3, "_nodes": sys.maxsize, "gemini_batches": 4, "fetches": 1}
    greedy = Scheduler(None, SchedulerSettings(), logging.getLogger())
    for count in (1, 5, 40, 40, 40):
        jobs = []
        for priority in chance.sample(range(100), count):  # greedy breaks ties as it happens
            needs = {name: chance.choice((0, 0, 1, 2)) for name in ("_cores", "gemini_batches")}
            job = Mock(scheduler_resources={**needs, "_nodes": 1}, priority=priority, input=[])
            jobs.append(job)
        workflow = SimpleNamespace(
            scheduler=SimpleNamespace(_scheduler=greedy, _job_selector=greedy.select_jobs)
        )
        many_jobs.choose_at_once(workflow)
        chosen = workflow.scheduler._job_selector(jobs, jobs, available, {})
        expected = greedy.select_jobs(jobs, jobs, available, {})
        assert {id(job) for job in chosen} == {id(job) for job in expected}
        assert 0 < len(chosen) <= count
        assert workflow.scheduler._job_selector != greedy.select_jobs


TWO_FILES = """
def wanted(wildcards):
    internals.make_again(workflow, [config["again"]] if "again" in config else [])
    return ["a", "b"]


rule all:
    input:
        wanted,


rule file:
    output:
        update("{name}"),
    message:
        "file {wildcards.name}"
    run:
        with open(output[0], "a") as file:
            file.write("again")
"""


@pytest.mark.slow
def test_a_file_that_is_there_is_made_again_and_no_other(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text("made before, ")
    assert "Nothing to be done" in snakemake(tmp_path, TWO_FILES)
    again = ("--config", "again=a")

    dry = snakemake(tmp_path, TWO_FILES, "-n", *again)
    assert "planned by pagewave:\n        file\n" in dry and "Reason: Planned by pagewave" in dry
    assert "forced" not in dry.lower()
    by_hand = snakemake(tmp_path, TWO_FILES, "-n", "--forcerun", "b", *again)
    assert "    forced:\n        file\n" in by_hand and "planned by pagewave" not in by_hand

    snakemake(tmp_path, TWO_FILES, *again)
    assert (tmp_path / "a").read_text() == "made before, again"
    assert (tmp_path / "b").read_text() == "made before, "


PAGES_IN_WAVES = """
wave_of = {"read": 1, "failed": 1}


rule all:
    input:
        "after.page",


checkpoint wave:
    input:
        lambda wildcards: f"wave{int(wildcards.n) - 1}" if wildcards.n != "1" else [],
    output:
        "wave{n}",
    run:
        Path(output[0]).write_text("")
        with open("log", "a") as log:
            log.write(f"wave {wildcards.n}, ")
        if wildcards.n in "12":
            wave_of["failed"] += 1  # known only now


rule last_page:
    input:
        "read.page",
        "failed.page",
    output:
        "after.page",
    run:
        Path(output[0]).write_text(" ".join(Path(page).read_text() for page in input))


rule page:
    input:
        lambda wildcards: f"wave{wave_of[wildcards.name]}",
    output:
        "{name}.page",
    run:
        Path(output[0]).write_text(input[0])


ruleorder: last_page > page
"""


def test_when_a_wave_has_ended_those_that_waited_for_it_are_asked_again(tmp_path: Path) -> None:
    snakemake(tmp_path, PAGES_IN_WAVES)
    assert (tmp_path / "after.page").read_text() == "wave1 wave3"
    assert (tmp_path / "log").read_text() == "wave 1, wave 2, wave 3, "


WAVES_AS_PREDICTED = """
wave_of = {number: number // 2 + 1 for number in range(6)}


rule all:
    input:
        expand("{number}.page", number=range(6)),


checkpoint wave:
    input:
        lambda wildcards: f"wave{int(wildcards.n) - 1}" if wildcards.n != "1" else [],
    output:
        "wave{n}",
    run:
        Path(output[0]).write_text("")
        if wildcards.n == str(config["fails"]):
            wave_of[5] += 1  # known only now


rule page:
    input:
        lambda wildcards: f"wave{wave_of[int(wildcards.number)]}",
    output:
        "{number}.page",
    run:
        Path(output[0]).write_text(input[0])


class Told(logging.Handler):
    def emit(self, record):
        if "Updating checkpoint dependencies" in record.getMessage():
            with open("log", "a") as log:
                log.write("all anew, ")


onstart:
    sayings.snakemake_log().addHandler(Told())
    if "wave" in config["kept"]:
        quickly = lambda job: [f"wave{wave_of[int(job.number)]}"]
        needs = {"page": quickly} if "quickly" in config["kept"] else {}
        wave_end.keep_what_stays(workflow, "wave", needs)
"""


TAKES = """
def asked(wildcards):
    with open("asked", "a") as file:
        file.write(wildcards.n)
    return int(wildcards.n)


for name, amount in {"same": 7, "other": asked}.items():

    rule:
        name:
            name
        output:
            f"{name}{{n}}",
        resources:
            amount=amount,
        run:
            shown = {key: resources.get(key) for key in ("amount", "tmpdir", "_nodes")}
            Path(output[0]).write_text(json.dumps(shown))


onstart:
    for rule in ("same", "other", "gone"):
        many_jobs.same_resources(workflow, rule)
    same, other = (workflow.get_rule(name) for name in ("same", "other"))
    evaluated = ["expand_resources" in vars(rule) for rule in (same, other)]
    Path("once").write_text(json.dumps(evaluated))
"""


def test_what_jobs_of_a_rule_take_is_worked_out_once_where_it_is_the_same(tmp_path: Path) -> None:
    snakemake(tmp_path, TAKES, "same1", "same2", "other1", "other2")
    assert json.loads((tmp_path / "once").read_text()) == [True, False]
    taken = {
        name: json.loads((tmp_path / name).read_text())
        for name in ("same1", "same2", "other1", "other2")
    }
    alike = {"tmpdir": tempfile.gettempdir(), "_nodes": 1}
    assert taken["same1"] == taken["same2"] == {"amount": 7} | alike
    assert [taken[f"other{n}"] for n in (1, 2)] == [{"amount": n} | alike for n in (1, 2)]


@pytest.mark.parametrize(
    ("kept", "fails", "times"),
    [
        ("wave", 0, 0),
        ("wave", 3, 1),
        ("wave-quickly", 0, 0),
        ("wave-quickly", 3, 1),
        ("no", 0, 3),
    ],
)
def test_only_where_a_wave_ended_otherwise_than_predicted_all_is_worked_out_anew(
    tmp_path: Path, kept: str, fails: int, times: int
) -> None:
    snakemake(tmp_path, WAVES_AS_PREDICTED, "--config", f"kept={kept}", f"fails={fails}")
    log = tmp_path / "log"
    assert (log.read_text().count("all anew") if log.exists() else 0) == times
    waves = [(tmp_path / f"{number}.page").read_text() for number in range(6)]
    last = "wave4" if fails == 3 else "wave3"
    assert waves == ["wave1", "wave1", "wave2", "wave2", "wave3", last]


# The others

WHAT_IS_KNOWN = """
BATCHES = "gemini_batches"
internals.set_default_resource(workflow, BATCHES, 3)


def looks(wildcards):
    command = internals.command_of(workflow)
    known = {
        "targets": sorted(command.targets),
        "force_all": command.force_all,
        "force_targets": command.force_targets,
        "forced": sorted(command.forced),
        "dry": internals.is_dry_run(workflow),
        "verbose": internals.is_verbose(workflow),
        "away": internals.sends_jobs_away(workflow),
        "remote": internals.is_remote_job(workflow),
        "batches": internals.resource(workflow, BATCHES),
    }
    Path("known.json").write_text(json.dumps(known))
    return []


rule target:
    input:
        looks,
    output:
        "target",
    run:
        Path(output[0]).touch()
"""


@pytest.mark.slow
def test_what_the_command_line_asks_for_is_known(tmp_path: Path) -> None:
    def known(*arguments: str) -> dict[str, Any]:
        snakemake(tmp_path, WHAT_IS_KNOWN, *arguments)
        return dict(json.loads((tmp_path / "known.json").read_text()))

    plain = {"targets": [], "force_all": False, "force_targets": False, "forced": []}
    plain |= {"dry": True, "verbose": False, "away": False, "remote": False}
    assert known("-n") == plain | {"batches": 3}
    (tmp_path / "mine.yaml").write_text("key: 1")
    given = ["target", "--force", "--resources", "gemini_batches=5", "--verbose"]
    assert known(*given, "--configfile", "mine.yaml") == plain | {
        "targets": ["target"],
        "force_targets": True,
        "dry": False,
        "verbose": True,
        "batches": 5,
    }
    # A plugin that carries jobs away; that there is no Slurm here does not matter to a look.
    options = ("--forceall", "--forcerun", "target", "--executor", "slurm", "--jobs", "1")
    (tmp_path / "known.json").unlink()
    subprocess.run(
        [*python(), "-m", "snakemake", *options, "--summary"],
        cwd=tmp_path,
        capture_output=True,
        check=True,
    )
    looked = json.loads((tmp_path / "known.json").read_text())
    assert (looked["force_all"], looked["forced"]) == (True, ["target"])


RECORDS = """
import logging


class Told(logging.Handler):
    def emit(self, record):
        if (files := sayings.failed_files(record)) is not None:
            told = {"files": sorted(files), "rule": sayings.failed_rule(record)}
            Path("told.json").write_text(json.dumps(told))


rule all:
    input:
        "fails",
        "is_left",


rule wave:
    output:
        "is_left",
    run:
        raise OSError("is_left is no error")


rule page:
    output:
        update("fails"),
    run:
        raise OSError("an error")


onstart:
    sayings.snakemake_log().addHandler(Told())
    Path("terminals").write_text(str(len(sayings.terminals())))
    Path("slurm").write_text(str(internals.slurm_name(workflow)))
    Path("sigterm").write_text(internals.end_gently().__qualname__)
    if config["hides"]:
        terminal.hide()
    if config["left"]:
        terminal.drop_expected_stops({"is_left": "is_left is no error"})


onerror:
    terminal.show()
"""


@pytest.mark.slow
def test_what_snakemake_says_of_jobs_is_told_apart(tmp_path: Path) -> None:
    loud = snakemake(tmp_path, RECORDS, "fails", "--config", "hides=", "left=", code=1)
    told = json.loads((tmp_path / "told.json").read_text())
    assert told == {"files": ["fails (update)"], "rule": "page"}
    assert (tmp_path / "terminals").read_text() == "1"
    assert (tmp_path / "slurm").read_text() == "None"
    assert (tmp_path / "sigterm").read_text() == "JobScheduler.exit_gracefully"
    for line in ("Error in rule page", "Select jobs", sayings.NO_BACKUP, sayings.JOB_FAILED):
        assert line in loud

    quiet = snakemake(tmp_path, RECORDS, "fails", "--config", "hides=1", "left=", code=1)
    for line in ("Error in rule page", "Select jobs", sayings.NO_BACKUP):
        assert line not in quiet
    assert sayings.JOB_FAILED in quiet

    expected = snakemake(tmp_path, RECORDS, "is_left", "--config", "hides=", "left=1", code=1)
    assert "Error in rule" not in expected and sayings.JOB_FAILED not in expected
    both = snakemake(tmp_path, RECORDS, "--config", "hides=", "left=1", code=1)
    assert both.count("Error in rule page") == 1 and sayings.JOB_FAILED in both


def test_what_an_input_function_takes_is_worked_out_once() -> None:
    from snakemake.common import get_function_params

    def function(wildcards: object) -> list[str]:
        return []

    assert get_function_params(function) is not get_function_params(function)
    internals.fix_parameters([function])
    assert list(get_function_params(function)) == ["wildcards"]
    assert get_function_params(function) is get_function_params(function)


def test_other_records_are_left_as_they_are() -> None:
    record = logging.LogRecord("name", logging.INFO, "", 0, {"not": "a text"}, None, None)
    assert sayings.NotForced().filter(record)
    assert record.msg == {"not": "a text"} and not hasattr(record, "reason")


# Another version


def test_the_version_that_is_installed_was_tested() -> None:
    assert internals.warning_of_version(internals.version()) is None


@pytest.mark.parametrize("version", ["9.28.0", "9.100.1", "9.26.3", "unknown"])
def test_a_version_that_was_not_tested_is_told(version: str) -> None:
    warning = internals.warning_of_version(version)
    assert warning and version in warning and internals.INSTALL_TESTED in warning


@pytest.mark.parametrize("version", ["10.0.0", "8.30.0"])
def test_another_major_version_is_refused(version: str) -> None:
    with pytest.raises(ConfigError, match=f"Snakemake {version}, and pagewave works with 9.27"):
        internals.warning_of_version(version)


@pytest.mark.slow
def test_it_is_told_before_anything_is_sent(tmp_path: Path) -> None:
    code = (
        "import snakemake, sys; snakemake.__version__ = sys.argv.pop(1);"
        "from snakemake.cli import main; sys.exit(main())"
    )
    with Library(tmp_path, {"Ohio/Elm/1850": 1}) as library:
        library.program = ["-c", code, "10.0.0"]
        output = library.run(code=2)
        assert "pagewave: This is Snakemake 10.0.0" in output and "Traceback" not in output
        assert not library.state.exists()
        library.program = ["-c", code, "9.99.0"]
        output = library.run()
        told = output.index("pagewave: this is Snakemake 9.99.0")
        assert told < output.index("lane 1 wave 1: 1 page sent")


# Gone


def test_what_snakemake_no_longer_has_is_named_and_how_to_install_one_that_has() -> None:
    workflow = SimpleNamespace()
    calls = [
        (internals.command_of, (), "workflow.dag_settings"),
        (internals.is_dry_run, (), "workflow.dryrun"),
        (internals.is_remote_job, (), "workflow.remote_exec"),
        (internals.sends_jobs_away, (), "workflow.non_local_exec"),
        (internals.is_verbose, (), "workflow.output_settings"),
        (internals.make_again, (["a"],), "workflow.dag.forcefiles"),
        (internals.set_default_resource, ("gemini_batches", 1), "workflow.global_resources"),
        (internals.resource, ("gemini_batches",), "workflow.global_resources"),
        (internals.add_threads, (1,), "workflow.scheduler and the pool"),
        (many_jobs.run_together, ("page", bool), "the run_jobs of the scheduler's"),
        (many_jobs.choose_at_once, (), "what selects its jobs"),
        (internals.slurm_name, (), "workflow.scheduler"),
        (internals.is_touched, (), "workflow.touch"),
        (internals.is_job_process, (), "workflow.subprocess_exec"),
        (internals.config_of_command, (), "workflow.config_settings.overwrite_config"),
        (internals.own_names, (), "workflow.rules"),
    ]
    assert calls
    for function, arguments, named in calls:
        with pytest.raises(ConfigError, match=named) as error:
            function(workflow, *arguments)  # type: ignore[operator]
        assert internals.INSTALL_TESTED in str(error.value)
