"""The exposition formats and their content types."""

from __future__ import annotations

from enum import Enum


class Format(Enum):
    """A format that Prometheus scrapes; the value is its content type."""

    TEXT_0_0_4 = "text/plain; version=0.0.4; charset=utf-8"
    TEXT_1_0_0 = "text/plain; version=1.0.0; charset=utf-8"
    OPENMETRICS_1_0_0 = "application/openmetrics-text; version=1.0.0; charset=utf-8"
    OPENMETRICS_2_0_0 = "application/openmetrics-text; version=2.0.0; charset=utf-8"
    PROTOBUF = (
        "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; "
        "encoding=delimited"
    )

    @property
    def content_type(self) -> str:
        """The `Content-Type` without an escaping parameter."""
        return self.value

    @property
    def is_openmetrics(self) -> bool:
        """True if the format has exemplars, units and the `# EOF` line."""
        return self in {Format.OPENMETRICS_1_0_0, Format.OPENMETRICS_2_0_0}
