"""An alert that a function is told about, and an action that mends what is wrong.

Install: pip install 'vitalspan[notify]'
Run: python examples/alerts_with_an_action.py
"""

import threading
import time

import vitalspan as vs
from vitalspan.notify import Callback, Notification

shelf: dict[int, str] = {}
lookups = vs.cache("pages", component="storefront")
mended = threading.Event()


def read_page(number: int) -> str:
    if number in shelf:
        lookups.hit()
        return shelf[number]
    lookups.miss()
    return f"page {number}"


def tell(message: Notification) -> None:
    for alert in message.changed:
        print(f"{alert.state}: {alert.message}", flush=True)
    if message.status == "resolved":
        mended.set()


def warm_up(alert: vs.Alert) -> None:
    print(f"{alert.alertname}: reading all pages into the cache", flush=True)
    shelf.update((number, f"page {number}") for number in range(10))


def main() -> None:
    monitor = vs.configure(tick_interval=0.2)  # a real service has time: 5 s is the default
    monitor.rules.add(
        alert="CacheCold",
        signal="cache_hit_ratio",
        where={"cache": "pages"},
        below={"warning": "50%"},
        window="1s",
        min_count=5,
    )
    # Without these two, messages come half a minute later, and every five minutes at most.
    monitor.receivers.add(Callback(tell, group_wait=0, group_interval=0))
    # Whatever fires often runs rarely: once in ten minutes for the same alert.
    monitor.alerts.on("CacheCold", warm_up, cooldown=600)
    for request in range(100_000):
        read_page(request % 10)
        if mended.wait(0.005):
            break
    for record in monitor.alerts.actions():
        print(f"{record.action}: {record.outcome}, {time.time() - record.started:.1f} s ago")
    monitor.close()


if __name__ == "__main__":
    main()
