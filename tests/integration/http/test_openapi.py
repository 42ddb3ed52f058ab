"""The API does what its own OpenAPI document says, whatever it is sent."""

import asyncio
from http import HTTPStatus
from itertools import product
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from proxy.http.openapi import TYPED
from tests.integration.http.conftest import ENTITIES, Api
from tests.integration.http.test_entrance import ALL

EXAMPLES = 3
"""Of each route, on each database; more of them belong to whoever changes routes."""
EXAMPLES_OF_METHODS = 1
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


async def test_the_api_is_as_its_document_says(api: Api) -> None:
    called, begun = await asyncio.to_thread(called_as_documented, api.served.address)
    for transaction in begun:
        await api("POST", f"/v1/transactions/{transaction}/abort")

    assert called == {
        f"Message_{route.name}" if route.name in TYPED else route.name for route in ALL
    }


def called_as_documented(address: str) -> tuple[set[str], list[str]]:
    """Send what the document allows and what it does not; return the routes that were called, and transactions left open."""
    schema = schemathesis.openapi.from_url(f"{address}/openapi.json")
    headers = {"Authorization": "Bearer admin"}
    called: set[str] = set()
    begun: list[str] = []
    for found, mode in product(schema.get_all_operations(), GenerationMode):
        operation = found.ok()

        is_method = "/methods/" in operation.path
        identifier = operation.definition.raw["operationId"]
        if not is_method and identifier.partition("_")[0] in ENTITIES - {"Message"}:
            continue

        @settings(
            max_examples=EXAMPLES_OF_METHODS if is_method else EXAMPLES,
            derandomize=True,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def call(case: Any) -> None:
            response = case.call_and_validate(headers=headers, checks=CHECKS)
            if response.status_code == HTTPStatus.CREATED and case.path == "/v1/transactions":
                begun.append(response.json()["id"])

        call()
        called.add(identifier)
    return called, begun
