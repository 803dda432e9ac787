"""Values that are made when they are first used."""

from __future__ import annotations

import threading

from vitalspan.runtime.first_use import first_use


class Owner:
    def __init__(self) -> None:
        self.meeting: threading.Barrier | None = None

    @first_use
    def value(self) -> list[int]:
        """A list."""
        if self.meeting is not None:
            self.meeting.wait()
        return []


def test_a_value_is_made_once() -> None:
    owner = Owner()
    assert Owner.value.if_made(owner) is None
    assert owner.value is owner.value
    assert Owner.value.if_made(owner) is owner.value


def test_two_threads_get_the_same_value() -> None:
    owner, values = Owner(), list[list[int]]()
    owner.meeting = threading.Barrier(2, timeout=30)
    threads = [threading.Thread(target=lambda: values.append(owner.value)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(values) == 2
    assert values[0] is values[1]


def test_the_class_shows_what_is_made() -> None:
    assert Owner.value.__doc__ == "A list."
