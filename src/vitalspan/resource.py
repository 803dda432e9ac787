"""The identity of this process: its OpenTelemetry resource, and the labels made of it."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from urllib.parse import unquote

from vitalspan.errors import ConfigurationError
from vitalspan.labels import check_name


def resource_attributes() -> dict[str, str]:
    """Return the attributes in `OTEL_RESOURCE_ATTRIBUTES` and `OTEL_SERVICE_NAME`."""
    attributes = {}
    for item in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "").split(","):
        key, equals, value = item.partition("=")
        if equals and key.strip():
            attributes[key.strip()] = unquote(value.strip())
    name = os.environ.get("OTEL_SERVICE_NAME", "").strip()
    return {**attributes, "service.name": name} if name else attributes


def service_instance_id() -> str:
    """Return the `service.instance.id` of this process; the default is its host and process id."""
    instance_id = resource_attributes().get("service.instance.id")
    return instance_id or f"{socket.gethostname()}:{os.getpid()}"


_directories: list[str] = []
"""The directories of monitors that are not closed; the latest one names the instance."""


def share_instance(directory: str) -> None:
    """Give processes that share a directory the same `instance` label."""
    _directories.append(directory)


def leave_instance(directory: str) -> None:
    """End the effect of one call of `share_instance`."""
    if directory in _directories:
        _directories.remove(directory)


def external_labels() -> dict[str, str]:
    """Return the labels that identify the series and alerts of this process.

    They follow OpenTelemetry's Prometheus compatibility document: `job` is the name of the service,
    after its namespace and a slash if it has one, and `instance` is its `service.instance.id`. A
    service without a name has no `job`. Processes that share a directory are one instance, named
    after their host and the directory unless a variable sets it.
    """
    attributes = resource_attributes()
    instance = service_instance_id()
    if _directories and "service.instance.id" not in attributes:
        instance = f"{socket.gethostname()}:{_directories[-1]}"
    labels = {"instance": instance}
    name, namespace = attributes.get("service.name"), attributes.get("service.namespace")
    if name:
        labels["job"] = f"{namespace}/{name}" if namespace else name
    return labels


class ExternalLabels:
    """Labels that are added to alerts when they are sent.

    Args:
        what: the kind of the receiver, for messages.
        labels: labels in addition to `job` and `instance`, or instead; an empty value removes one.

    Raises:
        ConfigurationError: for invalid labels.
    """

    def __init__(self, what: str, labels: Mapping[str, str] | None) -> None:
        if labels is not None and not isinstance(labels, Mapping):
            raise ConfigurationError(
                f"{what}: external_labels={labels!r:.80}: use a mapping of names to values"
            )
        for name, value in (labels or {}).items():
            check_name(name, f"{what}: external label")
            if name in ("alertname", "severity") or not isinstance(value, str):
                raise ConfigurationError(
                    f"{what}: external label {name}={value!r:.80}: use a string, and another name "
                    "than alertname and severity"
                )
        self._labels = dict(labels or {})

    def current(self) -> dict[str, str]:
        """Return the current labels: those of the process change after a fork."""
        labels = external_labels() | self._labels
        return {name: value for name, value in labels.items() if value}
