"""Call a function in a forked child of the process that runs the tests."""

from __future__ import annotations

import os
import signal
import warnings
from collections.abc import Callable
from contextlib import suppress


def holds_in_child(condition: Callable[[], object]) -> bool:
    """Return whether a function returns something true in a forked child."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking with threads
        child = os.fork()
    if not child:
        # Other threads of the tests may hold a lock during the fork. Whatever hangs for that is
        # ended, and the test fails.
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(60)
        with suppress(BaseException):
            os._exit(0 if condition() else 1)
        os._exit(2)
    return os.waitpid(child, 0)[1] == 0
