"""What the answers and errors of object stores and folders mean. Knows their texts. Does not ask them anything."""

from __future__ import annotations

import logging
import re
from typing import Any

CHUNK_BYTES = 256 << 10
"""Of an answer that breaks off, what has come is kept in units of this."""

EXPIRED = ("ExpiredToken", "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken")
"""What S3 says where credentials are wrong, rather than this object not ours."""

NO_BUCKET = ("NoSuchBucket", "ContainerNotFound", "bucket does not exist")

DENIED = re.compile(r"\(os error (1|13|30)\)")
"""What folders say instead of a PermissionError where nothing may be written."""
TIMED_OUT = re.compile(r"timed out|timeout|TimedOut", re.IGNORECASE)

_LOG = logging.getLogger(__name__)


def came(answer: Any, size: int) -> bytes:
    """The body of an answer, or, where it breaks off, what came before; that something came is needed."""
    from obstore.exceptions import BaseError, GenericError

    if size <= CHUNK_BYTES:
        return bytes(answer.bytes())
    chunks: list[bytes] = []
    try:
        for chunk in answer.stream(min_chunk_size=CHUNK_BYTES):
            chunks.append(bytes(chunk))
    except (BaseError, OSError) as error:
        if not chunks:
            raise
        _LOG.info("an answer broke off: %s", said(error))
    if not chunks:
        raise GenericError("an answer without a body")
    return b"".join(chunks)


def is_no_bucket(error: BaseException) -> bool:
    """Whether the whole bucket is missing, and not only an object."""
    return any(words in str(error) for words in NO_BUCKET)


def causes(error: BaseException | None) -> str:
    """What an error and those behind it say."""
    texts = []
    while error is not None:
        texts.append(str(error))
        error = error.__cause__
    return "\n".join(texts)


def is_full(error: BaseException) -> bool:
    """Whether a folder's disk is full."""
    return "os error 28" in str(error) or getattr(error, "errno", None) == 28


def said(error: BaseException) -> str:
    """The first line of an error, or its name."""
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
