"""A comparison as two experiments at Braintrust, B with A as its base.

Braintrust's client may wait for half an hour where nobody answers, in threads that keep a process
alive. So it works in a process of its own, which is given up after a minute: a comparison never
fails, nor takes long, because of its log.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pagewave.commands.trials.comparison import Pair, Reading
from pagewave.commands.trials.sides import Side
from pagewave.config.keys import KEY_VARIABLES, Secrets, load_secrets
from pagewave.embedded.process import python_path
from pagewave.redaction import hide_keys
from pagewave.tracking.cleaning import cleaned

Json = dict[str, Any]

PATIENCE_SECONDS = 60.0
REQUEST_SECONDS = 10.0
SCORES = ("character_accuracy", "course_precision", "course_recall", "same_as_other")


def record(
    secrets: Secrets, sides: tuple[Side, Side], pairs: Sequence[Pair], about: Json
) -> str | None:
    """Record a comparison; returns a line that says what became of it, None without keys.

    Args:
        about: metadata of both experiments, such as the engine.
    """
    if not (secrets.braintrust_api_key and secrets.braintrust_project_name):
        return None
    compared = [pair for pair in pairs if pair.complete]
    if not compared:
        return "Braintrust: no experiment, as no page was read by both sides."
    made = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    experiments = [
        {
            "name": f"{side.prompt.name} {side.label} {made}",
            "metadata": about
            | {
                "model": side.settings.model.name,
                "asked": side.asked,
                "prompt": side.prompt.name,
                "prompt_version": side.prompt.version,
                "prompt_sha256": side.prompt.sha256,
            },
            "cases": [
                _case(pair, reading, side)
                for pair in compared
                for reading in [pair.a if side is sides[0] else pair.b]
            ],
        }
        for side in sides
    ]
    order = {"project": secrets.braintrust_project_name, "experiments": experiments}
    # What others' keys are, it need not know.
    environment = {name: value for name, value in os.environ.items() if name not in KEY_VARIABLES}
    environment |= {
        "BRAINTRUST_API_KEY": secrets.braintrust_api_key.get_secret_value(),
        "PYTHONPATH": python_path(),
    }
    try:
        done = subprocess.run(
            [sys.executable, "-m", __spec__.name],
            input=json.dumps(order),
            capture_output=True,
            encoding="utf-8",
            env=environment,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"Braintrust: no experiment, no answer within {PATIENCE_SECONDS:.0f} s."
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["it says nothing"])[-1]
        return f"Braintrust: no experiment ({hide_keys(reason)[:300]})."
    return f"Braintrust: recorded as {done.stdout.strip().splitlines()[-1]}"


def _case(pair: Pair, reading: Reading, side: Side) -> Json:
    found = reading.score
    request = side.requests[pair.page.key]
    accuracy = max(0.0, 1.0 - found.error_rate) if found else None
    values = (
        accuracy,
        found.course_precision if found else None,
        found.course_recall if found else None,
        1.0 - pair.difference,
    )
    return {
        "input": {
            "key": pair.page.key,
            "previous_context": pair.context.text,
            "image_sha256": request.facts.sha256,
        },
        "expected": pair.truth,
        "output": reading.page,
        "scores": dict(zip(SCORES, values, strict=True)),
        "metadata": {
            **side.settings.paths.tree.parts(pair.page.key),
            "page_id": pair.page.key,
            "prompt_name": side.prompt.name,
            "prompt_version": side.prompt.version,
            "prompt_template": side.prompt.template_file,
            "prompt_sha256": side.prompt.sha256,
            "fingerprint": request.fingerprint,
            "input_tokens": reading.input_tokens,
            "output_tokens": reading.output_tokens,
            "usd": reading.usd,
            "seconds": reading.seconds,
            "model_served": reading.served,
            "transport": reading.transport,
        },
    }


# The process of its own


def _main() -> None:
    """Read an order from standard input, record it, print where."""
    from pagewave.tracking.client import set_up

    order = json.load(sys.stdin)
    transport = set_up(load_secrets(Path.cwd()), REQUEST_SECONDS)
    try:
        print(" and ".join(_record(order)))
    except Exception as error:
        sys.exit(str(transport.trouble[0] if transport.trouble else error))


def _record(order: Json) -> list[str]:
    """Addresses of the experiments."""
    import braintrust
    from braintrust.git_fields import GitMetadataSettings

    braintrust.set_masking_function(cleaned)
    base = None
    urls = []
    for experiment in order["experiments"]:
        cases = {case["input"]["key"]: case for case in experiment["cases"]}
        result = braintrust.Eval(
            order["project"],
            data=[
                braintrust.EvalCase(
                    input=case["input"], expected=case["expected"], metadata=case["metadata"]
                )
                for case in cases.values()
            ],
            task=_task(cases),
            scores=[_scorer(name, cases) for name in SCORES],
            experiment_name=experiment["name"],
            base_experiment_id=base,
            metadata=experiment["metadata"],
            git_metadata_settings=GitMetadataSettings(collect="none"),
            enable_cache=False,
        )
        if errors := [case.error for case in result.results if case.error]:
            raise errors[0]
        base = result.summary.experiment_id
        urls.append(result.summary.experiment_url or result.summary.experiment_name)
    return urls


def _task(cases: dict[str, Json]) -> Callable[[Json], Json]:
    def output(input: Json) -> Json:
        found: Json = cases[input["key"]]["output"]
        return found

    return output


def _scorer(name: str, cases: dict[str, Json]) -> Callable[..., float | None]:
    def scorer(input: Json, output: Json, expected: Json | None) -> float | None:
        found: float | None = cases[input["key"]]["scores"][name]
        return found

    scorer.__name__ = name
    return scorer


if __name__ == "__main__":
    _main()
