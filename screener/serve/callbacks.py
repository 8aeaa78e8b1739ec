"""Callbacks: POST a finished scan to its callback URL, signed according to Standard Webhooks (https://www.standardwebhooks.com).

Pending messages are stored in the ledger together with the verdict, and retried for a day. Each connection goes to an address that passed
the check of all addresses of its host, and follows no redirect. Does not know HTTP servers.
"""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import time
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, TypeVar, TypeVarTuple
from urllib.parse import urlsplit

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
AT_ONCE = 64
"""Most messages sent at a time, each by a thread."""

AT_ONCE_TO_ONE = 4
"""Most messages sent at a time to one receiver, so that others do not wait for a slow one."""

_UNREADABLE = "the pending callbacks cannot be read"
GONE = 410
"""HTTP status 410: the receiver wants no more messages."""

Result = TypeVar("Result")
Given = TypeVarTuple("Given")


class Callbacks:
    """Sends the messages that are due, several in parallel."""

    def __init__(self, outbox: Outbox, scans: Scans, metrics: Metrics, secret: str, allow_private: bool) -> None:
        self._outbox, self._scans, self._metrics, self._allow_private = outbox, scans, metrics, allow_private
        self._webhook = Webhook(secret)
        self._bell = asyncio.Event()
        self._at_work: dict[int, str] = {}
        """Number of each message that is being sent -> its receiver."""
        self._recorded: list[int] = []
        """Numbers of messages in `_at_work` whose attempt was recorded since the ledger was last read."""
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Start sending."""
        self._keep(self._work())

    def ring(self) -> None:
        """Signal that a message is due."""
        self._bell.set()

    async def close(self) -> None:
        """Stop; unsent messages stay in the ledger."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self) -> None:
        while True:
            self._bell.clear()
            # Only now: what was read before an attempt was recorded would name its message as due, and it would be sent again.
            for number in self._recorded:
                del self._at_work[number]
            self._recorded.clear()
            now = time.time()
            for message in await until_done(_UNREADABLE, self._outbox.due, now):
                self._begin(message)
            following = await until_done(_UNREADABLE, self._outbox.next_due, now)
            wait = 3600.0 if following is None else max(0.05, following - time.time())
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._bell.wait()

    def _begin(self, message: Message) -> None:
        """Send a message, unless it is being sent or has to wait for others."""
        receiver = urlsplit(message.url).netloc.rpartition("@")[2].lower()
        sent_to = list(self._at_work.values())
        if message.number not in self._at_work and len(sent_to) < AT_ONCE and sent_to.count(receiver) < AT_ONCE_TO_ONE:
            self._at_work[message.number] = receiver
            self._keep(self._deliver(message))

    async def _deliver(self, message: Message) -> None:
        try:
            status, why = await self._attempt(message)
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
        self._recorded.append(message.number)
        self.ring()

    async def _attempt(self, message: Message) -> tuple[int, str]:
        """(HTTP status, "") or (0, error message)."""
        letter = await asyncio.to_thread(self._letter, message)
        if letter is None:
            return GONE, "the scan was erased"
        body, headers = letter
        try:
            sent = message.url, body, headers, masked(message.url), self._allow_private, TIMEOUT_SECONDS
            return await _in_own_thread(post, *sent), ""
        except SourceError as error:
            return 0, str(error)

    def _letter(self, message: Message) -> tuple[bytes, Mapping[str, str]] | None:
        """Body and headers, None if the scan was erased."""
        scan = self._scans.find(message.scan_id)
        if scan is None:
            return None
        body = json.dumps({"type": "scan.done", "timestamp": iso(scan.finished), "data": view_of(scan)})
        now = datetime.now(UTC)
        return body.encode(), {
            "Content-Type": "application/json",
            "webhook-id": message.message_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self._webhook.sign(message.message_id, now, body),
        }


async def _in_own_thread(call: Callable[[*Given], Result], *given: *Given) -> Result:
    """The result of a call that may take long.

    `asyncio.to_thread` has a few threads for the whole server, and its end would wait for them.
    """
    loop = asyncio.get_running_loop()
    result: asyncio.Future[Result] = loop.create_future()

    def settle(set_it: Callable[[Any], None], value: Any) -> None:
        if not result.done():  # it was cancelled meanwhile
            set_it(value)

    def work() -> None:
        try:
            outcome: tuple[Callable[[Any], None], Any] = result.set_result, call(*given)
        except Exception as error:
            outcome = result.set_exception, error
        with suppress(RuntimeError):  # the server has ended, and with it the loop
            loop.call_soon_threadsafe(settle, *outcome)

    threading.Thread(target=work, name="callback", daemon=True).start()
    return await result
