"""Internal: serves metrics and probes over HTTP, alone or within a WSGI or ASGI application."""
