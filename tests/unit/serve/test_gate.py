"""The session cookie is found among the cookies that other programs on the same host have set."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="the extra `serve` is not installed")

from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from screener.serve.gate import Gate
from screener.serve.metrics import Metrics
from screener.serve.options import ServeOptions


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise AssertionError("not asked for")

    return Gate(app, ServeOptions(state=tmp_path, token="t" * 20), lambda cookie: cookie == "value", Metrics())


@pytest.mark.parametrize("other", ['prefs={"dark":true}', "theme=dark mode", "seen", "user[id]=5", "name=J\xfcrgen", "=", "a=b=c", "q='"])
def test_a_cookie_of_another_program_hides_no_session(gate: Gate, other: str) -> None:
    own = f"{gate.cookie_name}=value"
    for sent in (f"{other}; {own}", f"{own}; {other}", f"{other};{own};{other}"):
        assert gate.cookie_of(Headers({"cookie": sent})) == "value", sent
    assert gate.cookie_of(Headers({"cookie": other})) is None


def test_the_session_is_found_in_any_of_several_headers(gate: Gate) -> None:
    raw = [(b"cookie", b"seen"), (b"cookie", f"{gate.cookie_name}=value".encode())]
    assert gate.cookie_of(Headers(raw=raw)) == "value"
    assert gate.cookie_of(Headers({})) is None
