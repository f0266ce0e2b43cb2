"""What RO-Crate's own validator says of a crate, without network.

It is run by the Python of `.venv-crate`, which `.ci/crate_validator` makes: the validator takes an
older `rich` than ours. So this file imports nothing of ours.

    .venv-crate/bin/python tests/helpers/crate_judge.py FOLDER PROFILE
"""

import importlib
import json
import sys
import tempfile
from importlib.metadata import distribution
from pathlib import Path
from types import SimpleNamespace
from typing import Any

CONTEXT = "https://w3id.org/ro/crate/1.1/context"
NOT_THERE = SimpleNamespace(status_code=504, headers={}, text="", json=dict)


def judge(folder: str, profile: str) -> list[list[str]]:
    """What is required by a profile, and not so: the check's id and what it says."""
    # rocrate 0.13.0, of the same environment, comes with the context of RO-Crate 1.1.
    file = Path(str(distribution("rocrate").locate_file("rocrate/data/ro-crate.jsonld")))
    context = json.loads(file.read_bytes())
    assert context["@id"] == CONTEXT
    found = SimpleNamespace(
        status_code=200,
        headers={"Content-Type": "application/ld+json"},
        text=json.dumps(context),
        json=lambda: context,
    )

    def get(_: Any, url: str, **__: Any) -> Any:
        return found if url == CONTEXT else NOT_THERE

    requester = importlib.import_module("rocrate_validator.utils.http").HttpRequester
    requester.get = requester.head = get
    services = importlib.import_module("rocrate_validator.services")
    with tempfile.TemporaryDirectory() as cache:
        result = services.validate(
            {
                "rocrate_uri": folder,
                "profile_identifier": profile,
                "requirement_severity": "REQUIRED",
                "offline": True,
                "cache_path": Path(cache) / "cache",
                "skip_availability_check": False,
            }
        )
    return [[issue.check.identifier, issue.message] for issue in result.get_issues()]


if __name__ == "__main__":
    print(json.dumps(judge(sys.argv[1], sys.argv[2]), indent=1))
