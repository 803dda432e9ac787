"""The object `monitor.profiles`: the profiles of slow calls, and the thread that takes them."""

from __future__ import annotations

import os
import threading
from collections import deque
from typing import TYPE_CHECKING, Final, Protocol

from vitalspan.profiling.watcher import Watcher
from vitalspan.runtime import fork
from vitalspan.runtime.free_threading import gil_is_enabled
from vitalspan.runtime.internal_errors import logger

if TYPE_CHECKING:
    from vitalspan.config import Settings
    from vitalspan.profiling.profile import Profile
    from vitalspan.recording.recorder import Recorder

KEPT: Final = 20
"""The number of profiles to keep; the oldest are dropped."""

_PATIENCE: Final = 2.0
"""Seconds that closing waits for the thread to end."""

_AFTER_FAULT: Final = 1.0


class ProfileStore(Protocol):
    """Stores the profiles of several processes."""

    def keep(self, profile: Profile) -> None:
        """Store a profile, or raise an `OSError`."""

    def recent(self) -> list[Profile]:
        """Return the stored profiles."""


class Profiles:
    """The object `monitor.profiles`.

    With the setting `profile_slow_calls`, a thread watches for calls that exceed their `slow=`
    limit and samples one at a time, until it ends. This costs calls nothing.

    Args:
        recorder: the recorder of the calls.
        shared: also stores profiles for the other processes of the service; None for a single
            process.
    """

    def __init__(self, recorder: Recorder, shared: ProfileStore | None = None) -> None:
        self._recorder = recorder
        self._shared = shared
        self._kept: deque[Profile] = deque(maxlen=KEPT)
        self._watcher = Watcher(recorder, self._keep)
        self._should_run = False
        self._begin()
        fork.reset_in_child(self)

    def configure(self, settings: Settings) -> None:
        """Start or stop profiling slow calls, according to the settings."""
        self._watcher.per_hour = settings.profiles_per_hour
        self._watcher.longest = settings.profile_seconds
        with self._lock:
            self._should_run = settings.profile_slow_calls
            if self._should_run:
                self._recorder.profile_results = self._watcher.results
                self._start()
            else:
                self._end()

    def recent(
        self, operation: str | None = None, *, component: str | None = None
    ) -> list[Profile]:
        """Return the stored profiles, the latest last.

        Args:
            operation: the operation of the calls; None for all operations.
            component: the component of the calls; None for all components.
        """
        return [
            one
            for one in self._all()
            if operation in (None, one.operation) and component in (None, one.component)
        ]

    def get(self, profile_id: str | None) -> Profile | None:
        """Return a profile by its id, such as `CallRecord.profile_id`; None if it is not stored."""
        return next((one for one in self._all() if one.id == profile_id), None)

    def close(self) -> None:
        """End the thread. The profiles are kept."""
        with self._lock:
            self._should_run = False
            thread = self._end()
        if thread is not None and thread is not threading.current_thread():
            thread.join(_PATIENCE)

    def reset(self) -> None:
        """Start over, as a forked child does by itself."""
        running = self._process == os.getpid() and self._end()
        if running:
            running.join(_PATIENCE)
        self._kept.clear()
        self._watcher.reset()
        self._begin()
        if self._should_run:
            self._start()

    def _keep(self, profile: Profile) -> None:
        self._kept.append(profile)
        if self._shared is not None:
            try:
                self._shared.keep(profile)
            except OSError as refused:
                problem = f"a profile is kept in this process alone: {refused}"
                self._recorder.internal_errors.note("profile", problem, trace=False)

    def _all(self) -> list[Profile]:
        """Return the profiles of this process and of the others, the latest last."""
        own = list(self._kept)
        if self._shared is None:
            return own
        found = {one.id: one for one in [*self._shared.recent(), *own]}
        return sorted(found.values(), key=lambda one: one.start + one.duration)

    def _begin(self) -> None:
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def _start(self) -> None:
        if not gil_is_enabled():
            # Walking the frames of a thread that is running may crash the interpreter.
            logger.warning("slow calls are profiled only with the global interpreter lock")
            return
        if self._thread is not None and self._thread.is_alive():
            return
        self._stop = threading.Event()
        thread = threading.Thread(
            target=self._run, args=(self._stop,), name="vitalspan-profiles", daemon=True
        )
        thread.start()
        self._thread = thread
        self._recorder.profile_of = self._watcher.profile_of

    def _end(self) -> threading.Thread | None:
        thread, self._thread = self._thread, None
        self._stop.set()
        self._recorder.profile_of = None
        return thread

    def _run(self, stop: threading.Event) -> None:
        wait = 0.0
        while not stop.wait(wait):
            try:
                wait = self._watcher.step()
            except Exception:  # noqa: BLE001 - the program must not notice
                self._recorder.internal_errors.note("profile", "a slow call is not profiled")
                self._watcher.abandon()
                wait = _AFTER_FAULT
