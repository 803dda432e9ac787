"""Jobs: runs that are recorded, shown as metrics, and reported to sinks."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

from vitalspan.default import get_monitor
from vitalspan.errors import ConfigurationError
from vitalspan.jobs.environment import sinks_of_environment
from vitalspan.jobs.job_metrics import job_metrics
from vitalspan.jobs.job_report import JobReport
from vitalspan.jobs.job_run import JobRun
from vitalspan.jobs.outcome import ending_of_exception
from vitalspan.jobs.sink import Sink
from vitalspan.labels import value_text
from vitalspan.units import parse_duration

if TYPE_CHECKING:
    from vitalspan.monitor import Monitor
    from vitalspan.recording.call import Call

F = TypeVar("F", bound=Callable[..., Any])

Duration = str | float | timedelta

_GRACE_SHARE: Final = 0.1
_LEAST_GRACE: Final = 60.0


class Job:
    """A batch job whose runs are recorded: a `with` or `async with` statement, or a decorator.

    A run is a call of the operation with its name in the component `jobs`. Its start and end are in
    the `job_*` metrics of the monitor, and are reported to the sinks. A sink cannot make the job
    fail.

    Args:
        name: the name of the job.
        every: how often it should succeed: `24h`, seconds, or a `timedelta`. Without it, a missed
            run cannot be detected.
        grace: how late a success may be; by default a tenth of `every`, and at least a minute.
        within: how long a run may take before it counts as never finished; by default `every`.
        sinks: the sinks; None takes those of the `VITALSPAN_JOB_*` variables.
        monitor: the monitor that records the runs; by default the default monitor.

    Raises:
        ConfigurationError: for an invalid name, duration or sink.
    """

    def __init__(
        self,
        name: str,
        *,
        every: Duration | None = None,
        grace: Duration | None = None,
        within: Duration | None = None,
        sinks: Sequence[Sink] | None = None,
        monitor: Monitor | None = None,
    ) -> None:
        if not isinstance(name, str) or not name.strip():
            raise ConfigurationError(f"job {name!r:.80}: give a name that is not empty")
        self.name = value_text(name)
        self.monitor = monitor or get_monitor()
        interval = _seconds("every", every)
        if grace is None and interval is not None:
            grace = max(_LEAST_GRACE, _GRACE_SHARE * interval)
        self._report = JobReport(
            self.name,
            self.monitor.clock.wall(),
            every=interval,
            grace=None if interval is None else _seconds("grace", grace),
            within=interval if within is None else _seconds("within", within),
            metric_prefix=self.monitor.settings.metric_prefix,
        )
        self.sinks = tuple(sinks_of_environment() if sinks is None else sinks)
        for sink in self.sinks:
            if not isinstance(sink, Sink):
                raise ConfigurationError(
                    f"job {self.name}: {sink!r:.80} is not a sink: use Pushgateway(...), "
                    "Textfile(...), Otlp(...) or Ping(...) of vitalspan.jobs"
                )
        job_metrics(self.monitor).declare(self._report)

    def __repr__(self) -> str:
        return f"Job({self.name!r})"

    def run(self) -> JobRun:
        """Return a run that is started and ended manually."""
        return JobRun(self.monitor, self._report, self.sinks)

    def forget(self) -> None:
        """Remove the job from the metrics and the sinks, because it will not run any more.

        Raises:
            Exception: the error of an unreachable sink, after the others have removed the job.
        """
        job_metrics(self.monitor).forget(self.name)
        problems: list[Exception] = []
        for sink in self.sinks:
            try:
                sink.forget(self._report)
            except Exception as problem:  # noqa: BLE001 - the others forget it all the same
                problems.append(problem)
        if problems:
            raise problems[0]

    def __call__(self, func: F) -> F:
        """Decorate a function or coroutine function, so that each of its calls is a run.

        Raises:
            TypeError: for anything else.
        """
        if not inspect.isroutine(func) or inspect.isasyncgenfunction(func):
            raise TypeError(f"job {self.name}: {func!r:.80} is not a function")
        if inspect.isgeneratorfunction(func):
            raise TypeError(
                f"job {self.name}: {func!r:.80} is a generator "
                "function: decorate a function that runs it"
            )
        decorated: Any
        if inspect.iscoroutinefunction(func):

            @functools.wraps(func)
            async def decorated(*args: Any, **kwargs: Any) -> Any:
                async with self as call:  # noqa: F841 - current_call() finds it in this frame
                    return await func(*args, **kwargs)

        else:

            @functools.wraps(func)
            def decorated(*args: Any, **kwargs: Any) -> Any:
                with self as call:  # noqa: F841 - current_call() finds it in this frame
                    return func(*args, **kwargs)

        return decorated  # type: ignore[no-any-return]

    def __enter__(self) -> Call:
        run = self.run()
        call = run.start()
        _runs.set((*_runs.get(), (self, run)))
        return call

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        self._latest_run().finish(ending_of_exception(error), error)

    async def __aenter__(self) -> Call:
        return self.__enter__()

    async def __aexit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        run = self._latest_run()
        run.end(ending_of_exception(error), error)
        try:
            # The event loop must not be blocked while sinks are told.
            await asyncio.shield(asyncio.to_thread(run.report))
        finally:
            run.close()

    def _latest_run(self) -> JobRun:
        """Return the run that is about to end, and take it off the list of runs."""
        runs = _runs.get()
        for index in reversed(range(len(runs))):
            job, run = runs[index]
            # Blocks of generators may end in another order than they began.
            if job is self:
                _runs.set((*runs[:index], *runs[index + 1 :]))
                return run
        raise RuntimeError("a job has to end in the same thread or task that it was started in")


_runs: ContextVar[tuple[tuple[Job, JobRun], ...]] = ContextVar("vitalspan_job_runs", default=())
"""The runs that this thread or task has entered, the innermost last."""


def job(
    name: str,
    *,
    every: Duration | None = None,
    grace: Duration | None = None,
    within: Duration | None = None,
    sinks: Sequence[Sink] | None = None,
    monitor: Monitor | None = None,
) -> Job:
    """Monitor a batch job: `with vs.job("nightly", every="24h"):`, or as a decorator; see `Job`."""
    return Job(name, every=every, grace=grace, within=within, sinks=sinks, monitor=monitor)


def _seconds(option: str, value: Duration | None) -> float | None:
    if value is None:
        return None
    if isinstance(value, timedelta):
        value = value.total_seconds()
    try:
        seconds = parse_duration(value)
    except ValueError as refused:
        raise ConfigurationError(f"job: {option}: {refused}") from None
    if not seconds:
        raise ConfigurationError(f"job: {option}={value!r:.80}: give a duration above 0")
    return seconds
