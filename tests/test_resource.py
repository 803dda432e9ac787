"""What tells a process from others."""

from __future__ import annotations

import os
import socket

import pytest

from vitalspan.errors import ConfigurationError
from vitalspan.resource import ExternalLabels, external_labels


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES"):
        monkeypatch.delenv(name, raising=False)
    # Monitors of other tests may share a directory.
    monkeypatch.setattr("vitalspan.resource._directories", [])


HERE = f"{socket.gethostname()}:{os.getpid()}"


@pytest.mark.parametrize(
    ("name", "attributes", "labels"),
    [
        ("", "", {"instance": HERE}),
        ("shop", "", {"job": "shop", "instance": HERE}),
        ("", "service.name=shop, service.instance.id = a%201 ", {"job": "shop", "instance": "a 1"}),
        ("shop", "service.name=other,service.namespace=eu", {"job": "eu/shop", "instance": HERE}),
        ("", "nonsense,=x,service.namespace=eu", {"instance": HERE}),
    ],
)
def test_labels_come_from_the_resource(
    name: str, attributes: str, labels: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", name)
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", attributes)
    assert external_labels() == labels


def test_own_labels_replace_and_remove() -> None:
    labels = ExternalLabels("Webhook", {"instance": "", "cluster": "eu"})
    assert labels.current() == {"cluster": "eu"}


@pytest.mark.parametrize(
    ("labels", "problem"),
    [
        ("job=x", "use a mapping"),
        ({"a-b": "x"}, "'a-b' is not a valid name"),
        ({"severity": "x"}, "severity='x'"),
        ({"cluster": 1}, "cluster=1: use a string"),
    ],
)
def test_labels_that_cannot_be(labels: object, problem: str) -> None:
    with pytest.raises(ConfigurationError, match="Webhook") as raised:
        ExternalLabels("Webhook", labels)  # type: ignore[arg-type]
    assert problem in str(raised.value)
