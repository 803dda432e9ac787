"""The current rule files, which are reloaded when they change."""

from __future__ import annotations

import signal
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable
from concurrent.futures import Future
from pathlib import Path
from types import FrameType
from typing import Final

from vitalspan.configfile.stamp import FileStamps
from vitalspan.errors import ConfigurationError
from vitalspan.rules.file.load import load
from vitalspan.rules.file.paths import RulePath, absolute_paths, rule_file_paths
from vitalspan.rules.model import RuleSet
from vitalspan.runtime.fork_safe_lock import ForkSafeLock
from vitalspan.runtime.internal_errors import logger

_READ_IN_TICK: Final = 64 * 1024
"""The maximum size in bytes of files that a tick reads itself; larger ones are read in a thread."""


class RuleFiles(ABC):
    """Rule files that may change.

    Args:
        lock: held while rules are changed.

    Attributes:
        paths: the files, directories and patterns, as absolute paths.
        reload_failed: whether the last attempt to reload them has failed.
    """

    def __init__(self, lock: ForkSafeLock) -> None:
        self.paths: tuple[Path, ...] = ()
        self.reload_failed = False
        self._lock = lock
        self._stamps_in_force = FileStamps()
        self._seen = self._stamps_in_force
        self._reading: _Reading | None = None
        self._requested = False
        self._unlogged_mistakes = ""

    def load(self, paths: RulePath | Iterable[RulePath] | None) -> None:
        """Load rule files, which replace the previous ones.

        Args:
            paths: a file, a directory with `*.yml` and `*.yaml` files, a pattern such as
                `rules/*.yml`, or several of these; None removes the rules of the previous files.

        Raises:
            ConfigurationError: for files with mistakes; the rules are then not changed.
            MissingExtraError: if PyYAML is not installed.
        """
        # A daemon may change its working directory later.
        absolute = absolute_paths(paths)
        stamps = _stamps(absolute)
        rules = load(absolute) if absolute else RuleSet()
        self._put_in_force(rules, stamps, absolute)

    def use(self, rules: RuleSet) -> None:
        """Use these rules instead of those of a file.

        Raises:
            ConfigurationError: if one of their SLOs has the name of an added one.
        """
        self._put_in_force(rules, FileStamps(), ())

    def reload(self) -> bool:
        """Reload the files; if one has mistakes, no rule is changed.

        Returns:
            Whether they could be read.
        """
        succeeded = not self.paths or self._finish(_Reading(self.paths))
        self.log_mistakes()
        return succeeded

    def reload_if_changed(self) -> None:
        """Reload the files if they have changed, or if a signal has requested it.

        `log_mistakes` says if that was not possible. A change is read at the second tick that sees
        it, if nothing was written in between: a file that is truncated and rewritten is empty or
        partial for a moment. Large files are read in a thread, and used by the first tick after
        that.
        """
        if not self.paths:
            return
        reading = self._reading
        if reading is not None:
            if reading.done():
                self._reading = None
                self._finish(reading)
            return
        requested, self._requested = self._requested, False
        stamps = _stamps(self.paths)
        still, self._seen = stamps == self._seen, stamps
        if requested or (still and stamps != self._stamps_in_force):
            reading = _Reading(self.paths)
            if stamps.size > _READ_IN_TICK and reading.start():
                self._reading = reading
            else:
                self._finish(reading)

    def reload_on_signal(self, number: int | None = None) -> None:
        """Reload the files at the tick after each signal; an earlier handler is called as well.

        Args:
            number: the signal, SIGHUP by default.

        Raises:
            ValueError: outside of the main thread, which is the only one that can set handlers, or
                on a system without SIGHUP.
        """
        number = getattr(signal, "SIGHUP", None) if number is None else number
        if number is None:
            raise ValueError("this system has no SIGHUP: pass the number of another signal")
        before = signal.getsignal(number)

        def handle(received: int, frame: FrameType | None) -> None:
            self._requested = True
            if callable(before):
                before(received, frame)

        signal.signal(number, handle)

    def abandon_reading(self) -> None:
        """Start over in a forked child, which has no reading thread."""
        self._reading = None

    @abstractmethod
    def _use_file(self, rules: RuleSet) -> None:
        """Use the rules of the files; a ConfigurationError refuses them."""

    def _put_in_force(self, rules: RuleSet, stamps: FileStamps, paths: tuple[Path, ...]) -> None:
        with self._lock:
            self._use_file(rules)
            self.paths = paths
            self._stamps_in_force = self._seen = stamps
            self._reading = None
            self.reload_failed = False
            self._unlogged_mistakes = ""

    def log_mistakes(self) -> None:
        """Log why the last attempt to reload the files has failed, unless this was logged already.

        Where several processes read the same files, only the one that evaluates them does this.
        Another one still has the mistakes to tell if it is to evaluate later.
        """
        mistakes, self._unlogged_mistakes = self._unlogged_mistakes, ""
        if mistakes:
            logger.error(
                "the new rules have mistakes, so the previous ones stay in force: %s", mistakes
            )

    def _finish(self, reading: _Reading) -> bool:
        """Use the rules that were read; return whether that was possible."""
        try:
            self._put_in_force(reading.rules(), reading.stamps, self.paths)
        except ConfigurationError as refused:
            self._stamps_in_force = reading.stamps
            self.reload_failed = True
            self._unlogged_mistakes = str(refused)
            return False
        return True


class _Reading:
    """Rules that are being read from files."""

    def __init__(self, paths: tuple[Path, ...]) -> None:
        self.stamps = _stamps(paths)
        self._paths = paths
        self._rules = Future[RuleSet]()
        self._thread: threading.Thread | None = None

    def start(self) -> bool:
        """Start reading in a thread; return whether one could be started."""
        thread = threading.Thread(target=self._read, name="vitalspan-rules", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            return False
        self._thread = thread
        return True

    def done(self) -> bool:
        """Return whether everything has been read."""
        return self._rules.done()

    def rules(self) -> RuleSet:
        """Return the rules, which are read now unless a thread has read them.

        Raises:
            ConfigurationError: for files with mistakes.
        """
        if self._thread is None:
            self._read()
        return self._rules.result()

    def _read(self) -> None:
        try:
            self._rules.set_result(load(self._paths))
        except Exception as error:  # noqa: BLE001 - it is raised where the rules are asked for
            self._rules.set_exception(error)


def _stamps(paths: tuple[Path, ...]) -> FileStamps:
    return FileStamps(*rule_file_paths(paths))
