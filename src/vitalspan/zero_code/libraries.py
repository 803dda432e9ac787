"""Libraries that are instrumented when a program imports them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from types import ModuleType
from typing import Any, Final

from vitalspan.errors import ConfigurationError
from vitalspan.runtime.internal_errors import logger
from vitalspan.words import suggestion
from vitalspan.zero_code.import_hook import ImportHook

Applied = Callable[[ModuleType], None]


def _instances_of(class_name: str, integration: str) -> Applied:
    """Return a function that instruments every new application or broker."""

    def imported(module: ModuleType) -> None:
        made: Any = getattr(module, class_name)
        initialize = made.__init__

        @functools.wraps(initialize)
        def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
            initialize(self, *args, **kwargs)
            try:
                import_module(f"vitalspan.integrations.{integration}").instrument(self)
            except Exception:  # noqa: BLE001 - the program has to run
                logger.warning("a %s could not be instrumented", class_name, exc_info=True)

        made.__init__ = __init__

    return imported


def _django(module: ModuleType) -> None:
    """Add the middleware before those in the settings, when Django loads them."""
    handler: Any = module.BaseHandler
    load = handler.load_middleware

    @functools.wraps(load)
    def load_middleware(self: Any, *args: Any, **kwargs: Any) -> Any:
        from django.conf import settings  # type: ignore[import-untyped] # noqa: PLC0415

        path = "vitalspan.integrations.django.Middleware"
        if path not in settings.MIDDLEWARE:
            settings.MIDDLEWARE = [path, *settings.MIDDLEWARE]
        return load(self, *args, **kwargs)

    handler.load_middleware = load_middleware


def _everything(integration: str) -> Applied:
    """Return a function that instruments the whole library at once."""

    def imported(_: ModuleType) -> None:
        import_module(f"vitalspan.integrations.{integration}").instrument()

    return imported


LIBRARIES: Final[Mapping[str, tuple[str, Applied]]] = {
    "aiohttp": ("aiohttp.web_app", _instances_of("Application", "aiohttp")),
    "aiohttp_client": ("aiohttp", _everything("aiohttp_client")),
    "celery": ("celery.app.base", _instances_of("Celery", "celery")),
    "django": ("django.core.handlers.base", _django),
    "dramatiq": ("dramatiq.broker", _instances_of("Broker", "dramatiq")),
    "fastapi": ("fastapi.applications", _instances_of("FastAPI", "fastapi")),
    "flask": ("flask.app", _instances_of("Flask", "flask")),
    "httpx": ("httpx", _everything("httpx")),
    "litestar": ("litestar.app", _instances_of("Litestar", "litestar")),
    "requests": ("requests", _everything("requests")),
    "rq": ("rq", _everything("rq")),
    "starlette": ("starlette.applications", _instances_of("Starlette", "starlette")),
    "taskiq": ("taskiq.abc.broker", _instances_of("AsyncBroker", "taskiq")),
}
"""The libraries by name, each with the module to wait for, and what to do after its import."""


def parse_libraries(text: str, where: str = "VITALSPAN_INSTRUMENT") -> tuple[str, ...]:
    """Return the names of libraries in a text: `all`, `none`, or names separated by commas.

    Raises:
        ConfigurationError: for an unknown name.
    """
    words = text.replace(",", " ").lower().split()
    if words == ["all"]:
        return tuple(LIBRARIES)
    if words == ["none"]:
        return ()
    for word in words:
        if word not in LIBRARIES:
            raise ConfigurationError(
                f"{where}: there is no integration {word!r:.80}: "
                f"{suggestion(word, sorted(LIBRARIES))}; or use all or none"
            )
    return tuple(dict.fromkeys(words))


def instrument(hook: ImportHook, names: Sequence[str]) -> None:
    """Instrument libraries as soon as they are imported."""
    for name in names:
        module, applied = LIBRARIES[name]
        hook.add(module.__eq__, applied)
