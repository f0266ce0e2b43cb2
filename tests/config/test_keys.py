"""Keys: none goes to a process that needs none, and a webhook's address is checked at once."""

import subprocess
import sys
from pathlib import Path

import pytest

from pagewave.config.keys import KEY_VARIABLES, forget_keys, load_secrets
from pagewave.errors import ConfigError

SHOW = "import os; print(*sorted(os.environ), sep='\\n')"


def test_no_process_started_later_has_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in KEY_VARIABLES:
        monkeypatch.setenv(name, f"a value for {name}")
    monkeypatch.setenv("PAGEWAVE_RUN", "run1")
    forget_keys()
    shown = subprocess.run([sys.executable, "-c", SHOW], capture_output=True, text=True, check=True)
    names = set(shown.stdout.splitlines())
    assert names.isdisjoint(KEY_VARIABLES)
    assert "PAGEWAVE_RUN" in names
    forget_keys()  # there may be none


@pytest.mark.parametrize(
    "address", ["hooks.example/T0K3N", "https:///T0K3N", "ftp://hooks.example/T0K3N"]
)
def test_a_webhook_that_is_no_address_is_told_without_showing_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.delenv("PAGEWAVE_WEBHOOK", raising=False)
    (tmp_path / ".env").write_text(f"PAGEWAVE_WEBHOOK={address}\n")
    with pytest.raises(ConfigError, match=r"PAGEWAVE_WEBHOOK .*\.env\) is no address") as told:
        load_secrets(tmp_path)
    assert "T0K3N" not in str(told.value)
