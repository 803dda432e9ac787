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
"""Seconds from one sample to the next: 100 Hz."""

FEWEST: Final = 5
"""Samples of a profile. A call that ends sooner after its limit has none."""

ATTRIBUTE: Final = "vitalspan.profile_id"
"""The attribute of the call's span."""


class CallSampler:
    """Samples one call.

    Args:
        record: of the call.
        call: the call as it is shown.
        stack: where it is.
        now: the present time on the steady clock in seconds.
        longest: the seconds for which it is sampled, at most.

    Attributes:
        record: of the call.
        profile_id: the id of its profile.
        due: when the next sample is to be taken.
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
        """Whether the call was found once at least."""
        return len(self._tree) > 0

    @property
    def is_worth_keeping(self) -> bool:
        """Whether there are enough samples to say where the time went."""
        return len(self._tree) >= FEWEST

    def sample(self, now: float) -> bool:
        """Look where the call is; return whether it is to be looked at again."""
        if self._has_ended():
            return False
        # What blocks the interpreter for a while lets go of it where it has been all that time, so
        # a sample stands for the time before it.
        seconds = max(0.0, now - self._last)
        stack = self._stack.read()
        if self._has_ended():
            # What was seen may be something that came after it.
            return False
        if stack:
            self._tree.add(stack, seconds)
        else:
            self._missed += 1
        self._last = now
        self.due = max(self.due + PERIOD, now)
        return now - self._began < self._longest

    def note_on_span(self) -> None:
        """Let the span of the call have the id of the profile."""
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
