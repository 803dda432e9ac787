"""A client of the JSON API, which checks each response against the OpenAPI document."""

from __future__ import annotations

import json
from functools import cache
from typing import Any
from urllib.parse import urlencode

from jsonschema import Draft202012Validator

from vitalspan.page.api import Answer, answer
from vitalspan.page.openapi import openapi


def ask(registry: object, name: str, query: str | None = None, **parameters: object) -> Any:
    """The document that an endpoint returns, checked against its schema."""
    given = answer(name, urlencode(parameters) if query is None else query, registry, trusted=True)
    return checked(name, given)


def checked(name: str, given: Answer) -> Any:
    """The document of a response, checked against the schema of its status."""
    document = json.loads(given.body, parse_constant=_refuse)
    validator(name, given.status).validate(document)
    return document


@cache
def validator(name: str, status: int) -> Draft202012Validator:
    document = openapi()
    responses = document["paths"][f"/api/v1/{name}"]["get"]["responses"]
    schema = responses[str(int(status))]["content"]["application/json"]["schema"]
    return Draft202012Validator({**schema, "components": document["components"]})


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")
