"""The configuration in force: nothing that may be a secret is shown."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

import vitalspan as vs
from support.page_clients import ask
from support.watched import Watched
from vitalspan.config import Settings
from vitalspan.page.documents.configuration import SHOWN


def test_addresses_and_paths_are_not_shown(tmp_path: Path) -> None:
    secret = "s3cret"
    watched = Watched(
        alertmanager=f"http://user:{secret}@127.0.0.1:1/",
        webhook=f"http://127.0.0.1:1/{secret}",
        tick_interval=2.0,
    )
    document = ask(watched.registry, "configuration")
    assert secret not in str({**document, "receivers": None})
    by_name = {one["name"]: one for one in document["settings"]}
    assert (by_name["webhook"]["value"], by_name["webhook"]["is_default"]) == (None, False)
    assert by_name["tick_interval"]["value"] == "2.0"
    watched.monitor.close()


def test_what_may_have_secrets_or_paths_in_it_is_never_shown() -> None:
    names = {field.name for field in fields(Settings)}
    assert names >= SHOWN
    assert names - SHOWN >= {"alertmanager", "rules", "webhook", "workers", "store"}


def test_every_shown_setting_has_a_text() -> None:
    document = ask(Watched().registry, "configuration")
    shown = [one for one in document["settings"] if one["name"] in SHOWN]
    assert all(isinstance(one["value"], str) for one in shown)


def test_the_address_of_a_trace() -> None:
    address = "https://traces.example/{trace_id}?full=1"
    watched = Watched(trace_url=address)
    watched.call("f")
    assert ask(watched.registry, "operation", operation="f")["trace_url"] == address


@pytest.mark.parametrize(
    "address",
    ["https://traces.example/", "javascript:{trace_id}", "http://a {trace_id}"],
)
def test_an_address_that_leads_to_no_trace(address: str) -> None:
    with pytest.raises(vs.ConfigurationError, match=r"with \{trace_id\} in it"):
        Settings(trace_url=address)
