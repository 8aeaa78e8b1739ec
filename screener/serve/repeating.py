"""Repeats what fails for a while, such as writing to a full disk. Knows nothing of what it repeats."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from typing import TypeVar, TypeVarTuple

_LOG = logging.getLogger(__name__)

AGAIN_SECONDS = 10.0
"""Seconds between two attempts."""

PASSING = (OSError, sqlite3.OperationalError)
"""Errors that may pass: the disk is full, cannot be read or is locked. Other errors of the ledger, such as damage, stay."""

Result = TypeVar("Result")
Given = TypeVarTuple("Given")


async def until_done(what: str, call: Callable[[*Given], Result], *given: *Given) -> Result:
    """The result of a call in a thread, repeated as long as it fails with an error that may pass. what: names it in the log."""
    while True:
        try:
            return await asyncio.to_thread(call, *given)
        except PASSING as error:
            _LOG.error("%s: %s; trying again in %g s", what, error, AGAIN_SECONDS)
            await asyncio.sleep(AGAIN_SECONDS)
