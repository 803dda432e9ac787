"""`vitalspan stacks` on a real service, on one that does not answer, and on a hostile one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

import vitalspan as vs
from vitalspan.cli.main import main
from vitalspan.top.json_fields import Fields
from vitalspan.top.stacks import stacks_text


@pytest.fixture
def url(registry: CollectorRegistry, monitor: vs.Monitor) -> Iterator[str]:
    with vs.start_http_server(port=0, registry=registry) as server:
        yield server.url


def test_where_the_calls_of_a_service_are(
    url: str, monitor: vs.Monitor, clock: vs.ManualClock, capsys: pytest.CaptureFixture[str]
) -> None:
    def look() -> int:
        return main(["stacks", url, "--limit", "1"])

    assert main(["stacks", url]) == 0
    assert capsys.readouterr().out == "no call is running\n"
    clock.advance(5)
    with monitor.operation("checkout", component="shop") as call, monitor.operation("pay") as pay:
        clock.advance(42)
        assert look() == 0
        head, *frames, more = capsys.readouterr().out.splitlines()
        assert head == "shop/checkout, for 42s, thread MainThread"
        place = "cli/test_stacks.py"
        assert any(place in one and one.endswith("<locals>.look") for one in frames)
        assert all(one.startswith("  ") for one in frames)
        assert more == "and 1 more"
        clock.advance(5)
        assert main(["stacks", url, "--json", "--operation", "pay", "--component", "default"]) == 0
        (shown,) = json.loads(capsys.readouterr().out)["calls"]
        assert (shown["operation"], shown["age"]) == ("pay", 47)
        assert {"function", "file", "lineno"} == set(shown["frames"][0])
    assert call is not pay


def test_a_service_that_does_not_show_them(
    registry: CollectorRegistry, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["stacks", "127.0.0.1:1"]) == 1
    assert capsys.readouterr().err.startswith("vitalspan stacks: http://127.0.0.1:1/...: ")
    for limit in ("0", "101", "x"):
        with pytest.raises(SystemExit):
            main(["stacks", "127.0.0.1:1", "--limit", limit])
        assert "--limit" in capsys.readouterr().err


@given(
    document=st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=9),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["calls", "frames", "age", "lineno", "function", "total", "task"]),
                inner,
                max_size=4,
            )
        ),
        max_leaves=20,
    )
)
def test_whatever_a_server_says_is_printed(document: Any) -> None:
    for line in stacks_text(Fields(document)):
        assert line.isprintable()


def test_a_call_that_was_not_found() -> None:
    call = {"component": "c", "operation": "f\x1b[31m", "age": 1, "trace_id": "ab", "frames": []}
    head, line = stacks_text(Fields({"calls": [call], "total": 1}))
    assert head == r"c/f\x1b[31m, for 1s, trace ab"
    assert line == "  its frames are not known; a block has them if it is named by `as call`"


def test_a_recursion_is_one_line() -> None:
    walk, read = ({"function": name, "file": "shop.py", "lineno": 3.0} for name in ("walk", "read"))
    call = {"operation": "f", "age": 1, "frames": [read, *[walk] * 98, read], "frames_left_out": 7}
    _, *lines = stacks_text(Fields({"calls": [call], "total": 1}))
    assert lines == [
        "  7 outer frames are left out",
        "  shop.py:3 in read",
        "  shop.py:3 in walk",
        "  [previous line repeated 97 more times]",
        "  shop.py:3 in read",
    ]
