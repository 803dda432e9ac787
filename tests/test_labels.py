"""Label values may be anything; label names are checked where they are declared."""

from __future__ import annotations

import enum
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse_text

import vitalspan as vs
from vitalspan.labels import (
    MAX_LABELS,
    MAX_VALUE_LENGTH,
    declared,
    value_text,
)


class Unprintable:
    def __str__(self) -> str:
        raise RuntimeError("no text")


class NotText:
    def __str__(self) -> str:
        return 5  # type: ignore[return-value]  # noqa: PLE0307 - what is tested


class Deep:
    def __str__(self) -> str:
        return str(self)


class Sly(str):
    """A text whose own methods lie."""

    __slots__ = ()

    def __getitem__(self, index: Any) -> str:
        raise RuntimeError

    def isascii(self) -> bool:
        raise RuntimeError

    def __str__(self) -> str:
        return self


class Colour(enum.Enum):
    RED = "red"


HOSTILE: list[tuple[object, str]] = [
    ('"', '"'),
    ("\n", "\n"),
    ("\\", "\\"),
    ("\\n", "\\n"),
    ('\\"\n\\\\', '\\"\n\\\\'),
    ("%", "%"),
    ("%s %d %% %(x)s", "%s %d %% %(x)s"),
    ("{}", "{}"),
    ('a",b="c', 'a",b="c'),
    ("x" * 10_000_000, "x" * MAX_VALUE_LENGTH),
    ("é" * 1000, "é" * MAX_VALUE_LENGTH),
    ("\ud800", "?"),
    ("a\udfff b", "a? b"),
    ("\x00", "\x00"),
    ("\r", "\r"),
    ("a\u2028b\x85c\x1cd", "a\u2028b\x85c\x1cd"),
    ("🙂👩‍👩‍👧", "🙂👩‍👩‍👧"),
    (Unprintable(), "<unprintable Unprintable>"),
    (NotText(), "<unprintable NotText>"),
    (Deep(), "<unprintable Deep>"),
    (Sly("sly"), "sly"),
    (10**5000, "<unprintable int>"),
    (b"bytes", "b'bytes'"),
    (None, "None"),
    (1, "1"),
    (True, "True"),
    (1.5, "1.5"),
    (float("nan"), "nan"),
    (Decimal("1.10"), "1.10"),
    (Colour.RED, "Colour.RED"),
    ([1, 2], "[1, 2]"),
    (" spaces ", " spaces "),
    ("_overflow", "_overflow"),
]


@pytest.mark.parametrize(("value", "text"), HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("place", ["label", "component", "operation"])
@pytest.mark.parametrize("openmetrics", [False, True])
def test_any_value_comes_back_from_the_exposition(
    monitor: vs.Monitor,
    registry: CollectorRegistry,
    value: Any,
    text: str,
    place: str,
    openmetrics: bool,
) -> None:
    options: dict[str, Any] = {"component": "shop", "labels": {"tier": "gold"}}
    name: Any = "parse"
    if place == "label":
        options["labels"] = {"tier": value}
    elif place == "component":
        options["component"] = value
        text = "default" if value is None else text
    else:
        name = value if isinstance(value, str) else text
    for _ in range(2):
        with monitor.operation(name, **options):
            pass
    format = vs.Format.OPENMETRICS_1_0_0 if openmetrics else vs.Format.TEXT_0_0_4  # noqa: A001
    parse = parse_openmetrics if openmetrics else parse_text
    page = vs.generate_latest(registry, format=format).decode("utf-8")
    counts = [
        sample
        for family in parse(page)
        for sample in family.samples
        if sample.name == "operation_duration_seconds_count"
    ]
    assert [sample.value for sample in counts] == [2]
    labels = counts[0].labels
    key = "tier" if place == "label" else place
    assert labels[key] == text
    (call, _) = monitor.recent_calls()
    shown = {"tier": call.labels["tier"], "component": call.component, "operation": call.operation}
    assert shown[key] == text


@given(st.text() | st.text(st.characters()).map(lambda text: text * 50))
def test_value_text_is_short_valid_utf8(value: str) -> None:
    text = value_text(value)
    assert len(text) <= MAX_VALUE_LENGTH
    assert type(text) is str
    text.encode("utf-8")
    assert value_text(text) == text


@given(
    st.dictionaries(st.from_regex(r"[a-z]{1,8}", fullmatch=True), st.text(min_size=1), max_size=5)
)
def test_texts_come_back_from_the_collector(labels: dict[str, str]) -> None:
    try:
        expected = dict(declared(labels))
    except vs.ConfigurationError:
        return
    registry = CollectorRegistry()
    monitor = vs.Monitor(registry=registry, system_metrics=False)
    with monitor.operation("f", labels=labels):
        pass
    page = vs.generate_latest(registry).decode()
    found = [
        sample.labels
        for family in parse_text(page)
        for sample in family.samples
        if sample.name == "operation_duration_seconds_count"
    ]
    assert found == [{"component": "default", "operation": "f", **expected}]
    monitor.close()


def test_values_of_one_text_are_one_series(
    monitor: vs.Monitor, sample: Callable[..., float | None]
) -> None:
    for value in (1, "1", True, "True", 1):
        with monitor.operation("f", labels={"a": value}):
            pass
    assert sample("operation_duration_seconds_count", operation="f", a="1") == 3
    assert sample("operation_duration_seconds_count", operation="f", a="True") == 2


def test_the_order_of_labels_does_not_matter(
    monitor: vs.Monitor, sample: Callable[..., float | None]
) -> None:
    with monitor.operation("f", labels={"a": "1", "b": "2"}):
        pass
    with monitor.operation("f", labels={"b": "2", "a": "1"}):
        pass
    assert sample("operation_duration_seconds_count", operation="f", a="1", b="2") == 2


def test_an_empty_value_is_no_label(
    monitor: vs.Monitor, sample: Callable[..., float | None]
) -> None:
    """Prometheus takes the two for the same series, and would drop one of them."""
    with monitor.operation("f", labels={"a": ""}):
        pass
    with monitor.operation("f"):
        pass
    assert sample("operation_duration_seconds_count", operation="f") == 2


@pytest.mark.parametrize(
    "name",
    ["", "1a", "a-b", "a b", "ä", "a\n", "__name__", "__a", "٣", 5, None, "a" + "\u0661"],
)
def test_an_impossible_label_name_is_refused(monitor: vs.Monitor, name: Any) -> None:
    with pytest.raises(vs.ConfigurationError) as refused:
        monitor.operation("f", labels={name: "x"})
    assert repr(name) in str(refused.value)
    with pytest.raises(vs.ConfigurationError):
        monitor.operation(labels={name: "x"})(lambda: None)


@pytest.mark.parametrize("name", ["component", "operation", "error_type", "le", "quantile"])
def test_a_reserved_label_name_is_refused(monitor: vs.Monitor, name: str) -> None:
    with pytest.raises(vs.ConfigurationError, match=repr(name)):
        monitor.operation("f", labels={name: "x"})


def test_too_many_labels_are_refused(monitor: vs.Monitor) -> None:
    monitor.operation("f", labels={f"a{number}": 1 for number in range(MAX_LABELS)})
    with pytest.raises(vs.ConfigurationError, match=f"{MAX_LABELS + 1} labels"):
        monitor.operation("f", labels={f"a{number}": 1 for number in range(MAX_LABELS + 1)})


@pytest.mark.parametrize("labels", [["a"], "ab", {"a"}, [("a", 1)], 5])
def test_labels_are_a_mapping(monitor: vs.Monitor, labels: Any) -> None:
    with pytest.raises(vs.ConfigurationError, match="mapping"):
        monitor.operation("f", labels=labels)


def test_names_that_may_be_used(monitor: vs.Monitor) -> None:
    for name in ("a", "_a", "A1", "job", "instance", "operation_"):
        with monitor.operation("f", labels={name: "x"}):
            pass


@pytest.mark.parametrize("slow", ["2", -1, float("nan"), [1], b"1"])
def test_an_impossible_slow_is_refused(monitor: vs.Monitor, slow: Any) -> None:
    with pytest.raises(vs.ConfigurationError, match="slow="):
        monitor.operation("f", slow=slow)
    with pytest.raises(vs.ConfigurationError, match="slow="):
        monitor.operation(slow=slow)(lambda: None)


@pytest.mark.parametrize("resources", ["yes", 1, 0, []])
def test_an_impossible_resources_is_refused(monitor: vs.Monitor, resources: Any) -> None:
    with pytest.raises(vs.ConfigurationError, match="resources="):
        monitor.operation("f", resources=resources)


def test_a_huge_name_is_not_kept(monitor: vs.Monitor) -> None:
    for number in range(3):
        with monitor.operation("x" * 1_000_000 + str(number)):
            pass
    assert not monitor._call_sites.blocks
    assert len(monitor._recorder.series_table._series) == 1
