"""The language of faults: names, options, and how often each fires."""

import pytest

from helpers.embedded_process import EmbeddedProcess
from pagewave.embedded.server.faults import KINDS, FaultError, Faults, describe, parse


@pytest.mark.parametrize(
    ("spec", "complaint"),
    [
        ("job-faild", "did you mean 'job-failed'"),
        ("slow:second=3", "did you mean 'seconds'"),
        ("slow:seconds", "needs a value"),
        ("slow:seconds=soon", "seconds=soon"),
        ("slow:seconds=-1", "negative"),
        ("blocked:match=(", "match=("),
        ("http-error:call=creat", "did you mean 'create'"),
        ("http-error:acted=perhaps", "yes or no"),
        ("blocked:probability=2", "between 0 and 1"),
        ("blocked:code=13", "no option 'code'"),
        ("loose-json:how=wraped", "did you mean 'wrapped'"),
        ("refused:reason=modle", "did you mean 'model'"),
    ],
)
def test_a_wrong_fault_names_the_nearest_right_one(spec: str, complaint: str) -> None:
    with pytest.raises(FaultError, match=r"fault '") as raised:
        parse(spec)
    assert complaint in str(raised.value)


def test_all_kinds_parse_and_are_described() -> None:
    help_text = describe()
    for name in KINDS:
        assert parse(name).name == name
        assert f"  {name} " in help_text
    assert parse(r"blocked:match=a{1\,2}:1$").match.pattern == "a{1,2}:1$"


def test_times_and_skip_count_each_record_for_itself() -> None:
    faults = Faults(["blocked:match=^a,skip=1,times=2"])
    drawn = [bool(faults.draw("record", "a1")) for _ in range(5)]
    assert drawn == [False, True, True, False, False]
    assert [bool(faults.draw("record", key)) for key in ("a2", "a2", "b")] == [False, True, False]


def test_times_of_other_scopes_count_all() -> None:
    faults = Faults(["job-failed:times=1"])
    assert [bool(faults.draw("job", name)) for name in ("x", "y")] == [True, False]


def test_probability_is_the_same_every_time() -> None:
    def drawn(seed: int) -> list[bool]:
        faults = Faults([f"blocked:probability=0.5,seed={seed}"])
        return [bool(faults.draw("record", f"k{number}")) for number in range(200)]

    assert drawn(1) == drawn(1) != drawn(2)
    assert 60 < sum(drawn(1)) < 140


def test_control_replaces_clears_and_refuses(server: EmbeddedProcess) -> None:
    server.set_faults(["slow:seconds=0", "blocked"])
    assert server.request("GET", "/control/faults").json() == ["slow:seconds=0", "blocked"]
    for body in (["blockd"], "blocked", [1]):
        refused = server.request("POST", "/control/faults", json=body)
        assert refused.status_code == 400
    assert server.request("GET", "/control/faults").json() == ["slow:seconds=0", "blocked"]
    server.set_faults([])
    assert server.request("GET", "/control/faults").json() == []
