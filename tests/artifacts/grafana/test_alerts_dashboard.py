"""The dashboards of health, of alerts and of SLOs say what rules and exposition say."""

from __future__ import annotations

import json
from typing import Any

import pytest

from support.dashboards import load
from vitalspan.rules.burn_rate_alerts import BURN_WINDOWS, burn_group
from vitalspan.rules.model import Slo
from vitalspan.rules.scoring import LEVEL_PRESETS
from vitalspan.units import duration_text


def panels(name: str, prefix: str = "") -> list[dict[str, Any]]:
    return [panel for panel in load(prefix)[name]["panels"] if panel["type"] != "row"]


def titled(found: list[dict[str, Any]], title: str) -> dict[str, Any]:
    [one] = [panel for panel in found if panel["title"] == title]
    return one


def test_the_limits_of_burn_rates_are_those_of_the_alerts() -> None:
    slo = Slo("checkout", objective=0.999, window=30 * 86400.0)
    found = panels("alerts.json")
    rules = burn_group(slo).rules
    for window, rule in zip(BURN_WINDOWS, rules, strict=True):
        panel = titled(found, f"Burn rate over {duration_text(window.long)}")
        limit = panel["fieldConfig"]["defaults"]["thresholds"]["steps"][-1]["value"]
        assert limit == pytest.approx(rule.levels[0].threshold, rel=1e-5)
        for target, seconds in zip(panel["targets"], (window.long, window.short), strict=True):
            assert f"[{duration_text(seconds)}]" in target["expr"]


@pytest.mark.parametrize("prefix", ["", "shop_"])
def test_levels_are_shown_by_a_label_that_has_the_prefix_too(prefix: str) -> None:
    found = panels("health.json", prefix)
    for title in ("Level", "Levels"):
        [target] = titled(found, title)["targets"]
        assert target["legendFormat"] == f"{{{{{prefix}health_status}}}}"
        assert f"by ({prefix}health_status)" in target["expr"]


def test_any_level_is_shown_whatever_it_is_called() -> None:
    levels = {name for preset in LEVEL_PRESETS.values() for name, _ in preset}
    texts = [
        json.dumps(titled(panels("health.json"), title)["fieldConfig"])
        + titled(panels("health.json"), title)["targets"][0]["expr"]
        for title in ("Level", "Levels")
    ]
    assert not [level for level in levels for text in texts if f'"{level}"' in text]


def test_where_no_process_is_seen_nothing_is_said_to_be_well() -> None:
    everything = panels("alerts.json") + panels("health.json")
    assert not [
        panel["title"]
        for panel in everything
        for target in panel["targets"]
        if "vector(" in target["expr"]
    ]
