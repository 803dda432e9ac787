"""Watches for slow calls and profiles one at a time: decides what to do, and when."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from vitalspan.profiling.call_stack import CallStack, SampledStack
from vitalspan.profiling.profile import Profile
from vitalspan.profiling.sampler import CallSampler
from vitalspan.profiling.slow_calls import LONGEST_WAIT, slow_calls
from vitalspan.recording.call_record import Record
from vitalspan.recording.lock_free_counter import LockFreeCounter
from vitalspan.recording.recorder import Recorder
from vitalspan.recording.resource_meter import thread_cpu
from vitalspan.statistics.running_calls import running_call

TAKEN, BUSY, RATE_LIMITED = "taken", "busy", "rate_limited"
TOO_SHORT, NOT_FOUND = "too_short", "not_found"

RESULTS: Final = (TAKEN, BUSY, RATE_LIMITED, TOO_SHORT, NOT_FOUND)
"""What becomes of a slow call: it is profiled, or ends without a profile, because another call was
being profiled, there were enough profiles within the hour, there was no time for samples, or it was
in no stack."""

HOUR: Final = 3600.0

_WATCH_COST: Final = 50.0
"""The pause after watching, as a multiple of its duration: at most 2 % of a CPU."""

_SAMPLE_COST: Final = 9.0
"""The same for samples while a slow call is profiled: at most 10 % of a CPU ..."""

_LONGEST_PAUSE: Final = 0.1
"""... and the longest pause between samples in seconds, because searches are limited."""

_MAX_KNOWN: Final = 1000
"""The maximum number of calls, and of operations, that are remembered."""

_FORGOTTEN_AFTER: Final = 60.0
"""Seconds after the end of a call. Its thread has asked for its profile long before that."""


class Watcher:
    """Watches the calls of a recorder. It has no thread of its own and never blocks.

    Args:
        recorder: the recorder of the calls.
        keep: called with each profile.
        find: returns the stack of a call.
        cpu: returns the CPU time of this thread in seconds. Waiting for the interpreter is free.

    Attributes:
        per_hour: the maximum number of profiles within an hour.
        longest: the maximum number of seconds for which a call is profiled.
        results: the number of slow calls so far, by what became of them.
    """

    def __init__(
        self,
        recorder: Recorder,
        keep: Callable[[Profile], None],
        find: Callable[[Record], SampledStack] = CallStack,
        cpu: Callable[[], float] = thread_cpu,
    ) -> None:
        self._recorder = recorder
        self._keep = keep
        self._find = find
        self._cpu = cpu
        self.per_hour = 0
        self.longest = 0.0
        self.results = {result: LockFreeCounter() for result in RESULTS}
        self.reset()

    def reset(self) -> None:
        """Drop what was seen and what was profiled."""
        for counter in self.results.values():
            counter.reset()
        self._sampler: CallSampler | None = None
        self._spent = 0.0
        self._starts: deque[float] = deque()
        # By the `id` of a record, which is unique as long as the record is kept with it.
        # The second item is the id of its profile, the third the result if it has none.
        self._seen: dict[int, tuple[Record, str | None, str]] = {}
        self._last_profiles: dict[tuple[str, str], float] = {}

    def abandon(self) -> None:
        """Abandon the current profile."""
        self._sampler = None

    def profile_of(self, record: Record) -> str | None:
        """Return the id of the profile of a slow call that has just ended; None if it has none."""
        profile_id = self._profile_id(record)
        if profile_id is None:
            self.results[self._reason(record)].add()
        return profile_id

    def _profile_id(self, record: Record) -> str | None:
        seen = self._seen.get(id(record))
        return None if seen is None else seen[1]

    def _reason(self, record: Record) -> str:
        """Return why a slow call has no profile."""
        seen = self._seen.get(id(record))
        if seen is not None:
            return seen[2]
        if self._sampler is not None:
            return BUSY
        return RATE_LIMITED if len(self._starts) >= self.per_hour else TOO_SHORT

    def step(self) -> float:
        """Do what is due; return the seconds until the next step.

        This searches for a slow call, or takes a sample of the call that is profiled.
        """
        now, began = self._recorder.now(), self._cpu()
        sampler = self._sampler
        if sampler is None:
            wait = self._watch(now)
            self._spent = self._cpu() - began
            pause = 0.0 if self._sampler else _WATCH_COST * self._spent
        else:
            wait = self._sample(sampler, now)
            cost = self._cpu() - began
            self._spent += cost
            pause = min(_LONGEST_PAUSE, _SAMPLE_COST * cost)
        return max(0.0, wait, pause)

    def _watch(self, now: float) -> float:
        self._forget_ended(now)
        starts = self._starts
        while starts and now - starts[0] >= HOUR:
            starts.popleft()
        if len(starts) >= self.per_hour:
            return LONGEST_WAIT
        found, wait = slow_calls(self._recorder, now)
        new = [record for record in found if id(record) not in self._seen]
        if not new or len(self._seen) >= _MAX_KNOWN:
            return wait
        return self._begin(min(new, key=self._last_profile), now)

    def _last_profile(self, record: Record) -> float:
        """Return when the operation of a call was last profiled, so that all have their turn."""
        series = record[2].series
        return self._last_profiles.get((series.component, series.operation), float("-inf"))

    def _begin(self, record: Record, now: float) -> float:
        self._seen[id(record)] = (record, None, TOO_SHORT)
        call = running_call(record, now, self._recorder.epoch())
        sampler = CallSampler(record, call, self._find(record), now, self.longest)
        goes_on = sampler.sample(now)
        if not goes_on or not sampler.has_samples:
            # It has ended, or cannot be found: others may have their turn.
            if goes_on:
                self._seen[id(record)] = (record, None, NOT_FOUND)
            return 0.0
        if len(self._last_profiles) >= _MAX_KNOWN:
            self._last_profiles.clear()
        series = record[2].series
        self._last_profiles[series.component, series.operation] = now
        self._sampler = sampler
        return sampler.due - now

    def _sample(self, sampler: CallSampler, now: float) -> float:
        goes_on = sampler.sample(now)
        if sampler.is_worth_keeping and self._profile_id(sampler.record) is None:
            self._starts.append(now)
            self._seen[id(sampler.record)] = (sampler.record, sampler.profile_id, TAKEN)
            sampler.note_on_span()
        if goes_on:
            return sampler.due - now
        if sampler.is_worth_keeping:
            self._keep(sampler.profile(now))
            self.results[TAKEN].add()
            self._sampler = None
            return 0.0
        self._sampler = None
        # Such calls are not counted in the hourly limit, so the time that they take is limited
        # instead.
        return _WATCH_COST * self._spent

    def _forget_ended(self, now: float) -> None:
        before = now - _FORGOTTEN_AFTER
        ended = [key for key, (record, *_) in self._seen.items() if record[0] + record[1] < before]
        for key in ended:
            del self._seen[key]
