"""A WSGI application behind a real server, in a thread of this process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server


class _Quiet(WSGIRequestHandler):
    """A handler that writes nothing of requests."""

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def wsgi_serving(app: Any) -> Iterator[int]:
    """Serve an application on a free port, which is given."""
    with make_server("127.0.0.1", 0, app, handler_class=_Quiet) as server:
        # Clients that leave are none of its errors.
        server.handle_error = lambda *_: None  # type: ignore[method-assign]
        thread = threading.Thread(target=partial(server.serve_forever, poll_interval=0.01))
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()
