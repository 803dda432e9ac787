"""What changed: two stretches of time, and only what is no chance."""

from __future__ import annotations

from support.page_clients import ask
from support.watched import Watched


def test_what_has_changed_for_sure() -> None:
    watched = Watched(health_model="off")
    for tick in range(60):
        late = tick >= 30
        watched.call("steady", 0.12, times=5)
        watched.call("slower", 0.4 if late else 0.12, times=5)
        watched.call("failing", 0.12, times=3, error=ValueError() if late else None)
        if late:
            watched.call("new", 0.12)
        else:
            watched.call("gone", 0.12)
        watched.tick()
    document = ask(watched.registry, "changes", range=3600)
    assert (document["seconds_before"], document["seconds_after"]) == (150, 150)
    found = {one["operation"]: one["figures"] for one in document["changes"]}
    assert set(found) == {"slower", "failing", "new", "gone"}
    assert found["slower"]["durations"]["significant"]
    assert not found["slower"]["errors"]["significant"]
    assert found["failing"]["errors"]["significant"]
    assert found["new"]["before"] is None
    assert found["gone"]["after"] is None
    assert document["unchanged"] == 1


def test_a_service_without_calls_has_no_changes() -> None:
    watched = Watched(health_model="off")
    watched.tick()
    document = ask(watched.registry, "changes")
    assert (document["changes"], document["unchanged"]) == ([], 0)
