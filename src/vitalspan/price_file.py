"""Reads the file with the prices of models."""

from __future__ import annotations

from typing import Any

from vitalspan.configfile import values
from vitalspan.configfile.fields import Fields
from vitalspan.configfile.load import load_document
from vitalspan.configfile.report import Report
from vitalspan.recording.prices import Price, PriceTable

_USABLE = "a mapping such as {input: 2.5, output: 10}"
_MOST = 1_000_000.0


def load_prices(table: PriceTable, path: str) -> None:
    """Replace the prices of a table by those in a YAML file.

    Args:
        table: the price table of the monitor.
        path: the file; empty leaves the table without prices.

    Raises:
        ConfigFileError: if it cannot be used; the error lists all mistakes, and nothing is changed.
        MissingExtraError: if PyYAML is not installed.
    """
    if not path:
        table.clear()
        return
    report = Report(path)
    root = Fields(
        load_document(path, report, "price file", "rules"),
        ("prices",),
        report,
        usable="prices: {large: {input: 2.5, output: 10}}",
    )
    models = root.get("prices")
    prices: dict[str, dict[str, Any]] = {}
    if models is None:
        root.wrong("has no prices: write prices: and a line for each model")
    else:
        for model, _, node in Fields(models, None, report, usable="a line for each model"):
            fields = Fields(node, Price._fields, report, usable=_USABLE)
            found = {
                name: values.number_of(value, "dollars such as 2.5", report, 0.0, _MOST)
                for name, _, value in fields
                if name in Price._fields
            }
            prices[model] = {name: amount for name, amount in found.items() if amount is not None}
    report.check()
    table.replace(prices)
