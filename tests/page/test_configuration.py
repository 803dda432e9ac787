"""The configuration in force: nothing that may be a secret is shown."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

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


def test_each_setting_is_shown_or_left_out_on_purpose() -> None:
    left_out = {field.name for field in fields(Settings)} - SHOWN
    assert left_out == {"alertmanager", "rules", "webhook", "workers"}
    assert {field.name for field in fields(Settings)} >= SHOWN
