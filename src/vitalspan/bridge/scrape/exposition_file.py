"""A file with metrics, which is exported like a scraped target."""

from __future__ import annotations

from vitalspan.bridge.otlp.registry_source import Reading, process_resource
from vitalspan.bridge.scrape.scrape_target import batch_of
from vitalspan.bridge.scrape.text_parser import parse_metrics
from vitalspan.errors import VitalspanError


class ExpositionFile:
    """The metrics in a file, as a source for the exporter.

    Args:
        name: the name of the file, for messages.
        text: the content.
        service: the name of the service, or None.

    Raises:
        VitalspanError: for a text that is not an exposition.
    """

    def __init__(self, name: str, text: str, service: str | None) -> None:
        self.shown = name
        self.error: str | None = None
        self._service = service
        try:
            self._metrics = list(parse_metrics(text))
        except (ValueError, KeyError, IndexError) as mistake:
            raise VitalspanError(
                f"{name} does not contain metrics of Prometheus: {mistake}"
            ) from None

    def scrape(self) -> None:
        """Do nothing: the file has been read."""

    def read(self, time: int) -> Reading:
        """Return the metrics of the file; see `Source`."""
        builder = batch_of(self._metrics, time)
        resource = process_resource(builder.resource)
        if self._service is not None:
            resource["service.name"] = self._service
        return Reading(builder.batch(), resource, builder.left_out)
