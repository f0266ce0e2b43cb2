"""What is ensured whoever loads these rules: against the Snakemake that is installed."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from helpers.small_snakefile import snakemake
from pagewave.errors import ConfigError
from pagewave.workflow import guarantees, internals

# Begin and end

HOOKS = """
def note(what):
    with open("noted", "a") as file:
        print(what, end=" ", file=file)


def end(outcome):
    note(f"end:{outcome}")
    if config["code"]:
        sys.exit(config["code"])


guarantees.around_jobs(workflow, lambda: note("begin"), end)


onstart:
    note("start")


onsuccess:
    note("success")
    if config["breaks"]:
        raise OSError("a hook of theirs")


onerror:
    note("error")


rule all:
    output:
        "all",
    run:
        if config["fails"]:
            raise OSError("a job")
        Path(output[0]).touch()
"""


@pytest.mark.parametrize(
    ("config", "options", "code", "noted"),
    [
        ({}, (), 0, "begin start end:ok success"),
        ({"fails": 1}, (), 1, "begin start end:failed error"),
        ({"code": 7}, (), 7, "begin start end:ok error"),
        ({"fails": 1, "code": 7}, (), 7, "begin start end:failed error"),
        ({"breaks": 1}, (), 1, "begin start end:ok success"),
        ({}, ("--no-hooks",), 0, "begin end:ok"),
        ({}, ("-n",), 0, ""),
    ],
)
def test_begin_and_end_are_called_around_jobs_and_hooks(
    tmp_path: Path, config: dict[str, int], options: tuple[str, ...], code: int, noted: str
) -> None:
    given = {"code": 0, "breaks": 0, "fails": 0} | config
    values = [f"{name}={value}" for name, value in given.items()]
    snakemake(tmp_path, HOOKS, *options, "--config", *values, code=code)
    file = tmp_path / "noted"
    assert (file.read_text().strip() if file.exists() else "") == noted


TRIGGERS = """
internals.loaded(workflow)["root"] = Path("ours").resolve()
guarantees.ensure_settings(workflow, lambda: None)


include: "ours/rules.smk"


rule theirs:
    output:
        "theirs",
    params:
        config["value"],
    run:
        Path(output[0]).touch()
"""
OURS = """
rule ours:
    output:
        "ours.txt",
    params:
        config["value"],
    run:
        Path(output[0]).touch()
"""


def test_a_changed_parameter_counts_for_rules_of_others_alone(tmp_path: Path) -> None:
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours/rules.smk").write_text(OURS)
    targets, both = ("ours.txt", "theirs"), ("params", "mtime")
    snakemake(tmp_path, TRIGGERS, *targets, "--config", "value=1")
    again = snakemake(tmp_path, TRIGGERS, "-n", *targets, "--config", "value=2", triggers=both)
    assert "Params have changed" in again and "rule theirs" in again
    assert "rule ours" not in again


# Gone


def test_what_snakemake_no_longer_has_is_named_before_anything_is_sent() -> None:
    workflow = SimpleNamespace()
    calls = [
        (guarantees.refuse_prefix, (), "workflow.modifier.path_modifier"),
        (guarantees.name_in_messages, ({},), "workflow.modifier_stack"),
        (guarantees.refuse_options, (), "workflow.dag_settings.batch"),
        (guarantees.ensure_settings, (print,), "workflow._prepare_dag"),
        (guarantees.keep_going, (), "workflow.scheduler.keepgoing"),
        (guarantees.give_up_lock, (), "workflow.persistence.unlock"),
        (guarantees.around_jobs, (print, print), "workflow.execute"),
        (guarantees.note_reports, (), "workflow.create_report"),
        (guarantees.before_commands, (print, print), "workflow.delete_output"),
        (guarantees.needs_run, (), "workflow.rules"),
    ]
    assert calls
    for function, arguments, named in calls:
        with pytest.raises(ConfigError, match=named) as error:
            function(workflow, *arguments)  # type: ignore[operator]
        assert internals.INSTALL_TESTED in str(error.value)
