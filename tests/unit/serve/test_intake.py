"""Bodies: hashed while being written, kept if they break off, and dropped if they stall."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the extra `serve` is not installed")

from starlette.requests import ClientDisconnect, Request

from screener.serve import intake
from screener.serve.intake import Intake, Writing, pieces, small_body, suffix_of
from screener.serve.metrics import Metrics
from screener.serve.options import ServeOptions
from screener.serve.problems import Refusal
from screener.serve.state_folder import StateFolder


def request_of(messages: Callable[[], AsyncIterator[dict[str, Any]]]) -> Request:
    stream = messages()
    return Request({"type": "http", "method": "POST", "headers": [], "path": "/"}, lambda: anext(stream))


def body(*parts: bytes, breaks_off: bool = False, pause: float = 0.0) -> Request:
    async def messages() -> AsyncIterator[dict[str, Any]]:
        for part in parts:
            yield {"type": "http.request", "body": part, "more_body": True}
            await asyncio.sleep(pause)
        yield {"type": "http.disconnect"} if breaks_off else {"type": "http.request", "body": b"", "more_body": False}

    return request_of(messages)


@pytest.fixture
def taking(tmp_path: Path) -> Intake:
    return Intake(ServeOptions(state=tmp_path, token="t" * 32, spare_bytes=0), StateFolder(tmp_path), Metrics())


def test_what_is_written_is_hashed_and_goes_on_after_a_break(tmp_path: Path, taking: Intake) -> None:
    parts = [bytes([number]) * (300_000 + number) for number in range(9)]
    writing = Writing(tmp_path / "file")
    with pytest.raises(ClientDisconnect):
        asyncio.run(taking.receive(body(*parts[:5], breaks_off=True), writing, 1 << 30))
    came = writing.size
    assert came == sum(map(len, parts[:5]))
    writing.close()
    again = Writing(tmp_path / "file", came)  # as another server would, which has to read what is there
    asyncio.run(taking.receive(body(*parts[5:]), again, 1 << 30))
    assert again.sha256 == hashlib.sha256(b"".join(parts)).hexdigest()
    again.close()
    assert (tmp_path / "file").read_bytes() == b"".join(parts)


def test_what_lies_behind_the_offset_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"told and not told")
    writing = Writing(tmp_path / "file", 4)
    writing.write(b"!")
    writing.close()
    assert (tmp_path / "file").read_bytes() == b"told!" and writing.sha256 == hashlib.sha256(b"told!").hexdigest()


def test_more_than_may_come_is_refused_while_it_comes(tmp_path: Path, taking: Intake) -> None:
    writing = Writing(tmp_path / "file")
    with pytest.raises(Refusal) as refused:
        asyncio.run(taking.receive(body(b"x" * 600, b"x" * 600), writing, 1000))
    writing.close()
    assert refused.value.code == "too_large" and (tmp_path / "file").stat().st_size <= 1000


def test_a_client_that_falls_silent_or_trickles_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    async def read(request: Request, silent_seconds: float = 20.0) -> bytes:
        return b"".join([piece async for piece in pieces(request, silent_seconds)])

    with pytest.raises(Refusal) as silent:
        asyncio.run(read(body(b"x", b"y", pause=30.0), 0.2))
    assert silent.value.code == "timeout"
    monkeypatch.setattr(intake, "GRACE_SECONDS", 0.2)
    with pytest.raises(Refusal) as trickling:
        asyncio.run(read(body(*[b"x"] * 50, pause=0.02)))
    assert trickling.value.code == "timeout"
    assert asyncio.run(read(body(*[b"x" * 4096] * 20, pause=0.02))) == b"x" * 4096 * 20


def test_small_bodies_are_small() -> None:
    assert asyncio.run(small_body(body(b"12", b"34"), 4, 1)) == b"1234"
    with pytest.raises(Refusal):
        asyncio.run(small_body(body(b"12", b"345"), 4, 1))


@pytest.mark.parametrize(
    ("name", "suffix"), [("a.mp4", ".mp4"), ("a.MP4", ".MP4"), ("a", ""), ("a.m/../x", ""), ("a.tar.gz", ".gz"), ("a.é", ""), (".mp4", "")]
)
def test_suffixes_are_kept_where_they_are_harmless(name: str, suffix: str) -> None:
    assert suffix_of(name) == suffix
