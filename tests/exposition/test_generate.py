from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from io import StringIO
from typing import Any, NamedTuple

import prometheus_client
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, exposition
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.openmetrics import parser as openmetrics_parser
from prometheus_client.parser import text_fd_to_metric_families
from prometheus_client.registry import Collector

import vitalspan as vs
from support.histories import STEPS, performed
from vitalspan.exposition.formats import Format
from vitalspan.exposition.generate import generate_latest

KNOWS_ESCAPING = "escaping" in inspect.signature(exposition.generate_latest).parameters
needs_escaping = pytest.mark.skipif(
    not KNOWS_ESCAPING, reason="this prometheus_client writes names in one way"
)


TEXT_FORMATS = [Format.TEXT_0_0_4, Format.TEXT_1_0_0, Format.OPENMETRICS_1_0_0]


class Parsed(NamedTuple):
    families: dict[str, tuple[str, str, str]]
    samples: dict[tuple[str, frozenset[tuple[str, str]]], tuple[float, Any]]


def parsed(text: bytes, fmt: Format) -> Parsed:
    read = (
        openmetrics_parser.text_fd_to_metric_families
        if fmt.is_openmetrics
        else text_fd_to_metric_families
    )
    families: dict[str, tuple[str, str, str]] = {}
    samples: dict[Any, Any] = {}
    for family in read(StringIO(text.decode())):
        assert family.name not in families, family.name
        families[family.name] = (family.type, family.documentation, family.unit)
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in samples, key
            samples[key] = (float(sample.value), _exemplar(sample.exemplar))
    return Parsed(families, samples)


def _exemplar(exemplar: Any) -> Any:
    # Timestamps are compared as numbers: the parser keeps the digits apart.
    return exemplar and exemplar._replace(timestamp=float(exemplar.timestamp or 0))


def theirs(registry: Any, fmt: Format, **options: Any) -> bytes:
    write = openmetrics if fmt.is_openmetrics else exposition
    text: bytes = write.generate_latest(registry, **options)
    return text


def assert_same(registry: CollectorRegistry, fmt: Format) -> Parsed:
    ours = parsed(generate_latest(registry, format=fmt), fmt)
    reference = parsed(theirs(registry, fmt), fmt)
    assert ours.families == reference.families
    assert ours.samples == reference.samples
    return ours


def prometheus_metrics(registry: CollectorRegistry) -> None:
    nasty = 'a"b\\c\nd%se\x00\r\u2028é'
    prometheus_client.Counter("my_calls", "Mine.\nAnd \\ more.", ["who"], registry=registry).labels(
        nasty
    ).inc(2, exemplar={"trace_id": "abc"})
    prometheus_client.Gauge("my_gauge", "Mine.", unit="bytes", registry=registry).set(float("nan"))
    prometheus_client.Gauge("my_inf", 'With "quotes".', registry=registry).set(float("-inf"))
    prometheus_client.Summary("my_summary", "Mine.", ["who"], registry=registry).labels("").observe(
        1e-9
    )
    prometheus_client.Histogram("my_histogram", "Mine.", registry=registry).observe(
        0.3, {"trace_id": "def"}
    )
    prometheus_client.Info("my", "Mine.", registry=registry).info({"version": nasty})
    prometheus_client.Enum("my_state", "Mine.", states=["on", "off"], registry=registry).state(
        "off"
    )


@settings(max_examples=60)
@given(
    steps=st.lists(STEPS, max_size=12),
    prefix=st.sampled_from(["", "shop_", "_", "A9_"]),
    traced=st.booleans(),
)
def test_same_as_prometheus_client(steps: list[Any], prefix: str, traced: bool) -> None:
    with performed(steps, prefix=prefix, traced=traced) as registry:
        plain = assert_same(registry, Format.TEXT_0_0_4)
        assert_same(registry, Format.TEXT_1_0_0)
        rich = assert_same(registry, Format.OPENMETRICS_1_0_0)
    assert plain.samples.keys() == rich.samples.keys()
    finished = [s for s in steps if isinstance(s, dict) and s["outcome"] != "open"]
    counted = sum(
        value
        for (name, _), (value, _) in rich.samples.items()
        if name == f"{prefix}operation_duration_seconds_count"
    )
    assert counted == len(finished)
    exemplars = [e for (_, e) in rich.samples.values() if e is not None]
    assert bool(exemplars) == (traced and bool(finished))


@pytest.mark.parametrize("fmt", TEXT_FORMATS)
def test_users_own_metrics_beside_ours(
    traced: vs.Monitor, registry: CollectorRegistry, clock: vs.ManualClock, fmt: Format
) -> None:
    registry.set_target_info({"service_name": 'shop "x"\n', "a": "\\"})
    prometheus_metrics(registry)
    with traced.operation("f"):
        clock.advance(0.3)
    ours = generate_latest(registry, format=fmt)
    # NaN is not equal to itself, so the lines are compared, and ours by what they mean.
    reference = theirs(registry, fmt)
    foreign = [line for line in reference.splitlines() if b"my_" in line or b"target" in line]
    assert [line for line in ours.splitlines() if b"my_" in line or b"target" in line] == foreign
    assert len(foreign) > 40
    assert parsed(ours, fmt).families == parsed(reference, fmt).families


def test_a_monitor_alone_in_a_registry_with_target_info(
    monitor: vs.Monitor, registry: CollectorRegistry
) -> None:
    registry.set_target_info({"service_name": "shop"})
    for fmt in TEXT_FORMATS:
        assert_same(registry, fmt)
    only = generate_latest(registry, names=["target_info"])
    assert parsed(only, Format.TEXT_0_0_4).samples.keys() == {
        ("target_info", frozenset({("service_name", "shop")}))
    }


@pytest.mark.parametrize("fmt", TEXT_FORMATS)
def test_default_registry(fmt: Format) -> None:
    monitor = vs.Monitor(clock=vs.ManualClock())
    try:
        with monitor.operation("f"):
            pass
        ours = parsed(generate_latest(format=fmt), fmt)
        reference = parsed(theirs(prometheus_client.REGISTRY, fmt), fmt)
    finally:
        monitor.close()
    assert ours.families == reference.families
    assert ours.samples.keys() == reference.samples.keys()
    assert {"operation_duration_seconds", "process_resident_memory_bytes", "system_cpus"} <= set(
        ours.families
    )


def test_weird_label_values_keep_their_exemplars_on_their_lines(
    traced: vs.Monitor, registry: CollectorRegistry, clock: vs.ManualClock
) -> None:
    value = "a\rb\x0bc\x0cd\x1ce\x85f\u2028g\u2029h\\n\ni"
    for seconds in (0.00005, 0.3, 100):
        with traced.operation("f", labels={"tier": value}):
            clock.advance(seconds)
    samples = assert_same(registry, Format.OPENMETRICS_1_0_0).samples
    with_exemplar = {
        dict(labels)["le"]: exemplar.value
        for (_, labels), (_, exemplar) in samples.items()
        if exemplar is not None
    }
    assert with_exemplar == {
        "0.0001": pytest.approx(0.00005),
        "0.5": pytest.approx(0.3),
        "+Inf": pytest.approx(100),
    }
    assert {dict(labels).get("tier", value) for _, labels in samples} == {value}


PLAIN = """\
# HELP operation_duration_seconds Duration of finished calls, whatever their outcome.
# TYPE operation_duration_seconds histogram
operation_duration_seconds_bucket{LABELS,le="0.0001"} 0
operation_duration_seconds_bucket{LABELS,le="0.00025"} 0
operation_duration_seconds_bucket{LABELS,le="0.0005"} 0
operation_duration_seconds_bucket{LABELS,le="0.001"} 0
operation_duration_seconds_bucket{LABELS,le="0.0025"} 0
operation_duration_seconds_bucket{LABELS,le="0.005"} 0
operation_duration_seconds_bucket{LABELS,le="0.01"} 0
operation_duration_seconds_bucket{LABELS,le="0.025"} 0
operation_duration_seconds_bucket{LABELS,le="0.05"} 0
operation_duration_seconds_bucket{LABELS,le="0.075"} 0
operation_duration_seconds_bucket{LABELS,le="0.1"} 0
operation_duration_seconds_bucket{LABELS,le="0.25"} 0
operation_duration_seconds_bucket{LABELS,le="0.5"} 0
operation_duration_seconds_bucket{LABELS,le="0.75"} 0
operation_duration_seconds_bucket{LABELS,le="1.0"} 0
operation_duration_seconds_bucket{LABELS,le="2.5"} 2EXEMPLAR
operation_duration_seconds_bucket{LABELS,le="5.0"} 2
operation_duration_seconds_bucket{LABELS,le="7.5"} 2
operation_duration_seconds_bucket{LABELS,le="10.0"} 2
operation_duration_seconds_bucket{LABELS,le="30.0"} 2
operation_duration_seconds_bucket{LABELS,le="60.0"} 2
operation_duration_seconds_bucket{LABELS,le="+Inf"} 2
operation_duration_seconds_count{LABELS} 2
operation_duration_seconds_sum{LABELS} 4.0
# HELP operation_errors_total Failed calls, by the qualified name of the exception \
or the error type that was set.
# TYPE operation_errors_total counter
operation_errors_total{LABELS,error_type="ValueError"} 1
# HELP operation_cancellations_total Calls that were cancelled or closed early, which are neither \
successes nor errors.
# TYPE operation_cancellations_total counter
operation_cancellations_total{LABELS} 0
# HELP operation_in_progress Calls in progress.
# TYPE operation_in_progress gauge
operation_in_progress{LABELS} 0
# HELP operation_oldest_in_progress_seconds Age of the oldest call in progress; 0 if there is none.
# TYPE operation_oldest_in_progress_seconds gauge
operation_oldest_in_progress_seconds{LABELS} 0.0
# HELP operation_items_total Total of the measure items over all calls.
# TYPE operation_items_total counter
operation_items_total{LABELS} 25
"""

LABELS = r'component="pay\"s\\",operation="check\nout",tier="gold"'


@pytest.fixture
def golden(traced: vs.Monitor, clock: vs.ManualClock) -> vs.Monitor:
    options: dict[str, Any] = {
        "component": 'pay"s\\',
        "labels": {"tier": "gold"},
        "resources": False,
    }
    with traced.operation("check\nout", **options) as call:
        call.add("items", 25)
        clock.advance(2.0)

    @traced.operation("check\nout", **options)
    def fail() -> None:
        clock.advance(2.0)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        fail()
    return traced


@pytest.mark.parametrize("fmt", [Format.TEXT_0_0_4, Format.TEXT_1_0_0])
def test_exact_text(golden: vs.Monitor, fmt: Format) -> None:
    text = golden.generate_latest(fmt).decode()
    expected = PLAIN.replace("LABELS", LABELS).replace("EXEMPLAR", "")
    assert text[: text.index("# HELP vitalspan_")] == expected
    assert not text.endswith("# EOF\n")
    assert "# UNIT" not in text


def test_exact_openmetrics(golden: vs.Monitor) -> None:
    call = golden.recent_calls()[-1]
    exemplar = f' # {{span_id="{call.span_id}",trace_id="{call.trace_id}"}} 2.0 1700000004.000'
    expected = PLAIN.replace("LABELS", LABELS).replace("EXEMPLAR", exemplar)
    for name in ("errors", "cancellations", "items"):
        for comment in ("HELP", "TYPE"):
            expected = expected.replace(
                f"# {comment} operation_{name}_total", f"# {comment} operation_{name}"
            )
    for name, kind in (("duration", "histogram"), ("oldest_in_progress", "gauge")):
        line = f"# TYPE operation_{name}_seconds {kind}\n"
        expected = expected.replace(line, f"{line}# UNIT operation_{name}_seconds seconds\n")
    text = golden.generate_latest(Format.OPENMETRICS_1_0_0).decode()
    assert text[: text.index("# HELP vitalspan_")] == expected
    assert text.endswith("\n# EOF\n")
    assert text.count("# EOF") == 1


def test_empty_registry(registry: CollectorRegistry) -> None:
    assert generate_latest(registry) == b""
    assert generate_latest(registry, format=Format.OPENMETRICS_1_0_0) == b"# EOF\n"


NAME_SETS: list[list[str]] = [
    [],
    ["no_such_metric"],
    ["operation_duration_seconds_count"],
    ["operation_duration_seconds_bucket", "operation_errors_total", "my_calls_total"],
    ["operation_duration_seconds"],
    ["my_histogram_sum", "my_info", "my_state", "target_info", "vitalspan_fold_seconds_sum"],
    ["my_calls_total", "my_calls_total"],
]


@pytest.mark.parametrize("names", NAME_SETS, ids=lambda names: ",".join(names) or "none")
@pytest.mark.parametrize("fmt", TEXT_FORMATS)
def test_names_filter_like_a_restricted_registry(
    golden: vs.Monitor, registry: CollectorRegistry, names: list[str], fmt: Format
) -> None:
    prometheus_metrics(registry)
    registry.set_target_info({"service_name": "shop"})
    restricted = registry.restricted_registry(names)
    # By lines: strict parsers refuse a part of a histogram.
    reference = sorted(theirs(restricted, fmt).splitlines())
    ours = sorted(generate_latest(registry, format=fmt, names=names).splitlines())
    # prometheus_client loses the units on the way.
    assert [line for line in ours if not line.startswith(b"# UNIT")] == reference
    assert sorted(generate_latest(restricted, format=fmt).splitlines()) == reference


def test_names_filter_sees_measures(golden: vs.Monitor, registry: CollectorRegistry) -> None:
    text = generate_latest(registry, names=("operation_items_total",)).decode()
    assert [line for line in text.splitlines() if not line.startswith("#")] == [
        f"operation_items_total{{{LABELS}}} 25.0"
    ]


@needs_escaping
@pytest.mark.parametrize("escaping", ["underscores", "allow-utf-8", "dots", "values"])
@pytest.mark.parametrize("fmt", [Format.TEXT_1_0_0, Format.OPENMETRICS_1_0_0])
def test_escaping(
    golden: vs.Monitor, registry: CollectorRegistry, escaping: str, fmt: Format
) -> None:
    prometheus_client.Gauge("my.own-é_x", "Mine.", ["a.b"], registry=registry).labels("v").set(1)
    ours = generate_latest(registry, format=fmt, escaping=escaping)
    reference = theirs(registry, fmt, escaping=escaping)
    mine = b"own"
    assert [line for line in ours.splitlines() if mine in line] == [
        line for line in reference.splitlines() if mine in line
    ]
    assert {line.split(b"{")[0].split(b" ")[0] for line in _series(ours)} == {
        line.split(b"{")[0].split(b" ")[0] for line in _series(theirs_by_spec(registry, escaping))
    }
    doubled = b"operation__errors__total{"
    assert (doubled in ours) == (escaping == "dots")
    assert (b"error__type=" in ours) == (escaping == "dots")


def theirs_by_spec(registry: CollectorRegistry, escaping: str) -> bytes:
    # Always the plain text: the OpenMetrics writer of prometheus_client 0.26 escapes valid names
    # too, unlike its other writer and the specification.
    return theirs(registry, Format.TEXT_1_0_0, escaping=escaping)


def _series(text: bytes) -> list[bytes]:
    return [line for line in text.splitlines() if line and not line.startswith(b"#")]


class Faulty(Collector):
    def __init__(self, collect: Callable[[], Any]) -> None:
        self._collect = collect

    def collect(self) -> Any:
        return self._collect()


def at_once() -> Any:
    raise RuntimeError("at once")


def midway() -> Iterator[Metric]:
    yield GaugeMetricFamily("half_way", "Half way.", 1)
    raise RuntimeError("midway")


def in_the_samples() -> Any:
    family = GaugeMetricFamily("half_way", "Half way.", labels=["a"])
    family.add_metric(["fine"], 1)
    family.add_metric(["\ud800"], 1)
    return [GaugeMetricFamily("first", "First.", 1), family]


def unprintable() -> Any:
    class Unprintable(Exception):
        def __str__(self) -> str:
            raise RuntimeError("not even that")

        __repr__ = __str__

    raise Unprintable


FAULTS: list[Callable[[], Any]] = [
    at_once,
    midway,
    in_the_samples,
    unprintable,
    lambda: None,
    lambda: 3,
    lambda: [None, 3, "metrics"],
    lambda: [Metric("half_way", "No number.", "gauge"), object()],
    lambda: [CounterMetricFamily("half_way", "No number.", value="many")],  # type: ignore[arg-type]
    lambda: [GaugeMetricFamily("half_way", None, 1)],  # type: ignore[arg-type]
]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("fmt", TEXT_FORMATS)
def test_a_faulty_collector_is_left_out(
    monitor: vs.Monitor,
    registry: CollectorRegistry,
    caplog: pytest.LogCaptureFixture,
    fault: Callable[[], Any],
    fmt: Format,
) -> None:
    registry.register(Faulty(fault))
    prometheus_client.Gauge("after_it", "After it.", registry=registry).set(7)
    for scrape in (1, 2, 3):
        text = generate_latest(registry, format=fmt)
        samples = parsed(text, fmt).samples
        counted = ("vitalspan_collector_errors_total", frozenset({("collector", "Faulty")}))
        assert samples[counted] == (scrape, None)
        assert samples["after_it", frozenset()] == (7, None)
        assert b"half_way" not in text
        assert b"first" not in text
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "Faulty" in caplog.text
    named = generate_latest(registry, format=fmt, names=["after_it"])
    assert parsed(named, fmt).samples == {("after_it", frozenset()): (7, None)}


def test_each_faulty_collector_is_logged(
    monitor: vs.Monitor, registry: CollectorRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    for fault in (at_once, midway):
        registry.register(Faulty(fault))
    for _ in range(3):
        text = generate_latest(registry).decode()
    assert 'vitalspan_collector_errors_total{collector="Faulty"} 6\n' in text
    assert len(caplog.records) == 2


def test_a_collector_may_recover(monitor: vs.Monitor, registry: CollectorRegistry) -> None:
    collector = Faulty(at_once)
    registry.register(collector)
    assert b"well" not in generate_latest(registry)
    collector._collect = lambda: [GaugeMetricFamily("well", "Well.", 1)]
    assert b"well 1.0\n" in generate_latest(registry)


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_what_is_no_fault_passes(
    monitor: vs.Monitor, registry: CollectorRegistry, stop: type[BaseException]
) -> None:
    def interrupted() -> Any:
        raise stop

    registry.register(Faulty(interrupted))
    with pytest.raises(stop):
        generate_latest(registry)


class Slotted:
    """It cannot be referred to weakly, and compares in a way of its own."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("incomparable")

    def __hash__(self) -> int:
        return 1

    def collect(self) -> Any:
        raise RuntimeError("and faulty")


class Unhashable:
    __hash__ = None  # type: ignore[assignment]

    def collect(self) -> Any:
        raise RuntimeError("unhashable and faulty")


def test_faulty_collectors_of_odd_make(
    monitor: vs.Monitor, registry: CollectorRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    registry.register(Slotted())
    for _ in range(2):
        assert b'{collector="Slotted"} ' in generate_latest(registry)
        assert generate_latest(Unhashable()) == b""
    assert len(caplog.records) == 2


def test_target_info_that_cannot_be_written(
    monitor: vs.Monitor, registry: CollectorRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    registry.set_target_info({"pid": 1})  # type: ignore[dict-item]
    for _ in range(2):
        text = generate_latest(registry)
    assert b'vitalspan_collector_errors_total{collector="TargetInfo"} 2\n' in text
    assert len(caplog.records) == 1


def test_two_monitors_in_one_registry(registry: CollectorRegistry) -> None:
    first = vs.Monitor(registry=registry, metric_prefix="a_", system_metrics=False)
    second = vs.Monitor(registry=registry, metric_prefix="b_", system_metrics=False)
    registry.register(Faulty(at_once))
    text = generate_latest(registry)
    for prefix in (b"a", b"b"):
        assert prefix + b'_vitalspan_collector_errors_total{collector="Faulty"} 1\n' in text
    first.close()
    second.close()


def test_a_collector_instead_of_a_registry(golden: vs.Monitor, registry: CollectorRegistry) -> None:
    (collector,) = golden._registration._collectors
    assert generate_latest(collector) == generate_latest(registry)
    gauge = prometheus_client.Gauge("alone", "Alone.", registry=None)
    assert generate_latest(gauge) == theirs(gauge, Format.TEXT_0_0_4)


def test_a_registry_that_collects_in_its_own_way(golden: vs.Monitor) -> None:
    class Doubled(CollectorRegistry):
        def collect(self) -> Iterator[Metric]:
            for metric in super().collect():
                metric.samples = [s._replace(value=2 * s.value) for s in metric.samples]
                yield metric

    registry = Doubled()
    prometheus_client.Gauge("mine", "Mine.", registry=registry).set(4)
    assert b"mine 8.0\n" in generate_latest(registry)


def test_collectors_may_change_the_registry_while_they_are_asked(
    monitor: vs.Monitor, registry: CollectorRegistry
) -> None:
    def collect() -> Any:
        prometheus_client.Gauge("made_meanwhile", "Made meanwhile.", registry=registry)
        registry.unregister(changing)
        return []

    changing = Faulty(collect)
    registry.register(changing)
    assert b"made_meanwhile" not in generate_latest(registry)
    assert b"made_meanwhile 0.0\n" in generate_latest(registry)


class Odd(float):
    """A number like NumPy's: sums of it are of its own type, and do not print as digits."""

    def __add__(self, other: float) -> Odd:
        return Odd(float(self) + float(other))

    __radd__ = __add__

    def __repr__(self) -> str:
        return f"np.float64({float(self)})"


def test_numbers_of_other_types(monitor: vs.Monitor, registry: CollectorRegistry) -> None:
    for amount in (1, Odd(2.5), True):
        with monitor.operation("f") as call:
            call.add("items", amount)
        monitor.api("a").record(tokens=amount, cost=Odd(0.5))
    for fmt in TEXT_FORMATS:
        samples = assert_same(registry, fmt).samples
        labels = frozenset({("component", "default"), ("operation", "f")})
        assert samples["operation_items_total", labels] == (4.5, None)
        labels = frozenset({("component", "default"), ("api", "a")})
        assert samples["api_tokens_total", labels] == (4.5, None)
        assert samples["api_cost_dollars_total", labels] == (1.5, None)


@pytest.mark.parametrize(
    ("arguments", "options", "kind", "message"),
    [
        (
            (Format.TEXT_0_0_4,),
            {},
            TypeError,
            r"the first argument is the registry: write .*\(format=Format.TEXT_0_0_4\)",
        ),
        (("text",), {}, TypeError, r"generate_latest\('text'\): use a prometheus_client registry"),
        ((), {"format": "text"}, TypeError, r"format='text': use one of Format.TEXT_0_0_4, "),
        (
            (),
            {"escaping": "utf8"},
            ValueError,
            "escaping='utf8': use one of allow-utf-8, dots, underscores, values",
        ),
    ],
)
def test_wrong_arguments(arguments: Any, options: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        generate_latest(*arguments, **options)
