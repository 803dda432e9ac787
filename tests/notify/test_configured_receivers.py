"""The receivers that settings name."""

from __future__ import annotations

import pytest

import vitalspan as vs
from vitalspan.config import Settings
from vitalspan.notify import Dispatcher, Log
from vitalspan.notify.configured_receivers import ConfiguredReceivers


def names(dispatcher: Dispatcher) -> list[str]:
    return [one.name for one in dispatcher.snapshot()]


def configure(configured: ConfiguredReceivers, **settings: str) -> None:
    changed = Settings().changed(settings)
    configured.use(configured.prepare(changed), changed)


def test_receivers_come_move_and_go() -> None:
    dispatcher = Dispatcher([Log()])
    configured = ConfiguredReceivers(dispatcher)
    configure(configured)
    assert names(dispatcher) == ["log"]
    configure(configured, webhook="http://127.0.0.1:1/a")
    assert names(dispatcher) == ["log", "webhook"]
    configure(
        configured,
        alertmanager="http://127.0.0.1:1, http://127.0.0.1:2",
        webhook="http://127.0.0.1:1/b",
    )
    assert len(names(dispatcher)) == 4
    configure(configured)
    assert names(dispatcher) == ["log"]
    dispatcher.close()


def test_receivers_whose_addresses_stay_are_the_same() -> None:
    configured = ConfiguredReceivers(Dispatcher())
    configure(configured, webhook="http://127.0.0.1:1/a")
    settings = Settings().changed({"webhook": "http://127.0.0.1:1/a", "recent_calls": 5})
    assert configured.prepare(settings) is configured.prepare(settings)


def test_an_address_that_is_none_changes_nothing() -> None:
    dispatcher = Dispatcher()
    configured = ConfiguredReceivers(dispatcher)
    configure(configured, webhook="http://127.0.0.1:1/a")
    with pytest.raises(vs.ConfigurationError, match="Webhook"):
        configure(configured, webhook="no address")
    assert names(dispatcher) == ["webhook"]
    dispatcher.close()
