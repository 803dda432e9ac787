"""Models of several processes: their figures are those of all of them."""

from __future__ import annotations

import textwrap
from pathlib import Path

import vitalspan as vs
from support.subprograms import FORKING, run_program
from support.worker_processes import die, make_monitor, processes, publish
from vitalspan.statistics.call_statistics import ModelStatistics


def ask(monitor: vs.Monitor, seconds: float, model: str = "large", **amounts: float) -> None:
    monitor.api("llm", component="chat").record(
        model=model, duration=seconds, first_token=seconds / 8, **amounts
    )


def models(monitor: vs.Monitor, **period: float) -> tuple[ModelStatistics, ...]:
    (api,) = monitor.statistics(**period).apis
    return api.models


def test_together_they_have_the_figures_of_one_process(tmp_path: Path) -> None:
    alone = make_monitor()
    with processes(tmp_path, 3) as monitors:
        for number, monitor in enumerate(monitors):
            for one in (monitor, alone):
                ask(one, 2.0**number, cost=0.5, input_tokens=10, cached_tokens=4)
                ask(one, 0.25, "small", output_tokens=number, retries=1)
            publish(monitor)
        expected = models(alone)
        assert [(one.model, one.calls) for one in expected] == [("large", 3), ("small", 3)]
        assert (expected[0].duration.count, expected[0].duration.mean) == (3, 7 / 3)
        for monitor in monitors:
            assert models(monitor) == expected
        # What a killed process has published is archived.
        die(monitors[1])
        assert models(monitors[0]) == models(monitors[1]) == expected
    alone.close()


def test_windows_go_on_in_the_process_that_takes_over(tmp_path: Path) -> None:
    clock = vs.ManualClock()
    with processes(tmp_path, 2, clock) as (leader, other):

        def tick(seconds: float) -> None:
            publish(leader)
            publish(other)
            clock.advance(seconds)
            for monitor in (leader, other):
                monitor.tick()

        tick(5)
        ask(other, 4.0)
        tick(5)
        tick(600)
        ask(leader, 1.0)
        ask(other, 1.0)
        ask(other, 0.5, "small")
        tick(5)
        for monitor in (leader, other):
            if monitor is other:
                die(leader)
                other.tick()
            large, small = models(monitor, window=5.0)
            assert (large.model, large.calls, large.duration.mean) == ("large", 2, 1.0)
            assert (small.calls, small.first_token.max) == (1, 0.0625)
            (before,) = models(monitor, window=600.0, offset=605.0)
            assert (before.calls, before.duration.p99) == (1, 4.0)


def test_real_processes_that_end_and_are_killed(tmp_path: Path) -> None:
    program = """
    monitor = vs.Monitor(registry=CollectorRegistry(), system_metrics=False, workers=FOLDER)
    api = monitor.api("llm")

    def ask():
        for seconds in (1.0, 3.0):
            api.record(model="large", input_tokens=5, cost=0.5, duration=seconds, first_token=0.25)

    def ask_and_end():
        ask()
        monitor.close()

    read, write = os.pipe()
    pid = os.fork()
    if not pid:
        ask()
        assert monitor.workers.publisher.publish()
        os.write(write, b"x")
        signal.pause()
    assert os.read(read, 1) == b"x"
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    in_child(ask_and_end)
    ask()

    def check():
        (called,) = monitor.statistics().apis
        (model,) = called.models
        assert (model.calls, model.input_tokens, model.cost) == (6, 30, 3.0), model
        assert (model.duration.count, model.duration.mean) == (6, 2.0), model
        assert (model.first_token.count, model.first_token.mean) == (6, 0.25), model

    check()
    in_child(check)
    """
    program = program.replace("FOLDER", repr(str(tmp_path / "workers")))
    run_program(FORKING + textwrap.dedent(program), measured=False)
