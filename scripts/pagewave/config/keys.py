"""API keys: from the environment or `.env`, never from the configuration, never into a log."""

from __future__ import annotations

import os
import re
from pathlib import Path

from dotenv import dotenv_values
from pydantic import BaseModel, ConfigDict, SecretStr

from pagewave.config.service import is_web_address
from pagewave.errors import ConfigError
from pagewave.redaction import remember_key

KEY_VARIABLES = ("GEMINI_API_KEY", "GOOGLE_API_KEY", "BRAINTRUST_API_KEY", "PAGEWAVE_WEBHOOK")


class Secrets(BaseModel):
    """Keys, which never show in a log or a traceback, and what goes with them; None: not set."""

    model_config = ConfigDict(frozen=True)

    gemini_api_key: SecretStr | None = None
    braintrust_api_key: SecretStr | None = None
    braintrust_project_name: str | None = None
    braintrust_app_url: str | None = None
    braintrust_api_url: str | None = None
    pagewave_webhook: SecretStr | None = None


def load_secrets(folder: Path) -> Secrets:
    """Keys from the environment, then from `.env` in `folder`; `os.environ` stays as it is.

    From then on all of them are hidden, those that are not used as well.
    """
    file = folder / ".env"
    try:
        # No interpolation: a key may hold a `$`. utf-8-sig: Windows editors write a mark in front.
        stored = dotenv_values(file, interpolate=False, encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{file} cannot be read: {error}. It is a text in UTF-8 with lines such as NAME=value."
        ) from None

    for source in (os.environ, stored):
        for name in KEY_VARIABLES:
            value = (source.get(name) or "").strip()
            if not _is_placeholder(value):
                remember_key(value)

    def find(*names: str) -> str | None:
        for name in names:
            for source in (os.environ, stored):
                value = (source.get(name) or "").strip()
                if value and not _is_placeholder(value):
                    return value
        return None

    # The SDK takes either; where both are set, the one that .env.example names counts.
    gemini = find("GEMINI_API_KEY", "GOOGLE_API_KEY")
    if gemini and not re.fullmatch(r"[!-~]+", gemini):
        # It would fail only as a header of the first request; the key itself is not shown.
        raise ConfigError(
            f"GEMINI_API_KEY (in the environment or {file}) holds a space or another character "
            "that no key has. Copy it again."
        )
    braintrust = find("BRAINTRUST_API_KEY")
    webhook = find("PAGEWAVE_WEBHOOK")
    if webhook and not is_web_address(webhook):
        raise ConfigError(
            f"PAGEWAVE_WEBHOOK (in the environment or {file}) is no address that begins with "
            "https://. Copy it again."
        )
    return Secrets(
        gemini_api_key=SecretStr(gemini) if gemini else None,
        braintrust_api_key=SecretStr(braintrust) if braintrust else None,
        braintrust_project_name=find("BRAINTRUST_PROJECT_NAME"),
        braintrust_app_url=find("BRAINTRUST_APP_URL"),
        braintrust_api_url=find("BRAINTRUST_API_URL"),
        pagewave_webhook=SecretStr(webhook) if webhook else None,
    )


def forget_keys() -> None:
    """Take keys out of the environment, so that no process started from now on has them."""
    for name in KEY_VARIABLES:
        os.environ.pop(name, None)


def _is_placeholder(value: str) -> bool:
    return bool(
        re.fullmatch(
            r"your[-_ ].*|<.*>|change[-_ ]?me|x{3,}|\.{3,}|none|null", value, re.IGNORECASE
        )
    )
