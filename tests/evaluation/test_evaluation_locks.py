"""Whoever reads the history holds up ticks, and nobody else."""

from __future__ import annotations

import threading
from collections.abc import Callable

from support.watched import Watched


def in_thread(call: Callable[[], object]) -> list[object]:
    """What a call returns in another thread, which must not wait for this one."""
    results: list[object] = []
    thread = threading.Thread(target=lambda: results.append(call()), daemon=True)
    thread.start()
    thread.join(60)
    return results


def test_a_scrape_does_not_wait_while_the_history_is_read() -> None:
    watched = Watched()
    watched.monitor.rules.add(alert="Slow", signal="latency_p95", above={"warning": "1s"})
    watched.call()
    watched.tick()
    with watched.monitor.evaluation.reading_history():
        (text,) = in_thread(watched.monitor.generate_latest)
    assert b"alert_state" in text


def test_a_handler_that_interrupts_a_reader_of_results_waits_for_nobody() -> None:
    watched = Watched()
    watched.call()
    watched.tick()
    evaluation, reading, go_on = watched.monitor.evaluation, threading.Event(), threading.Event()

    def read_both() -> None:
        with evaluation.reading_history():
            reading.set()
            assert go_on.wait(60)
            watched.monitor.alerts.active()

    reader = threading.Thread(target=read_both, daemon=True)
    reader.start()
    assert reading.wait(60)
    with evaluation.reading_rules():
        go_on.set()
        # This thread has what the other one waits for, and would wait for it in turn.
        ticks = evaluation.ticks
        watched.clock.advance(5)
        watched.monitor.tick()
        assert evaluation.ticks == ticks
        with evaluation.reading_history() as history:
            assert history is evaluation.history
    reader.join(60)
    assert not reader.is_alive()
    watched.monitor.tick()
    assert evaluation.ticks == ticks + 1


def test_a_handler_that_starts_over_waits_for_nobody() -> None:
    watched = Watched()
    watched.call()
    watched.tick()
    evaluation, reading, go_on = watched.monitor.evaluation, threading.Event(), threading.Event()

    def read() -> None:
        with evaluation.reading_history():
            reading.set()
            assert go_on.wait(60)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    assert reading.wait(60)
    with evaluation.reading_rules():
        # The other thread may wait for what this one has.
        evaluation.reset()
        assert evaluation.ticks == 0
    go_on.set()
    reader.join(60)
    assert not reader.is_alive()
