"""An OpenTelemetry receiver as a sink."""

from __future__ import annotations

from typing import Literal

from vitalspan.bridge.otlp.exporter import OtlpExporter, make_transport
from vitalspan.bridge.otlp.registry_source import RegistrySource
from vitalspan.bridge.otlp.settings import OtlpSettings
from vitalspan.clock import SystemClock
from vitalspan.jobs.job_report import JobReport


class Otlp:
    """Pushes the metrics of a job to an OpenTelemetry receiver.

    The `OTEL_EXPORTER_OTLP_*` variables configure this; arguments take precedence.

    Args:
        endpoint: the endpoint of the receiver, such as `http://localhost:4318`.
        protocol: `http/protobuf` or `grpc`.

    Raises:
        ConfigurationError: for an invalid argument.
        MissingExtraError: for `grpc` without its library.
    """

    def __init__(
        self,
        endpoint: str | None = None,
        *,
        protocol: Literal["http/protobuf", "grpc"] | None = None,
    ) -> None:
        self._settings = OtlpSettings.from_environment(endpoint=endpoint, protocol=protocol)
        self._clock = SystemClock()
        self._transport = make_transport(self._settings, self._clock)

    def __repr__(self) -> str:
        return f"Otlp({self._settings.target.shown!r})"

    @property
    def shown(self) -> str:
        """The URL of the receiver without secrets."""
        return f"OTLP receiver {self._settings.target.shown}"

    def started(self, report: JobReport) -> None:
        """Push that a run has started."""
        self._push(report)

    def finished(self, report: JobReport) -> None:
        """Push how a run has ended."""
        self._push(report)

    def forget(self, report: JobReport) -> None:
        """Do nothing, because pushed data belongs to the receiver."""

    def _push(self, report: JobReport) -> None:
        source = RegistrySource(report.registry())
        exporter = OtlpExporter([source], self._transport, self._settings, self._clock)
        exporter.export()
        exporter.sender.send_last(self._clock.now() + self._settings.timeout)
        points = exporter.sender.points
        lost = points["rejected"] + points["dropped"]
        if lost:
            raise ConnectionError(f"{lost} data points were not accepted")
