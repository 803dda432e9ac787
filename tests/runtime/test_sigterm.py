"""Tasks that finish before SIGTERM ends the process; programs are in bridge/otlp/test_last_push."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from vitalspan.integrations.asgi import Middleware
from vitalspan.runtime import sigterm


class Task:
    def __init__(self, said: list[str]) -> None:
        self.said = said

    def finish(self, *, ending: bool) -> None:
        self.said.append(f"finished, {ending}")


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def task(said: list[str]) -> Iterator[Task]:
    before = signal.getsignal(signal.SIGTERM)
    task = Task(said)
    sigterm.watch(task)
    yield task
    sigterm.forget(task)
    signal.signal(signal.SIGTERM, before)


def test_a_handler_of_the_program_is_not_replaced(said: list[str]) -> None:
    before = signal.getsignal(signal.SIGTERM)
    mine: Any = lambda *_: None  # noqa: E731 - a name for it
    signal.signal(signal.SIGTERM, mine)
    try:
        task = Task(said)
        sigterm.watch(task)
        assert signal.getsignal(signal.SIGTERM) is mine
    finally:
        signal.signal(signal.SIGTERM, before)
        sigterm.forget(task)


def test_another_thread_installs_nothing(said: list[str]) -> None:
    before = signal.getsignal(signal.SIGTERM)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        task = Task(said)
        thread = threading.Thread(target=sigterm.watch, args=(task,))
        thread.start()
        thread.join()
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGTERM, before)
        sigterm.forget(task)


def test_an_application_shuts_down_after_all_tasks(task: Task, said: list[str]) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        for _ in range(2):
            message = await receive()
            await send({"type": f"{message['type']}.complete"})

    events = iter(["lifespan.startup", "lifespan.shutdown"])

    async def receive() -> Any:
        return {"type": next(events)}

    async def send(message: Any) -> None:
        said.append(message["type"])

    asyncio.run(Middleware(app)({"type": "lifespan"}, receive, send))
    assert said == ["lifespan.startup.complete", "finished, False", "lifespan.shutdown.complete"]


def test_a_signal_that_the_main_thread_misses_is_sent_again(
    task: Task, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is about to wait in the system, and would only handle the signal after that."""

    def kill(_: int, number: int) -> None:
        said.append("killed")
        if said.count("killed") == 3:
            sigterm.handle(number, None)

    monkeypatch.setattr(sigterm, "_RETRY", 0.001)
    monkeypatch.setattr(sigterm, "_last", [lambda _: said.append("ended")])
    monkeypatch.setattr(sigterm, "_tasks", {task})
    monkeypatch.setattr("os.kill", kill)
    # Here instead of in a thread, which could go on after the test.
    monkeypatch.setattr(sigterm._thread, "start_new_thread", lambda call, args: call(*args))
    signal.signal(signal.SIGTERM, sigterm.handle)
    try:
        sigterm.handle(signal.SIGTERM, None)
        assert said == ["finished, True", "killed", "killed", "killed", "ended"]
    finally:
        sigterm._state.reset()


def test_a_signal_is_not_sent_again_to_a_handler_of_the_program(
    task: Task, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sigterm, "_RETRY", 0.001)
    monkeypatch.setattr("os.kill", lambda *_: said.append("killed"))
    signal.signal(signal.SIGTERM, lambda *_: None)
    sigterm._signal_until_handled(signal.SIGTERM)
    assert said == ["killed"]


def test_the_end_does_not_wait_for_a_task_that_hangs(
    task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()
    monkeypatch.setattr(task, "finish", lambda *, ending: go_on.wait(60), raising=False)
    monkeypatch.setattr(sigterm, "_LONGEST_WAIT", 0.01)
    ended = threading.Thread(target=sigterm.finish_all, kwargs={"ending": True}, daemon=True)
    ended.start()
    ended.join(45)
    assert not ended.is_alive()
    go_on.set()
