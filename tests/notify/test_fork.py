"""A forked child tells and acts on its own, and leaves its parent's connections and loops alone."""

from __future__ import annotations

import asyncio

from support.paths import TESTS
from support.subprograms import FORKING, run_program
from vitalspan.runtime import event_loop as coroutines
from vitalspan.runtime.event_loop import CallbackLoop

FORKED = (
    FORKING
    + """
import asyncio, socket, threading, time
sys.path.insert(0, os.environ["TESTS"])
from support.notify_alerts import START, firing, resolved
from support.receivers_at_once import Alertmanager, Callback, Webhook
from support.waiting import wait_until
from vitalspan.notify import Actions, Dispatcher, Retry

def counts(dispatcher):
    return [dict((k, n) for k, n in one.results.items() if n) for one in dispatcher.snapshot()]
"""
)


def run(program: str) -> None:
    run_program(FORKED + program, TESTS=str(TESTS))


def test_a_child_begins_anew() -> None:
    run(
        """
heard = []
async def later(message):
    await asyncio.sleep(0)
    heard.append(message.alertname)
def at_once(message):
    heard.append(message.alertname)
dispatcher = Dispatcher([Callback(at_once), Callback(later)])
dispatcher.tick([firing()], START, 5.0)
wait_until(lambda: counts(dispatcher) == [{"sent": 1}, {"sent": 1}])

def child():
    assert counts(dispatcher) == [{}, {}]
    heard.clear()
    dispatcher.tick([], START + 5, 5.0)
    assert threading.active_count() == 1
    dispatcher.tick([firing(), firing("Other")], START + 5, 5.0)
    wait_until(lambda: counts(dispatcher) == [{"sent": 2}, {"sent": 2}])
    assert sorted(heard) == ["CheckoutSlow", "CheckoutSlow", "Other", "Other"]
    dispatcher.close()

in_child(child)
dispatcher.tick([resolved(firing(), START)], START + 10, 5.0)
wait_until(lambda: counts(dispatcher) == [{"sent": 2}, {"sent": 2}])
dispatcher.close()
assert threading.active_count() == 1

def grandchild():
    dispatcher.tick([firing("Third")], START, 5.0)
    assert threading.active_count() == 1

in_child(grandchild)
"""
    )


def test_a_connection_under_way_is_the_parents() -> None:
    run(
        """
listener = socket.create_server(("127.0.0.1", 0))
url = f"http://127.0.0.1:{listener.getsockname()[1]}"
dispatcher = Dispatcher([Webhook(url, timeout=30), Alertmanager(url)])
dispatcher.tick([firing()], START, 5.0)
clients = [listener.accept()[0] for _ in range(2)]
for client in clients:
    while b"}]" not in client.recv(65536):
        pass

def child():
    for lane in dispatcher._deliveries():
        lane._endpoint.abort()
    dispatcher.close(0.0)
    assert counts(dispatcher) == [{}, {}]

in_child(child)
for client in clients:
    client.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n")
    client.close()
wait_until(lambda: counts(dispatcher) == [{"sent": 1}, {"sent": 1}])
dispatcher.close()
listener.close()
"""
    )


def test_locks_that_are_held_do_not_stop_the_child() -> None:
    run(
        """
ran = []
actions = Actions()
actions.add({}, lambda alert: ran.append(alert.id), cooldown=100)
dispatcher = Dispatcher([Callback(print)])
(lane,) = dispatcher._deliveries()
actions.tick([firing()], START)
wait_until(lambda: ran)
held = [dispatcher._lock, lane._lock, actions._lock, actions._action_queue._lock]
taken, done = threading.Event(), threading.Event()

def hold():
    for lock in held:
        lock.acquire()
    taken.set()
    done.wait(30)
    for lock in held:
        lock.release()

thread = threading.Thread(target=hold)
thread.start()
taken.wait(30)

def child():
    dispatcher.add(Callback(lambda message: None))
    dispatcher.tick([firing()], START, 5.0)
    wait_until(lambda: all(counts(dispatcher)))
    assert actions.records() == []
    assert not any(actions.counts().values())
    ran.clear()
    actions.tick([firing()], START)
    wait_until(lambda: ran)
    assert actions.counts()["cooldown"] == 0
    dispatcher.close()
    actions.close()

in_child(child)
done.set()
thread.join()
dispatcher.close()
actions.close()
"""
    )


def test_a_loop_under_way_is_the_parents() -> None:
    run(
        """
import gc
begun = threading.Event()
heard = []

async def slow(item):
    begun.set()
    for _ in range(50):
        await asyncio.sleep(0.01)
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, time.sleep, 0)
    heard.append(item)

actions = Actions()
actions.add({}, slow)
actions.tick([firing()], START)
begun.wait(30)

def child():
    gc.collect()
    heard.clear()
    actions.tick([firing()], START)
    wait_until(lambda: heard)
    actions.close()
    gc.collect()

in_child(child)
wait_until(lambda: actions.counts()["run"] == 1)
actions.close()
"""
    )


def test_a_process_ends_with_receivers_that_hang() -> None:
    run(
        """
listener = socket.create_server(("127.0.0.1", 0))
hanging = threading.Event()
dispatcher = Dispatcher(
    [Webhook(f"http://127.0.0.1:{listener.getsockname()[1]}"), Callback(lambda m: hanging.wait())]
)
dispatcher.tick([firing()], START, 5.0)
client, _ = listener.accept()
client.close()
listener.close()
"""
    )


def test_a_loop_of_the_parent_is_neither_closed_nor_collected() -> None:
    loops = CallbackLoop()
    loops.run(asyncio.sleep(0), 30)
    loops.abandon_in_child()
    inherited = coroutines._inherited.pop()
    assert not inherited.is_closed()
    inherited.close()
    loops.close()
    loops.run(asyncio.sleep(0), 30)
    loops.close()
    loops.abandon_in_child()
    assert coroutines._inherited == []
