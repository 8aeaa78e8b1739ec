"""The messages between server and workers: JSON objects, each preceded by its length. Knows the format, not the meaning.

To a worker: `{"start": ...}` once, `{"judge": ...}` one at a time, `{"cancel": id}`.
From a worker: `{"ready": facts, "choices": {setting: values}}`, `{"progress": ...}`, `{"judged": ...}`, `{"cancelled": id}`,
`{"postponed": id, "why": words}`, `{"failed": message}`.
"""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import Mapping
from typing import Any, BinaryIO

LENGTH = struct.Struct("<Q")

MOST_BYTES = 1 << 30
"""Largest message; the verdict on every frame of hours of video has some hundred MiB."""


def framed(message: Mapping[str, Any]) -> bytes:
    """The bytes of a message."""
    text = json.dumps(message, ensure_ascii=True).encode("ascii")
    return LENGTH.pack(len(text)) + text


def read_message(stream: BinaryIO) -> dict[str, Any] | None:
    """The next message, None at the end of the stream."""
    head = stream.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack(head)
    text = stream.read(length)
    return _parsed(text) if len(text) == length else None


async def receive_message(stream: asyncio.StreamReader) -> dict[str, Any] | None:
    """The next message, None at the end of the stream. Raises ValueError for an invalid message."""
    try:
        (length,) = LENGTH.unpack(await stream.readexactly(LENGTH.size))
        if length > MOST_BYTES:
            raise ValueError(f"message: expected at most {MOST_BYTES} bytes, got {length}")
        return _parsed(await stream.readexactly(length))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None


def _parsed(text: bytes) -> dict[str, Any]:
    message = json.loads(text)
    if not isinstance(message, dict):
        raise ValueError(f"message: expected an object, got a {type(message).__name__}")
    return message
