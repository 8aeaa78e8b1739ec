"""The API against its OpenAPI description: every response is one that the description lists, and never an internal error."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from serving import Served, serving

pytest.importorskip("fastapi", reason="the extra `serve` is not installed")
schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")

from hypothesis import HealthCheck, given, settings  # noqa: E402
from schemathesis import GenerationMode  # noqa: E402
from schemathesis.checks import not_a_server_error  # noqa: E402
from schemathesis.specs.openapi.checks import (  # noqa: E402
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")

ENDLESS = r"/api/v1/(events|live/.*)"
"""Streams that do not end by themselves."""

ALLOWED = {503, 507}
"""Server errors by number, and no faults: the queue, or the disk, is full."""


@pytest.fixture(scope="module")
def server(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("serve")
    with serving(folder / "state", "--allow-urls", "--allow-path", str(folder), checkpoint=checkpoint) as served:
        yield served


@pytest.mark.parametrize("examples", [10, pytest.param(60, marks=pytest.mark.long)])
def test_no_request_makes_a_fault_or_an_answer_that_is_not_described(server: Served, examples: int) -> None:
    headers = {"Authorization": f"Bearer {server.token}"}
    schema = schemathesis.openapi.from_url(f"{server.url}openapi.json", headers=headers)
    described = [found.ok() for found in schema.exclude(path_regex=ENDLESS).get_all_operations()]
    assert len(described) > 12
    for operation in described:
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            ask(operation, headers, mode, examples)


def ask(operation: Any, headers: dict[str, str], mode: GenerationMode, examples: int) -> None:
    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(case=operation.as_strategy(generation_mode=mode))
    def asked(case: Any) -> None:
        response = case.call(headers=headers, timeout=30)
        assert response.status_code != 500, f"{case.method} {case.formatted_path}"
        checks = [content_type_conformance, response_schema_conformance, status_code_conformance]
        if response.status_code not in ALLOWED:
            checks.append(not_a_server_error)
        case.validate_response(response, checks=checks)

    asked()
