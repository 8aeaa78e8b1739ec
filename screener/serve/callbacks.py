"""Callbacks: POST a finished scan to its callback URL, signed according to Standard Webhooks (https://www.standardwebhooks.com).

Pending messages are stored in the ledger together with the verdict, and retried for a day. Each connection goes to an address that passed
the check of all addresses of its host, and follows no redirect. Does not know HTTP servers.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from datetime import UTC, datetime

from standardwebhooks import Webhook

from screener.errors import SourceError
from screener.serve.ledger import Outbox, Scans
from screener.serve.ledger.outbox import Message
from screener.serve.metrics import Metrics
from screener.serve.repeating import until_done
from screener.serve.views import iso, view_of
from screener.video.masking import masked
from screener.video.remote.posting import post

_LOG = logging.getLogger(__name__)

PAUSES_SECONDS = (5.0, 30.0, 120.0, 600.0, 1800.0, 3600.0)
"""Seconds to wait after the first failed attempt, the second, and so on; the last value repeats."""

LASTS_SECONDS = 24 * 3600.0
"""Seconds after which a message is given up."""

TIMEOUT_SECONDS = 15.0
AT_ONCE = 4
_UNREADABLE = "the pending callbacks cannot be read"
GONE = 410
"""HTTP status 410: the receiver wants no more messages."""


class Callbacks:
    """Sends the messages that are due, several in parallel."""

    def __init__(self, outbox: Outbox, scans: Scans, metrics: Metrics, secret: str, allow_private: bool) -> None:
        self._outbox, self._scans, self._metrics, self._allow_private = outbox, scans, metrics, allow_private
        self._webhook = Webhook(secret)
        self._bell = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start sending."""
        self._task = asyncio.create_task(self._work())

    def ring(self) -> None:
        """Signal that a message is due."""
        self._bell.set()

    async def close(self) -> None:
        """Stop; unsent messages stay in the ledger."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _work(self) -> None:
        while True:
            self._bell.clear()
            due = await until_done(_UNREADABLE, self._outbox.due, AT_ONCE)
            if due:
                await asyncio.gather(*(self._deliver(message) for message in due))
                continue
            following = await until_done(_UNREADABLE, self._outbox.next_due)
            wait = 3600.0 if following is None else max(0.05, following - time.time())
            try:
                async with asyncio.timeout(wait):
                    await self._bell.wait()
            except TimeoutError:
                pass

    async def _deliver(self, message: Message) -> None:
        try:
            status, why = await asyncio.to_thread(self._attempt, message)
        except Exception as error:  # one message must not stop the others
            _LOG.exception("callback %s failed", message.message_id)
            status, why = 0, type(error).__name__
        delivered = 200 <= status < 300
        too_old = time.time() - message.created > LASTS_SECONDS
        self._metrics.callbacks.labels("delivered" if delivered else "given_up" if too_old or status == GONE else "failed").inc()
        if not delivered:
            _LOG.warning("callback to %s: %s", masked(message.url), why or f"answered {status}")
        # Repeated here, because a message whose delivery is not recorded would be sent again at once.
        unrecorded = f"callback {message.message_id}: its attempt cannot be recorded"
        if delivered or too_old or status == GONE:
            await until_done(unrecorded, self._outbox.remove, message.number)
        else:
            pause = PAUSES_SECONDS[min(message.attempts, len(PAUSES_SECONDS) - 1)]
            await until_done(unrecorded, self._outbox.postpone, message.number, time.time() + pause)

    def _attempt(self, message: Message) -> tuple[int, str]:
        """(HTTP status, "") or (0, error message). Runs in a thread."""
        scan = self._scans.find(message.scan_id)
        if scan is None:
            return GONE, "the scan was erased"
        body = json.dumps({"type": "scan.done", "timestamp": iso(scan.finished), "data": view_of(scan)})
        now = datetime.now(UTC)
        headers = {
            "Content-Type": "application/json",
            "webhook-id": message.message_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self._webhook.sign(message.message_id, now, body),
        }
        name = masked(message.url)
        try:
            return post(message.url, body.encode(), headers, name, self._allow_private, TIMEOUT_SECONDS), ""
        except SourceError as error:
            return 0, str(error)
