"""A shop in Flask, with the routes that tests of the integrations ask for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import Blueprint, Flask

import vitalspan as vs


def flask_shop() -> Flask:
    app = Flask("shop")
    api = Blueprint("api", "api", url_prefix="/api/v1")

    @app.get("/orders/<int:order_id>")
    def order(order_id: int) -> dict[str, int]:
        return {"id": order_id}

    @app.get("/broken")
    def broken() -> str:
        raise ValueError("broken")

    @app.get("/unavailable")
    def unavailable() -> tuple[str, int]:
        return "later", 503

    @app.get("/stream")
    def stream() -> Any:
        return iter(["a", "b", "c"])

    @app.get("/endless")
    def endless() -> Any:
        return iter(lambda: "x" * 100_000, None)

    @app.get("/torn")
    def torn() -> Any:
        def parts() -> Iterator[str]:
            yield "a"
            raise ValueError("torn")

        return parts()

    @api.get("/users/<name>")
    def user(name: str) -> str:
        vs.current_call().set_label("kind", "user")
        return name

    app.register_blueprint(api)
    return app
