"""Parses expositions in the text formats of Prometheus and OpenMetrics."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from prometheus_client.core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_families
from prometheus_client.parser import text_string_to_metric_families as plain_families

_COUNTER: Final = re.compile(r"^# TYPE (\S+) counter\s*$", re.MULTILINE)
_TOTAL: Final = "_total"


def parse_metrics(text: str, content_type: str = "") -> Iterator[Metric]:
    """Yield the metrics of an exposition.

    Names are not changed: a counter of the text format may lack `_total`.

    Args:
        text: the exposition.
        content_type: the content type of the response; without one, `# EOF` indicates OpenMetrics.

    Raises:
        ValueError: for a text that is not an exposition.
    """
    openmetrics = content_type.partition(";")[0].strip() == "application/openmetrics-text"
    if openmetrics or (not content_type and text.rstrip().endswith("# EOF")):
        families: Iterator[Metric] = open_families(text)  # type: ignore[no-untyped-call]
        yield from families
        return
    bare = {name for name in _COUNTER.findall(text) if not name.endswith(_TOTAL)}
    for metric in plain_families(text):
        # The parser appends the suffix that OpenMetrics demands.
        if metric.type == "counter" and metric.name in bare:
            metric.samples = [
                sample._replace(name=sample.name.removesuffix(_TOTAL)) for sample in metric.samples
            ]
        yield metric
