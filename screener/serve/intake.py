"""Writes request bodies to disk and hashes them at the same time, with limits on memory and time.

Knows files and bodies; does not know what they are for.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, BinaryIO

from starlette.requests import ClientDisconnect, Request

from screener.serve.metrics import Metrics
from screener.serve.options import ServeOptions
from screener.serve.problems import Refusal
from screener.serve.state_folder import StateFolder

BLOCK_BYTES = 1 << 20
"""Most bytes of a body in memory at a time."""

LEAST_BYTES_PER_SECOND = 1024
"""Minimum rate of a body over any GRACE_SECONDS; slower clients are disconnected, as they could otherwise occupy all connections."""

GRACE_SECONDS = 60.0

_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,8}")


class Intake:
    """Receives bodies within the limits of `options`."""

    def __init__(self, options: ServeOptions, state: StateFolder, metrics: Metrics) -> None:
        self._options, self._state, self._metrics = options, state, metrics

    def check_size(self, announced: int | None) -> None:
        """Raises Refusal for a file that is too large or does not fit on the disk."""
        if announced is not None and announced > self._options.max_upload_bytes:
            raise Refusal("too_large", f"The file has {announced} bytes; this server takes up to {self._options.max_upload_bytes}.")
        self.check_disk(announced or 0)

    def check_disk(self, more: int) -> None:
        """Raises Refusal if `more` bytes would leave too little disk space."""
        if self._state.free_bytes() - more < self._options.spare_bytes:
            raise Refusal(
                "disk_full", "The disk of this server is almost full, so it takes no more files. Erase old scans, or ask its operator."
            )

    async def receive(self, request: Request, writing: Writing, most_bytes: int) -> None:
        """Write a body to disk. Raises Refusal or ClientDisconnect; the bytes received are on the disk in either case."""
        gathered = bytearray()
        try:
            async for piece in pieces(request, self._options.body_seconds):
                gathered += piece
                if writing.size + len(gathered) > most_bytes:
                    gathered.clear()
                    raise Refusal("too_large", f"More than the {most_bytes} bytes came that may come here.")
                if len(gathered) >= BLOCK_BYTES:
                    block, gathered = gathered, bytearray()
                    await self._write(writing, block)
        finally:
            if gathered:
                await self._write(writing, gathered)
            await asyncio.to_thread(writing.settle)

    async def _write(self, writing: Writing, block: bytearray) -> None:
        self.check_disk(len(block))
        self._metrics.uploaded.inc(len(block))
        try:
            await asyncio.to_thread(writing.write, block)
        except OSError as error:
            raise Refusal("disk_full", f"The file cannot be written: {error.strerror}.") from error


class Writing:
    """A growing file, and the hash of its content so far."""

    def __init__(self, path: Path, size: int = 0) -> None:
        """size: valid bytes of an existing file; it is truncated to these. Raises OSError."""
        self.size = size
        self._digest: Any = hashlib.sha256()
        self._file: BinaryIO = open(path, "r+b" if path.exists() else "x+b", buffering=0)  # noqa: SIM115
        os.chmod(path, 0o600)
        self._file.truncate(size)
        while block := self._file.read(BLOCK_BYTES):
            self._digest.update(block)

    @property
    def sha256(self) -> str:
        """SHA-256 of the content so far."""
        return str(self._digest.hexdigest())

    def write(self, block: bytes | bytearray) -> None:
        """Append a block. Raises OSError, after removing a partly written block."""
        left = memoryview(block)
        try:
            while left:
                left = left[self._file.write(left) :]
        except OSError:
            self._file.truncate(self.size)
            self._file.seek(self.size)
            raise
        self._digest.update(block)
        self.size += len(block)

    def settle(self) -> None:
        """Sync the file to disk."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        self._file.close()


async def pieces(request: Request, silent_seconds: float) -> AsyncIterator[bytes]:
    """The body in pieces. Raises Refusal for a client that stalls or is too slow, ClientDisconnect for one that is gone."""
    stream, came, since = request.stream(), 0, time.monotonic()
    while True:
        try:
            async with asyncio.timeout(silent_seconds):
                piece = await anext(stream)
        except StopAsyncIteration:
            return
        except TimeoutError as error:
            raise Refusal("timeout", f"Nothing came for {silent_seconds:g} seconds.", headers={"Connection": "close"}) from error
        came += len(piece)
        lasted = time.monotonic() - since
        if lasted > GRACE_SECONDS:
            if came < LEAST_BYTES_PER_SECOND * lasted:
                raise Refusal("timeout", "The body comes too slowly.", headers={"Connection": "close"})
            came, since = 0, time.monotonic()
        if piece:
            yield piece


async def small_body(request: Request, most_bytes: int, silent_seconds: float) -> bytes:
    """A complete body of at most `most_bytes`. Raises Refusal."""
    body = bytearray()
    try:
        async for piece in pieces(request, silent_seconds):
            body += piece
            if len(body) > most_bytes:
                raise Refusal("too_large", f"A body of at most {most_bytes} bytes is taken here.")
    except ClientDisconnect as error:
        raise Refusal("invalid", "The body ended early.", status=400) from error
    return bytes(body)


def announced_length(request: Request) -> int | None:
    """The value of `Content-Length`, or None."""
    text = request.headers.get("content-length", "")
    return int(text) if text.isascii() and text.isdigit() else None


def suffix_of(name: str) -> str:
    """The suffix of a name if it is an allowed one, since decoders use it as a hint."""
    suffix = Path(name).suffix
    return suffix if _SUFFIX.fullmatch(suffix) else ""
