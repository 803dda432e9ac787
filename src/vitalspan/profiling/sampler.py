"""Samples one call until it ends, or until it has been sampled for long enough."""

from __future__ import annotations

import secrets
from typing import Final

from vitalspan.profiling.call_stack import SampledStack
from vitalspan.profiling.profile import Profile
from vitalspan.profiling.stack_tree import StackTree
from vitalspan.recording.call_record import IN_PROGRESS, Record
from vitalspan.statistics.call_statistics import RunningCall

PERIOD: Final = 0.01
"""Seconds between two samples: 100 Hz."""

FEWEST: Final = 5
"""The minimum number of samples of a profile; a call that ends earlier has none."""

ATTRIBUTE: Final = "vitalspan.profile_id"
"""The attribute of the call's span with the id of the profile."""


class CallSampler:
    """Samples one call.

    Args:
        record: the record of the call.
        call: the call in its displayed form.
        stack: the stack of the call.
        now: the current time on the steady clock in seconds.
        longest: the maximum number of seconds for which it is sampled.

    Attributes:
        record: the record of the call.
        profile_id: the id of the profile.
        due: the time of the next sample.
    """

    def __init__(
        self, record: Record, call: RunningCall, stack: SampledStack, now: float, longest: float
    ) -> None:
        self.record = record
        self.profile_id = secrets.token_hex(8)
        self.due = now
        self._call = call
        self._stack = stack
        self._began = now
        self._longest = longest
        self._last = now - PERIOD
        self._missed = 0
        self._tree = StackTree()

    @property
    def has_samples(self) -> bool:
        """Whether the call was found at least once."""
        return len(self._tree) > 0

    @property
    def is_worth_keeping(self) -> bool:
        """Whether there are enough samples to tell where the time went."""
        return len(self._tree) >= FEWEST

    def sample(self, now: float) -> bool:
        """Take a sample; return whether to continue."""
        if self._has_ended():
            return False
        # Code that blocks the interpreter releases it at the same place where it has been all the
        # time, so a sample represents the time before it.
        seconds = max(0.0, now - self._last)
        stack = self._stack.read()
        if self._has_ended():
            # The sample may be of something after the call.
            return False
        if stack:
            self._tree.add(stack, seconds)
        else:
            self._missed += 1
        self._last = now
        self.due = max(self.due + PERIOD, now)
        return now - self._began < self._longest

    def note_on_span(self) -> None:
        """Add the id of the profile to the span of the call."""
        call = self._stack.call
        span = None if call is None else call._span  # noqa: SLF001 - a call's own code has no need
        if span is not None and span.is_recording() and not self._has_ended():
            span.set_attribute(ATTRIBUTE, self.profile_id)

    def profile(self, now: float) -> Profile:
        """Return the profile."""
        start, seconds, site = self.record[:3]
        call, ended = self._call, self._has_ended()
        return Profile(
            id=self.profile_id,
            component=call.component,
            operation=call.operation,
            labels=call.labels,
            start=call.start,
            duration=seconds if ended else now - start,
            ended=ended,
            slow=site.slow,
            profiled_from=self._began - start,
            trace_id=call.trace_id,
            span_id=call.span_id,
            thread=self._stack.thread,
            task=self._stack.task,
            missed=self._missed,
            samples=self._tree.samples(),
        )

    def _has_ended(self) -> bool:
        return bool(self.record[1] != IN_PROGRESS)
