"""The rows of the table with their targets."""

from __future__ import annotations

from typing import NamedTuple


class Goal(NamedTuple):
    """A limit on the overhead of a row as a multiple of another row's in the same process."""

    limit: float
    against: str = "floor"


class CallRow(NamedTuple):
    """A subject that is timed call by call."""

    case: str
    subject: str
    title: str
    goals: tuple[Goal, ...] = ()


class FigureRow(NamedTuple):
    """A single figure; `limit` is an upper bound unless `at_least` is set."""

    case: str
    figure: str
    title: str
    text: str
    limit: float | None = None
    unit: str = ""
    at_least: bool = False


_CALLS = (
    CallRow("calls", "plain", "plain call (the call itself, nothing added)"),
    CallRow("calls", "floor", "the floor"),
    CallRow("calls", "decorated", "**vitalspan**, decorated", (Goal(2.5), Goal(0.25, "by hand"))),
    CallRow("calls", "kept", "**vitalspan**, `with`, kept object", (Goal(2.0, "decorated"),)),
    CallRow("calls", "inline", '**vitalspan**, `with operation("x")`', (Goal(2.0, "decorated"),)),
    CallRow(
        "calls",
        "in a session",
        "**vitalspan**, decorated, in an open session",
        (Goal(1.15, "decorated"),),
    ),
    CallRow("calls", "flagged", "a wrapper that checks a flag"),
    CallRow("calls", "disabled", "**vitalspan**, disabled", (Goal(1.3, "flagged"),)),
    CallRow("calls", "by hand", "prometheus_client by hand"),
    CallRow("calls", "Histogram.time", "prometheus_client `Histogram.time()`"),
    CallRow("calls", "otel metrics", "OTel metrics by hand"),
    CallRow("autometrics", "autometrics", "autometrics"),
    CallRow("autometrics", "autometrics, concurrency", "autometrics with concurrency"),
    CallRow("logfire", "logfire", "logfire `@instrument`, sending nowhere"),
)
_PAIR = "span and by hand"
_TRACING = tuple(
    row
    for mode, said, limit in (
        ("on", "always on", 0.75),
        ("off", "always off", 0.55),
        ("none", "no provider", None),
    )
    for row in (
        CallRow(f"tracing-{mode}", "span", f"OTel span, {said}"),
        CallRow(f"tracing-{mode}", _PAIR, f"OTel span, {said}, and prometheus_client by hand"),
        CallRow(
            f"tracing-{mode}",
            "span, attributes and by hand",
            f"OTel span with our attributes, {said}, and prometheus_client by hand",
        ),
        CallRow(
            f"tracing-{mode}",
            "decorated",
            f"**vitalspan**, decorated, {said}",
            (Goal(limit, _PAIR),) if limit else (),
        ),
    )
)
_HTTP_PEERS = {
    "FastAPI": ("prometheus-fastapi-instrumentator", "starlette-exporter"),
    "Flask": ("prometheus-flask-exporter",),
    "Django": ("django-prometheus",),
}
_HTTP = tuple(
    row
    for name, peers in _HTTP_PEERS.items()
    for case in (f"http-{name.lower()}",)
    for spans in (f"http-spans-{name.lower()}",)
    for row in (
        CallRow(case, "plain", f"a request to {name} (the request itself, nothing added)"),
        CallRow(
            case,
            "vitalspan",
            f"**vitalspan**, a request to {name}",
            (Goal(0.3, "otel"), *(Goal(1.0, peer) for peer in peers)),
        ),
        *(CallRow(case, peer, peer) for peer in peers),
        CallRow(case, "otel", f"OTel's instrumentation of {name}, metrics"),
        CallRow(spans, "vitalspan", f"**vitalspan**, {name}, a span too", (Goal(0.75, "otel"),)),
        CallRow(spans, "otel", f"OTel's instrumentation of {name}, metrics and a span"),
    )
)
_SERVED = tuple(
    row
    for name, peers in _HTTP_PEERS.items()
    for case in (f"http-served-{name.lower()}",)
    for row in (
        FigureRow(
            *(case, "served", f"requests/s to {name} with vitalspan to those without"),
            "{vitalspan:,.0f}/s, without {plain:,.0f}/s",
            *(None, "x", True),
        ),
        FigureRow(
            *(case, "served best", "the same to those with the fastest of the others"),
            "to those without: "
            + ", ".join(f"{peer} {{{peer}:.2f}}x" for peer in (*peers, "otel")).replace(
                "otel {", "OTel {"
            ),
            *(1.0, "x", True),
        ),
        FigureRow(
            *(case, "served added", "time that it adds to a request over a socket, to OTel's"),
            *("", 0.3, "x"),
        ),
    )
)
CALL_ROWS = _CALLS + _TRACING + _HTTP

_SCRAPED = "{vitalspan:.2f} ms, by hand {by hand:.1f} ms, {samples:.0f} samples"
FIGURE_ROWS = (
    FigureRow(
        *("threads", "threads", "8 threads on 2 cores, calls/s to those of by hand"),
        "{vitalspan:.2f} M/s, by hand {by hand:.2f} M/s, floor {floor:.2f} M/s",
        *(5.0, "x", True),
    ),
    FigureRow("scrape", "scrape", "scrape of 1,000 operations to by hand", _SCRAPED, 0.04, "x"),
    FigureRow(
        *("scrape", "scrape unchanged", "the same, nothing new since the last scrape"),
        *("{unchanged:.2f} ms", None, "x"),
    ),
    FigureRow(
        *("scrape", "scrape collector", "the same, through prometheus_client's own exposition"),
        *("{collector:.1f} ms", None, "x"),
    ),
    FigureRow(
        *("scale", "scale", "scrape of 10,000 operations to 1,000"),
        *("{large:.1f} ms and {small:.2f} ms", 11.0, "x"),
    ),
    FigureRow(
        *("formats", "openmetrics", "scrape of 1,000 operations as OpenMetrics to text"),
        *("{openmetrics:.2f} ms and {text:.2f} ms", None, "x"),
    ),
    FigureRow(
        *("formats", "protobuf", "the same as protobuf, native and classic histograms"),
        *("{protobuf:.2f} ms", None, "x"),
    ),
    FigureRow(
        *("formats", "protobuf native", "the same as protobuf, native histograms alone"),
        *("{native:.2f} ms", None, "x"),
    ),
    FigureRow(
        *("formats", "protobuf size", "bytes of protobuf, native and classic, to text"),
        "{protobuf KB:.0f} KB and {text KB:.0f} KB; gzip {protobuf gzip KB:.0f} and "
        "{text gzip KB:.0f}",
        *(0.5, "x"),
    ),
    FigureRow(
        *("formats", "protobuf native size", "bytes of protobuf, native alone, to text"),
        *("{native KB:.0f} KB; gzip {native gzip KB:.0f} KB", 0.3, "x"),
    ),
    FigureRow(
        *("workers-scrape", "workers scrape", "scrape of 64 workers with 1,000 operations to the"),
        "multiprocess mode of prometheus_client: {vitalspan s:.2f} s and {theirs s:.1f} s; "
        "{vitalspan s, nothing new:.3f} s if nothing is new",
        *(0.02, "x"),
    ),
    FigureRow("workers-scrape", "workers seconds", "the same in seconds", "", 1.0, " s"),
    FigureRow(
        *("workers-scrape", "workers bytes", "bytes on disk of one of them to the same"),
        *("{vitalspan KB:.0f} KB and {theirs KB:.0f} KB", 0.1, "x"),
    ),
    FigureRow(
        *("workers-scrape", "workers end", "what a worker publishes last, 1,000 operations"),
        *("start {start ms:.1f} ms, all operations {publish ms:.1f} ms", None, " ms"),
    ),
    FigureRow(
        *("workers-call", "workers call", "a decorated call of a worker to one alone"),
        *("{shared:.0f} ns and {alone:.0f} ns, plain {plain:.0f} ns", 1.05, "x"),
    ),
    FigureRow(
        *("memory", "memory", "memory of an operation, 50 calls and a scrape"),
        *("before the scrape {before:.0f} B, after {after:.0f} B", 4.0, " KiB"),
    ),
    FigureRow(
        "memory-hand", "memory by hand", "the same by prometheus_client by hand", "", None, " KiB"
    ),
    FigureRow(
        *("memory-default", "memory of ten", "a default monitor, ten operations used"),
        *("before the scrape {before:.0f} B, after {after:.0f} B", 65.0, " KB"),
    ),
    FigureRow(
        *("import", "import", "`import vitalspan` to `import prometheus_client`"),
        *("{vitalspan:.0f} ms and {others:.0f} ms", 0.5, "x"),
    ),
    FigureRow(
        *("import", "import operation", "`from vitalspan import operation` to it and the OTel API"),
        *("{vitalspan:.0f} ms and {others:.0f} ms", 1.3, "x"),
    ),
    FigureRow(
        *("share", "share", "added to a 0.23 ms operation"),
        "`resources=False` {never:.2f} %, `True` {always:.2f} %",
        *(1.0, " %"),
    ),
    FigureRow(
        *("share", "resources", "added to a 5 ms operation, default resources"),
        "`resources=False` {never:.3f} %, `True` {always:.3f} %",
        *(0.5, " %"),
    ),
    FigureRow(
        *("profiling", "profiled call", "a call where slow calls are profiled to one without"),
        *("{on:.0f} ns and {off:.0f} ns", 1.05, "x"),
    ),
    FigureRow(
        *("profiling", "watching", "watching 1,000 operations with limits, all inside, of a core"),
        *("", 2.5, " %"),
    ),
    FigureRow("profiling", "sampling", "sampling a call 30 frames deep", "", 10.0, " %"),
    FigureRow(
        *(
            "store-write",
            "store write to rows",
            "a write of 1,000 busy operations to that of",
        ),
        "a row a point: {frames:.1f} ms and {rows:.1f} ms of CPU; the mean {mean:.1f} ms, the "
        "slowest {slowest:.1f} ms",
        *(None, "x"),
    ),
    FigureRow("store-write", "store write", "the same in milliseconds of CPU", "", 10.0, " ms"),
    FigureRow("store-read", "store size", "30 days of them on disk", "", 400.0, " MB"),
    FigureRow("store-read", "store report", "a report of 24 hours of them", "", 100.0, " ms"),
    FigureRow("store-read", "store operation", "one of them over 30 days", "", 20.0, " ms"),
    FigureRow(
        *("rules-tick", "tick", "a tick of 1,000 operations with 1,000 rules"),
        *("", 30.0, " ms"),
    ),
    FigureRow(
        *("rules-growth", "tick growth", "the same of 10,000 with 10,000 to that"),
        *("{large:.1f} ms and {small:.2f} ms", 10.0, "x"),
    ),
    FigureRow(
        *("rules-history", "history", "an hour of history of a busy operation, its rule included"),
        *("", None, " KiB"),
    ),
    FigureRow(
        *("rules-notify", "tick told", "a tick while a webhook hangs to one without it"),
        *("{told:.2f} ms and {alone:.2f} ms", 1.25, "x"),
    ),
    FigureRow(
        *("rules-promql", "tick promql", "the same with 1,000 quantiles in PromQL"),
        *("{series:.0f} series; with the signal's quantiles {signals:.1f} ms", 150.0, " ms"),
    ),
    FigureRow(
        *("rules-promql-growth", "tick promql growth", "the same of 4,000 to that"),
        *("{large:.1f} ms and {small:.1f} ms", 5.0, "x"),
    ),
    FigureRow(
        *("health-assess", "assess", "health of 100 components with 1,000 operations"),
        *("a tick with it {classic:.2f} ms, without {off:.2f} ms", 20.0, " ms"),
    ),
    FigureRow(
        *(
            "health-scrape",
            "scrape health",
            "a scrape of 1,000 operations with health to one without",
        ),
        *("{classic:.2f} ms and {off:.2f} ms", 1.1, "x"),
    ),
    FigureRow(
        *("probes", "probe", "`/health` while a scrape runs in a loop, p99"),
        *("median {median:.1f} ms, worst {worst:.1f} ms", 50.0, " ms"),
    ),
    FigureRow(
        *("silent", "silent", "p99 of a scrape beside 1,000 silent connections to one without"),
        *("{beset:.1f} ms, without {quiet:.1f} ms", None, "x"),
    ),
    FigureRow(
        "silent",
        "silent elsewhere",
        "the same to one beside as many silent connections to another server",
        *("{beset:.1f} ms and {beside:.1f} ms", 1.25, "x"),
    ),
    *_SERVED,
    FigureRow(
        *("page", "paint", "first paint of the page, 1,000 operations of 200 components"),
        *("all of it after {whole:.0f} ms; {KB:.0f} KB", None, " ms"),
    ),
    FigureRow(
        *("page", "update", "an update of it in the browser"),
        *("{KB:.1f} KB; of 200 rows {operations ms:.0f} ms, {operations KB:.1f} KB", None, " ms"),
    ),
    FigureRow(
        *("page", "seen", "CPU of the process while it is looked at, each second"),
        *("of 200 rows {operations:.0f} ms; nobody looks {unseen:.0f} ms", 130.0, " ms"),
    ),
    FigureRow(
        *("page", "unseen", "added by a page that nobody looks at"),
        *("{unseen:.1f} ms, without a server {without:.1f} ms", 3.0, " ms"),
    ),
    FigureRow(
        "page-viewers",
        "viewed probe",
        "p99 of `/health` while 50 tabs and 200 clients look at it to that of",
        "an equal service beside it: {viewed:.1f} ms and {other:.1f} ms; "
        "medians {viewed median:.1f} and {other median:.1f} ms",
        *(None, "x"),
    ),
    FigureRow(
        "page-viewers",
        "viewed scrape",
        "the same of a scrape",
        "{viewed:.1f} ms and {other:.1f} ms; medians {viewed median:.1f} and {other median:.1f} ms",
        *(1.3, "x"),
    ),
    FigureRow(
        *("otlp-push", "push", "an OTLP push of 1,000 operations to the SDK's"),
        *("{vitalspan:.1f} ms, the SDK {sdk:.1f} ms, {series:.0f} series", 0.6, "x"),
    ),
    FigureRow(
        *("otlp-reader", "reader", "a scrape of SDK instruments to the official exporter's"),
        *("{vitalspan:.1f} ms, official {official:.1f} ms, {samples:.0f} samples", 0.25, "x"),
    ),
)
