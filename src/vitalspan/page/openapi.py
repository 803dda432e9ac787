"""The OpenAPI document of the JSON API, made from its endpoints and their documents.

`python -m vitalspan.page.openapi` prints it.
"""

from __future__ import annotations

import json
import sys
from functools import cache
from typing import Any, Final

from vitalspan.page.actions import ACTIONS, Action, Done, Token
from vitalspan.page.endpoints import API_PATH, ENDPOINTS, JSON, Endpoint
from vitalspan.page.json_document import Schema, Schemas
from vitalspan.page.parameters import Parameter
from vitalspan.page.problem import Problem

VERSION: Final = "1"
"""The version of the API. Fields may be added to it; breaking changes become `/api/v2/`."""

_DESCRIPTION: Final = (
    "What a service measured by vitalspan knows about itself: operations, alerts, rules and "
    "health. Times are seconds since the Unix epoch, durations are seconds, and what is not "
    "known is null."
)


@cache
def openapi_text() -> str:
    """Return the OpenAPI document as JSON, for people to read."""
    return json.dumps(openapi(), indent=1, ensure_ascii=False) + "\n"


def openapi() -> dict[str, Any]:
    """Return the OpenAPI document."""
    schemas = Schemas()
    problem = schemas.of(Problem)
    paths = {
        f"{API_PATH}{name}": {"get": _operation(endpoint, schemas, problem)}
        for name, endpoint in ENDPOINTS.items()
    }
    paths[f"{API_PATH}openapi.json"] = {
        "get": {
            "operationId": "openapi",
            "summary": "This document.",
            "responses": {"200": _content("The document.", {"type": "object"})},
        }
    }
    for name, action in ACTIONS.items():
        paths[f"{API_PATH}{name}"] = {"post": _change(action, schemas, problem)}
    paths[f"{API_PATH}token"] = {
        "get": {
            "operationId": "token",
            "summary": "The token that changes need.",
            "responses": {"200": _content("The token.", schemas.of(Token))},
        }
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "vitalspan", "version": VERSION, "description": _DESCRIPTION},
        "paths": paths,
        "components": {"schemas": dict(sorted(schemas.components.items()))},
    }


def _operation(endpoint: Endpoint, schemas: Schemas, problem: Schema) -> dict[str, Any]:
    responses = {
        "200": _body(endpoint, schemas),
        "400": _content("A parameter cannot be used.", problem),
        "503": _content("There is no monitor in this registry.", problem),
    }
    if endpoint.private:
        responses["403"] = _content("Nothing is known about who asks.", problem)
    if endpoint.may_be_missing:
        responses["404"] = _content("There is nothing of this id.", problem)
    return {
        "operationId": endpoint.name,
        "summary": endpoint.summary,
        "parameters": [_parameter(one) for one in endpoint.parameters],
        "responses": dict(sorted(responses.items())),
    }


def _body(endpoint: Endpoint, schemas: Schemas) -> dict[str, Any]:
    if endpoint.document is not bytes:
        return _content("The document.", schemas.of(endpoint.document))
    content_type = endpoint.content_type.partition(";")[0]
    schema: Schema = {"type": "object" if content_type == JSON else "string"}
    return {"description": "The file.", "content": {content_type: {"schema": schema}}}


def _change(action: Action, schemas: Schemas, problem: Schema) -> dict[str, Any]:
    token = {
        "name": "X-Vitalspan-Token",
        "in": "header",
        "description": "The token of `/api/v1/token`.",
        "required": True,
        "schema": {"type": "string"},
    }
    return {
        "operationId": action.name,
        "summary": action.summary,
        "parameters": [token, *(_parameter(one) for one in action.parameters)],
        "responses": {
            "200": _content("What was done.", schemas.of(Done)),
            "400": _content("A parameter cannot be used.", problem),
            "403": _content("The request may come from another site.", problem),
            "503": _content("There is no monitor in this registry.", problem),
        },
    }


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": "query",
        "description": parameter.description,
        "required": parameter.required,
        "schema": parameter.schema(),
    }


def _content(description: str, schema: Schema) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


if __name__ == "__main__":
    sys.stdout.write(openapi_text())
