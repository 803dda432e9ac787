"""A queue of requests with bounded memory."""

from __future__ import annotations

from collections import deque

from vitalspan.bridge.otlp.export_requests import Request


class SendQueue:
    """Requests in the order of their creation; if the queue is full, the oldest are dropped.

    Args:
        capacity: the maximum size of all requests in bytes.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._requests: deque[Request] = deque()
        self.size = 0

    def __len__(self) -> int:
        return len(self._requests)

    def put(self, request: Request) -> int:
        """Add a request; return how many data points were dropped for it."""
        self._requests.append(request)
        self.size += len(request.body)
        dropped = 0
        # The newest request stays, however large it is; otherwise nothing might ever be sent.
        while self.size > self._capacity and len(self._requests) > 1:
            dropped += self.pop().points
        return dropped

    def first(self) -> Request | None:
        """Return the oldest request, or None."""
        return self._requests[0] if self._requests else None

    def pop(self) -> Request:
        """Remove the oldest request and return it."""
        request = self._requests.popleft()
        self.size -= len(request.body)
        return request

    def clear(self) -> int:
        """Remove all requests; return the number of their data points."""
        points = sum(request.points for request in self._requests)
        self._requests.clear()
        self.size = 0
        return points
