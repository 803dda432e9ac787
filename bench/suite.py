"""The processes that the benchmark starts, with their environments."""

from __future__ import annotations

from typing import NamedTuple

OWN = "own"
BROWSER = "browser"
"""Our own environment, if Chromium is installed."""

BESIDE = "http"
"""The environment of the peers that are measured in the same process as vitalspan."""


class Case(NamedTuple):
    """One case, which runs in `processes` fresh processes."""

    name: str
    module: str
    word: str | None = None
    environment: str = OWN
    processes: int = 3


CASES = (
    Case("calls", "cases.calls", processes=5),
    Case("tracing-on", "cases.tracing", "on"),
    Case("tracing-off", "cases.tracing", "off"),
    Case("tracing-none", "cases.tracing", "none"),
    Case("autometrics", "cases.peer_autometrics", environment="autometrics"),
    Case("logfire", "cases.peer_logfire", environment="logfire"),
    Case("threads", "cases.threads"),
    Case("scrape", "cases.scrape", "peer"),
    Case("scale", "cases.scrape", "scale"),
    Case("formats", "cases.scrape", "formats"),
    Case("workers-scrape", "cases.workers", "scrape", processes=1),
    Case("workers-call", "cases.workers", "call"),
    Case("memory", "cases.memory", "operations", processes=1),
    Case("memory-default", "cases.memory", "default", processes=1),
    Case("memory-hand", "cases.memory", "hand", processes=1),
    Case("import", "cases.imports", processes=1),
    Case("share", "cases.share"),
    Case("profiling", "cases.profiling"),
    Case("rules-tick", "cases.rules", "tick"),
    Case("rules-growth", "cases.rules", "growth"),
    Case("rules-history", "cases.rules", "history", processes=1),
    Case("rules-notify", "cases.rules", "notify"),
    Case("rules-promql", "cases.rules", "expressions", processes=1),
    Case("rules-promql-growth", "cases.rules", "expression-growth", processes=1),
    Case("store-write", "cases.store", "write"),
    Case("store-read", "cases.store", "read", processes=1),
    Case("health-assess", "cases.health", "assess"),
    Case("health-scrape", "cases.health", "scrape"),
    Case("probes", "cases.probes", "health"),
    Case("silent", "cases.probes", "silent", processes=1),
    Case("page", "cases.page", environment=BROWSER, processes=1),
    Case("page-viewers", "cases.page_viewers", environment=BROWSER, processes=1),
    Case("http-fastapi", "cases.http", "fastapi", environment=BESIDE),
    Case("http-flask", "cases.http", "flask", environment=BESIDE),
    Case("http-django", "cases.http", "django", environment=BESIDE),
    Case("http-spans-fastapi", "cases.http", "fastapi spans", environment=BESIDE),
    Case("http-spans-flask", "cases.http", "flask spans", environment=BESIDE),
    Case("http-spans-django", "cases.http", "django spans", environment=BESIDE),
    Case("http-served-fastapi", "cases.http_served", "fastapi", environment=BESIDE, processes=1),
    Case("http-served-flask", "cases.http_served", "flask", environment=BESIDE, processes=1),
    Case("http-served-django", "cases.http_served", "django", environment=BESIDE, processes=1),
    Case("otlp-push", "cases.otlp", "push"),
    Case("otlp-reader", "cases.otlp", "reader"),
)


def chosen(only: list[str] | None) -> list[Case]:
    """The cases whose names are, or start with, one of the given names; all without any."""
    if not only:
        return list(CASES)
    return [case for case in CASES if any(f"{case.name}-".startswith(f"{n}-") for n in only)]
