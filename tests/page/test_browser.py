"""The page in a browser: every view, live, after a restart, by keyboard, with hostile names."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
from prometheus_client import CollectorRegistry

import vitalspan as vs
from page.test_profiles import add_profile
from support.browser import Visit, visiting
from vitalspan.serve.metrics_server import MetricsServer
from vitalspan.serve.server import start_http_server

pytestmark = pytest.mark.once

# The names that are clicked on; the others are only shown.
CLICKED = (
    "<script>hacked=1</script>",
    "<img src=x onerror=hacked=1>",
    '"><svg onload=hacked=1>',
    "javascript:hacked=1",
    "\u202eevil\u2066 <b>bold</b>",
    "wide" * 60,
    "a&amp;b=c#d?e/../%2e%00",
)
HOSTILE = (
    *CLICKED,
    *("' onmouseover='hacked=1", "${hacked=1}{{hacked=1}}", "line\nbreak\ttab\x07", "`hacked=1`"),
    *(
        "</script><script>hacked=1//",
        "</title><script>hacked=1//",
        "<!--",
        "]]>",
        "<a href=//evil>",
    ),
    *("<style>*{display:none}</style>", "<iframe srcdoc='<script>parent.hacked=1</script>'>"),
    *(
        "data:text/html,<script>hacked=1</script>",
        "//evil.example/x",
        "\\u003cscript\\u003e",
        "%3Cb%3E",
    ),
    *(
        "__proto__",
        "constructor",
        "toString",
        "hasOwnProperty",
        "undefined",
        "null",
        "NaN",
        "0",
        " ",
    ),
    *(
        "\u0000\u0001",
        "\ud83d\ude00" * 30,
        "e\u0301\u0302\u0303" * 20,
        "\u200b\u200d",
        "\ufeffx",
        "\uff46\uff55\uff4c\uff4c",
    ),
    *("الاختبار", "{{ $value }}", "%(x)s %s %d", "a" * 1000, "=cmd|' /C calc'!A0", "#/alerts?id=1"),
)

VIEWS = (
    *("", "operations", "operation?operation=checkout&component=payments", "changes", "alerts"),
    *("rules", "trends", "resources", "dependencies", "sessions", "workers", "configuration"),
    *("profiles", f"profile?id={0:016x}", "stacks"),
)
TABLES = {
    "sessions": ("Open", "Closed"),
    "dependencies": ("Caches", "APIs", "Models"),
    "profiles": ("Profiles",),
}
"""The tables of views that have to have something in them."""


@pytest.fixture(scope="module")
def hostile() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as environment:
        yield environment


@pytest.fixture(scope="module")
def shop(hostile: pytest.MonkeyPatch) -> Iterator[vs.Monitor]:
    """A service that ticks in real time, in which everything is called by hostile names."""
    monitor = vs.Monitor(registry=CollectorRegistry(), tick_interval=0.5, slow_calls=10)
    monitor.rules.add(
        alert="Failing", signal="error_ratio", above={"critical": "1%"}, by=["operation"]
    )
    monitor.rules.add_slo(name="checkouts", objective="99%", under="1s")
    monitor.rules.add_component("payments", depends_on=["bank"])
    assert len(set(HOSTILE)) >= 40
    for text in HOSTILE:
        with contextlib.suppress(vs.ConfigurationError):
            # What cannot be seen is no text.
            monitor.mark(text)
        options: dict[str, Any] = {"component": text, "labels": {"tier": text}, "slow": 1e-9}
        for _ in range(3):
            with (
                contextlib.suppress(ValueError),
                monitor.session(text) as session,
                monitor.operation(text, **options),
            ):
                session.count(text, 3)
                raise ValueError(text)
        monitor.cache(text).hit()
        monitor.api(text).record(
            cost=0.1, model=text, input_tokens=3, duration=2.0, first_token=0.5
        )
        with contextlib.suppress(vs.ConfigurationError):
            monitor.rules.add_component(text, depends_on=["bank"])
    for number, text in enumerate(CLICKED):
        monitor.rules.add(
            alert=f"Rule{number}",
            signal="rate",
            where={"operation": f"={text}"},
            below={"info": 9},
        )
    for text in CLICKED:
        add_profile(monitor, text, label=text)
    sell(monitor)
    monitor.start()
    monitor.tick()
    for name in ("OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES"):
        hostile.setenv(
            name, f"service.version={quote(CLICKED[2])}" if "ATTR" in name else CLICKED[0]
        )
    with contextlib.ExitStack() as inside:
        for text in CLICKED:
            inside.enter_context(monitor.session(text)).count(text, 3)
            inside.enter_context(monitor.operation(text, labels={"tier": text}))
        yield monitor
    monitor.close()


def sell(monitor: vs.Monitor, times: int = 5) -> None:
    for _ in range(times):
        with monitor.operation("checkout", component="payments"):
            pass


@pytest.fixture
def server(shop: vs.Monitor) -> Iterator[MetricsServer]:
    with start_http_server(0, registry=shop.registry) as it:
        yield it


def is_copied(page: Any, text: str, name: str) -> bool:
    """Whether a text is in the clipboard, or in a dialog where the browser refuses that."""
    page.wait_for_selector("dialog textarea, #spoken:not(:empty)", state="attached")
    copied = page.evaluate("navigator.clipboard.readText().catch(() => '')")
    shown = page.locator("dialog textarea, #spoken").first.text_content() or ""
    return text in copied + shown or shown == f"Copied: {name}"


def address_of(server: MetricsServer) -> str:
    return f"http://127.0.0.1:{server.port}/"


@pytest.mark.parametrize(
    ("width", "scheme", "views"),
    [(1440, "light", VIEWS), (360, "dark", VIEWS)],
    ids=["wide and light", "narrow and dark"],
)
def test_every_view(
    browser: Any, server: MetricsServer, width: int, scheme: str, views: tuple[str, ...]
) -> None:
    with visiting(browser, address_of(server), width=width, scheme=scheme) as visit:
        for view in views:
            visit.show(view)
            assert (view, visit.findings()) == (view, [])
            assert (view, visit.overflow()) == (view, 0)
            for name in TABLES.get(view, ()):
                table = visit.page.get_by_role("group", name=name, exact=True)
                assert table.locator("tbody tr").count() >= len(CLICKED)
        assert visit.page.evaluate("typeof hacked") == "undefined"
        assert visit.faults == []


def test_hostile_names_are_text(browser: Any, server: MetricsServer) -> None:
    with visiting(browser, address_of(server)) as visit:
        visit.show("operations")
        shown = set(visit.page.locator("tbody .op .name").all_text_contents())
        # Long names are cut where they are recorded, and what cannot be seen is escaped.
        plain = {
            text for text in HOSTILE if text.isprintable() and text.strip() and len(text) < 250
        }
        assert plain <= shown
        assert '" "' in shown
        for text in CLICKED:
            visit.show("operations")
            visit.page.locator("tbody .op .name", has_text=text).first.click()
            visit.page.wait_for_selector(".heading")
            assert visit.page.locator(".heading h2").text_content() == text
        assert visit.page.evaluate("typeof hacked") == "undefined"
        assert visit.faults == []


def test_it_is_live_can_be_paused_and_costs_nothing_in_the_background(
    browser: Any, server: MetricsServer, shop: vs.Monitor
) -> None:
    with visiting(browser, address_of(server)) as visit:
        page = visit.page
        visit.show("operation?operation=live")
        calls = page.locator(".facts dd").first
        assert calls.text_content() == "0"
        call_and_see(shop, page, 1)
        assert page.locator("button.live").text_content() == "Live"
        page.get_by_role("button", name="Live").click()
        page.get_by_role("button", name="Paused").wait_for()
        assert requests_in_a_while(visit) == []
        page.get_by_role("button", name="Paused").click()
        call_and_see(shop, page, 2)
        hide(page, hidden=True)
        assert requests_in_a_while(visit) == []
        assert server._handler._streams.count == 0
        hide(page, hidden=False)
        call_and_see(shop, page, 3)
        assert visit.faults == []


def test_charts_get_newer_values_in_place(
    browser: Any, server: MetricsServer, shop: vs.Monitor
) -> None:
    drawn = "[...document.querySelectorAll('.chart [role=img]')]"
    with visiting(browser, address_of(server)) as visit:
        page = visit.page
        visit.show("operation?operation=drawn")
        page.wait_for_selector(".chart canvas")
        page.evaluate("window.canvases = [...document.querySelectorAll('.chart canvas')]")
        before = page.evaluate(f"{drawn}.map(one => one.ariaLabel)")
        with shop.operation("drawn"):
            pass
        page.wait_for_function(
            f"before => {drawn}.some((one, index) => one.ariaLabel !== before[index])", arg=before
        )
        assert page.evaluate("canvases.every(one => one.isConnected)")
        assert visit.faults == []


@pytest.mark.parametrize("events", [True, False], ids=["by events", "by asking"])
def test_the_next_calls_are_watched_until_there_were_enough(
    browser: Any, server: MetricsServer, shop: vs.Monitor, events: bool
) -> None:
    name = HOSTILE[0]
    with visiting(browser, address_of(server)) as visit:
        page = visit.page
        if not events:
            page.add_init_script("delete window.SharedWorker")
        with shop.operation(name):
            pass
        visit.show(f"operation?operation={quote(name)}")
        page.get_by_role("button", name="Watch the next 20 calls").press("Enter")
        card = page.get_by_role("region", name="Next calls")
        card.get_by_text("Waiting for a call that ends.").wait_for()
        with contextlib.suppress(ValueError), shop.operation(name) as call:
            call.set_attribute(name, name)
            raise ValueError(name)
        card.locator("tbody tr").wait_for()
        assert card.locator("tbody tr").count() == 1
        assert name in (card.locator("tbody").text_content() or "")
        for _ in range(30):
            with shop.operation(name):
                pass
        card.get_by_text("20 of 20, over").wait_for()
        assert card.locator("tbody tr").count() == 20
        assert visit.findings() == []
        card.get_by_role("button", name="Close").click()
        card.wait_for(state="detached")
        asked = visit.requests.count("/api/v1/watch")
        assert asked == 1 if events else asked > 1
        assert page.evaluate("typeof hacked") == "undefined"
        assert visit.faults == []


def call_and_see(shop: vs.Monitor, page: Any, count: int) -> None:
    with shop.operation("live"):
        pass
    page.locator(f".facts div:has-text('Calls') >> text='{count}'").wait_for()


def hide(page: Any, *, hidden: bool) -> None:
    page.evaluate(
        """hidden => {
        Object.defineProperty(document, "hidden", {value: hidden, configurable: true});
        document.dispatchEvent(new Event("visibilitychange"));
        }""",
        hidden,
    )
    # What is under way may end.
    page.wait_for_timeout(300)


def requests_in_a_while(visit: Visit) -> list[str]:
    visit.page.wait_for_timeout(300)
    visit.requests.clear()
    visit.page.wait_for_timeout(1200)
    return visit.requests


def test_tabs_share_one_stream(browser: Any, server: MetricsServer) -> None:
    with visiting(browser, address_of(server)) as visit:
        visit.show("")
        for _ in range(3):
            other = Visit(visit.page.context, address_of(server))
            other.show("alerts")
        assert server._handler._streams.count <= 1


def test_a_server_that_restarts_is_found_again(browser: Any, shop: vs.Monitor) -> None:
    with start_http_server(0, registry=shop.registry) as server:
        port = server.port
        context = browser.new_context()
        visit = Visit(context, address_of(server))
        visit.show("")
        visit.page.locator(".dot.live").wait_for()
    visit.page.locator(".dot.lost").wait_for()
    with start_http_server(port, registry=shop.registry):
        visit.page.locator(".dot.live").wait_for()
    context.close()


def test_the_keyboard_alone_is_enough(browser: Any, server: MetricsServer) -> None:
    with visiting(browser, address_of(server)) as visit:
        page = visit.page
        visit.show("")
        page.keyboard.press("Tab")
        assert focused(page) == "Skip to the content"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"
        names = []
        page.reload()
        page.wait_for_selector("main[aria-busy=false] > *:nth-child(2)")
        for _ in range(16):
            page.keyboard.press("Tab")
            names.append(focused(page))
        assert "Operations" in names
        assert "15 min" in names
        page.get_by_role("link", name="Operations", exact=True).focus()
        page.keyboard.press("Enter")
        page.wait_for_selector("table")
        page.get_by_role("button", name="p95", exact=True).focus()
        page.keyboard.press("Enter")
        page.wait_for_selector("th[aria-sort=descending] >> text=p95")
        assert "sort=p95" in page.url
        page.get_by_role("button", name="15 min").focus()
        page.keyboard.press("Enter")
        page.wait_for_selector("button[aria-pressed=true] >> text=15 min")
        assert "range=900" in page.url
        assert visit.faults == []


def focused(page: Any) -> str:
    text: str = page.evaluate("document.activeElement.textContent.trim()")
    return text


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_under_a_prefix_without_events_it_asks_by_itself(browser: Any, shop: vs.Monitor) -> None:
    page_app = vs.make_wsgi_app(shop.registry, page=True)

    def mounted(environ: dict[str, Any], start_response: Any) -> Any:
        assert environ["PATH_INFO"].startswith("/deep/mount")
        environ["SCRIPT_NAME"] = "/deep/mount"
        environ["PATH_INFO"] = environ["PATH_INFO"].removeprefix("/deep/mount")
        return page_app(environ, start_response)

    with make_server("127.0.0.1", 0, mounted, handler_class=_Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            address = f"http://127.0.0.1:{server.server_port}/deep/mount"
            with visiting(browser, address) as visit:
                visit.page.goto(address)
                visit.page.wait_for_selector("main[aria-busy=false] > *:nth-child(2)")
                assert visit.page.url.startswith(f"{address}/")
                visit.requests.clear()
                assert requests_in_a_while(visit)
                assert visit.faults == []
        finally:
            server.shutdown()
            thread.join()


def test_figures_are_copied_as_promql_with_hostile_names(
    browser: Any, server: MetricsServer
) -> None:
    name = 'a"b\\c'
    with visiting(browser, address_of(server)) as visit:
        page = visit.page
        visit.show("")
        filled = page.evaluate(
            """async name => {
            const { filled } = await import("./static/parts.js");
            return filled('f{operation="$operation",b="$b"}', {operation: name, b: "$operation"});
            }""",
            name + "\n",
        )
        assert filled == r"""f{operation="a\"b\\c\n",b="$operation"}"""
        visit.show("operation?operation=checkout&component=payments")
        page.get_by_role("button", name="copy p95 as PromQL").press("Enter")
        assert is_copied(page, 'operation="checkout"', "p95 as PromQL")
        assert visit.faults == []


def test_figures_of_a_model(browser: Any, server: MetricsServer, shop: vs.Monitor) -> None:
    ask = shop.api("llm", component="advice").record
    ask(model="large", input_tokens=1200, cost=12.5, duration=40.0, first_token=0.5)
    with visiting(browser, address_of(server)) as visit:
        visit.show("dependencies")
        row = (
            visit.page.get_by_role("group", name="Models").get_by_role("row").filter(has_text="llm")
        )
        assert row.locator("td").all_inner_texts() == [
            *("1", "0 %", "0", "1,200", "0", "0", "0", "$12.50", "40 s", "500 ms"),
        ]
        row.get_by_role("button").nth(8).press("Enter")
        assert is_copied(visit.page, 'model="large"', "model p95 as PromQL")
        assert visit.faults == []


def test_what_is_drawn_by_ourselves(browser: Any, server: MetricsServer) -> None:
    """The places of components, the cells of a heat map and the bars of a histogram."""
    with visiting(browser, address_of(server)) as visit:
        visit.show("")
        found = visit.page.evaluate(
            """async () => {
            const { layout } = await import("./static/graph.js");
            const { heatmap, histogram, labelled } = await import("./static/heatmap.js");
            const needs = {
                web: ["shop", "search"], shop: ["bank"], search: ["bank"], bank: [], lone: [],
            };
            const places = layout(
                Object.entries(needs).map(([component, depends_on]) => ({component, depends_on}))
            );
            const number = (name) => (one) => Number(one.getAttribute(name));
            const durations = {uppers: [0.1, 0.2, 0.4], counts: [[1, 0, 0], [0, 4, 0]]};
            const map = heatmap({step: 5, times: [100, 105]}, durations);
            const bars = [...histogram(durations).querySelectorAll("rect")];
            return {
            columns: Object.fromEntries([...places].map(([name, {column}]) => [name, column])),
            cells: [...map.querySelectorAll("rect")].map(number("fill-opacity")),
            words: map.getAttribute("aria-label"),
            widths: bars.map(number("width")),
            labels: labelled(20).length,
            };
            }"""
        )
        assert found["columns"] == {"web": 0, "shop": 1, "search": 1, "bank": 2, "lone": 0}
        assert found["cells"] == [0.56, 1]
        assert found["words"] == "How long calls took over time: 5 calls, up to 400 ms"
        assert found["widths"][0] * 4 == pytest.approx(found["widths"][1])
        assert found["widths"][2] == 0
        assert found["labels"] <= 8


def test_it_is_printed_on_white_paper(browser: Any, server: MetricsServer) -> None:
    with visiting(browser, address_of(server), scheme="dark") as visit:
        visit.show("")
        color = "getComputedStyle(document.body).color"
        dark = visit.page.evaluate(color)
        visit.page.emulate_media(media="print")
        assert visit.page.evaluate(color) != dark
        assert not visit.page.get_by_role("navigation", name="Views").is_visible()


@pytest.mark.parametrize("view", ["dependencies", "sessions", "profiles"])
def test_nothing_is_cut_off_on_paper(browser: Any, server: MetricsServer, view: str) -> None:
    with visiting(browser, address_of(server), width=720) as visit:
        visit.page.emulate_media(media="print")
        visit.show(view)
        hidden = """tables => tables.map(one => [
            one.scrollWidth - one.clientWidth, one.scrollHeight - one.clientHeight,
        ])"""
        found = visit.page.locator(".scroll").evaluate_all(hidden)
        assert found
        assert [max(one) for one in found] == [0] * len(found)
