"""Posting events to a webhook: retried, never in the way of a run, its address never shown."""

import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from helpers.webhook import SECRET, Webhook
from pagewave.config.keys import load_secrets
from pagewave.config.service import Notify
from pagewave.config.settings import load_settings
from pagewave.errors import ConfigError
from pagewave.log import emit, log
from pagewave.redaction import HIDDEN
from pagewave.tracking import webhook as notify
from pagewave.tracking.webhook import Notifier, start_notifying

GOING_ON = threading.Event()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Tries follow one another at once, and events reach the notifier."""
    monkeypatch.setattr(notify, "FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(notify, "LONGEST_PAUSE_SECONDS", 0.02)
    level = log.level
    log.setLevel(logging.DEBUG)
    yield
    log.setLevel(level)


def notifier_of(webhook: Webhook, timeout_seconds: float = 5.0) -> Notifier:
    settings = Notify(webhook=SecretStr(webhook.url), timeout_seconds=timeout_seconds)
    notifier = start_notifying(settings, None, "run1")
    assert notifier
    return notifier


def test_events_are_posted_and_all_others_are_not() -> None:
    with Webhook() as webhook:
        notifier = notifier_of(webhook)
        emit("wave_closed", "lane 1 wave 1: 2 read", level=logging.DEBUG, read=2)
        text = "the next wave would cost more than is left"
        emit("budget", text, spent_usd=9.98, limit_usd=10.0)
        log.warning("something else")
        emit("run_ended", "run run1: ok", level=logging.DEBUG, outcome="ok")
        notifier.finish(5.0, GOING_ON)
        assert [event["event"] for event in webhook.events] == ["budget", "run_ended"]
        budget = webhook.events[0]
        assert (budget["run"], budget["text"]) == ("run1", text)
        assert (budget["spent_usd"], budget["limit_usd"]) == (9.98, 10.0)
        emit("run_ended", "another run", level=logging.DEBUG)
        assert webhook.calls == 2


def test_trouble_that_may_pass_is_waited_out() -> None:
    with Webhook(503, 429, 500) as webhook:
        notifier = notifier_of(webhook)
        emit("run_ended", "over", level=logging.DEBUG)
        notifier.finish(5.0, GOING_ON)
        assert (webhook.calls, len(webhook.events)) == (4, 1)


@pytest.mark.parametrize("code", [400, 404, 302])
def test_a_refusal_is_told_once_without_the_address(
    code: int, caplog: pytest.LogCaptureFixture
) -> None:
    with Webhook(code) as webhook:
        notifier = notifier_of(webhook)
        emit("run_ended", "over", level=logging.DEBUG)
        notifier.finish(5.0, GOING_ON)
        assert webhook.calls == 1  # a redirect is not followed
    warnings = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    told = f"the webhook at http://127.0.0.1 did not take an event: it answered {code}"
    assert warnings == [told]


def test_a_webhook_that_is_gone_costs_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    with Webhook() as webhook:
        pass
    notifier = notifier_of(webhook)
    emit("run_ended", "over", level=logging.DEBUG)
    notifier.finish(10.0, GOING_ON)
    assert "did not take an event: ConnectionError" in caplog.text
    assert SECRET not in caplog.text


@pytest.mark.parametrize(("seconds", "is_stopped"), [(0.1, False), (600.0, True)])
def test_a_webhook_that_hangs_holds_nobody_up(
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    seconds: float,
    is_stopped: bool,
) -> None:
    """A run that was told to stop leaves it a moment, whatever is configured."""
    monkeypatch.setattr(notify, "STOPPING_SECONDS", 0.1)
    stop = threading.Event()
    if is_stopped:
        stop.set()
    with Webhook(hang=True) as webhook:
        notifier = notifier_of(webhook, timeout_seconds=60.0)
        emit("run_ended", "over", level=logging.DEBUG)
        notifier.finish(seconds, stop)
        assert "did not take all events in time" in caplog.text
        assert webhook.events == []


def test_the_environment_wins_and_without_an_address_nothing_starts() -> None:
    assert start_notifying(Notify(), None, "run1") is None
    with Webhook() as configured, Webhook() as given:
        settings = Notify(webhook=SecretStr(configured.url))
        notifier = start_notifying(settings, SecretStr(given.url), "run1")
        assert notifier
        emit("run_ended", "over", level=logging.DEBUG)
        notifier.finish(5.0, GOING_ON)
        assert (configured.calls, given.calls) == (0, 1)


def test_a_wrong_address_is_refused_and_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = f"hooks.example.com/{SECRET}"
    paths = {"label_source_dir": ".", "image_source_dir": "."}
    with pytest.raises(ConfigError) as config:
        load_settings({"paths": paths, "notify": {"webhook": wrong}}, tmp_path)
    assert f"notify.webhook: {HIDDEN}: expected an address" in str(config.value)
    monkeypatch.setenv("PAGEWAVE_WEBHOOK", wrong)
    with pytest.raises(ConfigError, match="PAGEWAVE_WEBHOOK") as environment:
        load_secrets(tmp_path)
    assert SECRET not in f"{config.value}{environment.value}"
    monkeypatch.setenv("PAGEWAVE_WEBHOOK", f"https://{wrong}")
    secrets = load_secrets(tmp_path)
    assert secrets.pagewave_webhook
    assert SECRET not in repr(secrets)
