"""Route templates of ASGI applications, found in the scope after the application has run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Scope = Mapping[str, Any]


def route_of(scope: Scope, path: str, root_path: str) -> str:
    """Return the template of the route that handled a request, with a leading slash.

    It includes the prefixes of included routers and of mounted applications. The routers of
    Starlette, FastAPI and Litestar are supported.

    Args:
        scope: the scope of the request, after the application has run.
        path: the `path` of the scope when the request arrived.
        root_path: the `root_path` of the scope when the request arrived.

    Returns:
        The template; empty if no route matched.
    """
    template = scope.get("path_template")
    if isinstance(template, str):
        return _with_slash(template or _litestar_path(scope, path))
    router = scope.get("router")
    if router is None or "endpoint" not in scope:
        return ""
    route = scope.get("route")
    if route is not None and scope.get("root_path", "") == root_path:
        methods = getattr(route, "methods", None)
        if methods and scope.get("method", "") not in methods:
            return ""
        found = _included_path(scope) or getattr(route, "path", None)
    else:
        # A mounted application has replaced the outer route with its own.
        before = {**scope, "path": path, "root_path": root_path, "path_params": {}}
        found = _matched_path(router.routes, before, scope)
    return "" if found is None else _with_slash(found)


def _litestar_path(scope: Scope, path: str) -> str:
    """Return the route of a request without a template, which older versions of Litestar have.

    This is a mounted application, or a route without parameters, whose path is its template.
    """
    handler = scope.get("route_handler")
    if getattr(handler, "is_mount", False):
        return str(min(getattr(handler, "paths", None) or [""]))
    return "" if handler is None else path.rstrip("/")


def _matched_path(routes: Iterable[Any], scope: Scope, ended: Scope) -> str | None:
    """Match a request again, and return the path of its route with all prefixes."""
    for route in routes:
        match, child_scope = route.matches(scope)
        if match.name != "FULL":
            continue
        path: str | None = getattr(route, "path", None)
        inner = getattr(route, "routes", None)
        if inner and "endpoint" in child_scope:
            below = _matched_path(inner, {**scope, **child_scope}, ended)
            return (path or "") + (below or "")
        return _included_path(ended) if path is None else path
    return None


def _included_path(scope: Scope) -> str | None:
    """Return the path of a route including the prefixes of FastAPI's routers.

    Older versions of FastAPI have the prefixes in the path of the route itself.
    """
    included = scope.get("fastapi")
    context = included.get("effective_route_context") if isinstance(included, Mapping) else None
    path = getattr(context, "path", None)
    return path if isinstance(path, str) and path else None


def _with_slash(template: str) -> str:
    return template if template.startswith("/") else f"/{template}"
