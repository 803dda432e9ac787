"""Instruments of OpenTelemetry for tests, and substitutes for those that older SDKs lack."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Mapping
from typing import Any

import pytest
from opentelemetry.metrics import Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import NumberDataPoint
from prometheus_client.openmetrics import exposition as openmetrics

needs_utf8_names = pytest.mark.skipif(
    not hasattr(openmetrics, "escape_metric_name"),
    reason="this prometheus_client has classic names alone",
)
needs_exemplars = pytest.mark.skipif(
    "exemplars" not in {field.name for field in dataclasses.fields(NumberDataPoint)},
    reason="this SDK has no exemplars",
)
needs_scope_attributes = pytest.mark.skipif(
    "attributes" not in inspect.signature(MeterProvider.get_meter).parameters,
    reason="this SDK has scopes without attributes",
)


def set_gauge(
    meter: Any,
    instrument: tuple[str, ...],
    value: float,
    attributes: Mapping[str, Any] | None = None,
) -> None:
    """Create a gauge with a name, a unit and a description, and set its value.

    It is asynchronous: older releases have no other gauges.
    """
    name, unit, description = (*instrument, "", "")[:3]
    observation = Observation(value, attributes)
    meter.create_observable_gauge(name, [lambda _: [observation]], unit, description)
