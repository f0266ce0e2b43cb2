"""Looks that the DAG is spared where rules, or the names of files, tell that they find nothing."""

from types import SimpleNamespace
from typing import Any

import pytest

from pagewave.workflow import spared
from pagewave.workflow.spared import spare_looks


def look(
    monkeypatch: pytest.MonkeyPatch,
    *outputs: str,
    environment: str | None = None,
    alone: bool = True,
) -> list[str]:
    """What a DAG with these outputs looks for."""
    looked: list[str] = []
    dag = SimpleNamespace(
        jobs=[SimpleNamespace(output=[file]) for file in outputs],
        update_conda_envs=lambda: looked.append("environments"),
        check_directory_outputs=lambda: looked.append("directories"),
    )
    rules = [SimpleNamespace(conda_env=None), SimpleNamespace(conda_env=environment)]
    monkeypatch.setattr(spared, "is_alone", lambda _: alone)
    spare_looks(SimpleNamespace(dag=dag, rules=rules))
    dag.update_conda_envs()
    dag.check_directory_outputs()
    return looked


def test_nothing_is_looked_for_where_nothing_can_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    assert look(monkeypatch) == []
    assert look(monkeypatch, "a/b/1.json", "a/b/2.json", "a/b/1", "a/bc", "/elsewhere/a") == []


@pytest.mark.parametrize(
    "files", [("a/b", "a/b/c/d.json"), ("a/b/c", "x", "a/b"), ("/x", "/x/y"), ("a/../b", "a/..")]
)
def test_an_output_in_another_one_is_left_to_snakemake(
    monkeypatch: pytest.MonkeyPatch, files: tuple[str, ...]
) -> None:
    assert look(monkeypatch, *files) == ["directories"]


def test_a_rule_with_an_environment_has_it_made(monkeypatch: pytest.MonkeyPatch) -> None:
    assert look(monkeypatch, "a", environment="env.yaml") == ["environments"]


def test_rules_of_others_have_all_that_snakemake_does(monkeypatch: pytest.MonkeyPatch) -> None:
    assert look(monkeypatch, "a", alone=False) == ["environments", "directories"]


def test_a_snakemake_without_them_is_left_alone() -> None:
    dag: Any = SimpleNamespace(jobs=[])
    spare_looks(SimpleNamespace(dag=dag, rules=[]))
    assert vars(dag) == {"jobs": []}


def test_snakemake_has_what_is_touched() -> None:
    """Else nothing is spared, and nobody would notice."""
    from snakemake.api import SnakemakeApi
    from snakemake.dag import DAG
    from snakemake.rules import Rule

    _ = SnakemakeApi  # first, as Snakemake's modules need each other

    assert callable(DAG.update_conda_envs) and callable(DAG.check_directory_outputs)
    assert isinstance(Rule.conda_env, property)
