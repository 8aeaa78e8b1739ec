"""Callbacks: POST a finished scan to its callback URL, signed according to Standard Webhooks (https://www.standardwebhooks.com).

Pending messages are stored in the ledger together with the verdict, and retried for a day. Each connection goes to an address that passed
the check of all addresses of its host, and follows no redirect. Does not know HTTP servers.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, TypeVar, TypeVarTuple

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
        self._taken: set[int] = set()
        """Numbers of the messages that were read from the ledger, and that wait or are being sent."""
        self._recorded: list[int] = []
        """Numbers of messages in `_taken` whose attempt was recorded since the ledger was last read."""
        self._waiting: dict[str, deque[Message]] = {}
        """Receiver -> its messages that are due and not being sent."""
        self._at_work: Counter[str] = Counter()
        """Receiver -> number of messages that are being sent to it."""
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
            self._taken.difference_update(self._recorded)
            self._recorded.clear()
            now = time.time()
            for message in await until_done(_UNREADABLE, self._outbox.due, now, self._taken):
                self._taken.add(message.number)
                self._waiting.setdefault(_receiver_of(message.url), deque()).append(message)
            self._begin()
            following = await until_done(_UNREADABLE, self._outbox.next_due, now)
            wait = 3600.0 if following is None else max(0.05, following - time.time())
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._bell.wait()

    def _begin(self) -> None:
        """Send as many of the waiting messages as may be sent at a time."""
        for receiver in list(self._waiting):
            free = min(AT_ONCE_TO_ONE - self._at_work[receiver], AT_ONCE - self._at_work.total())
            if free <= 0:
                continue
            waiting = self._waiting.pop(receiver)
            for _ in range(min(free, len(waiting))):
                self._at_work[receiver] += 1
                self._keep(self._deliver(waiting.popleft(), receiver))
            if waiting:
                self._waiting[receiver] = waiting  # behind the others, whose turn is next

    async def _deliver(self, message: Message, receiver: str) -> None:
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
        self._at_work -= Counter([receiver])  # drops those that are at zero
        self._begin()
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


def _receiver_of(url: str) -> str:
    """Host and port of an address, as they are written in it."""
    return re.split(r"[/?#]", url.partition("://")[2], maxsplit=1)[0].rpartition("@")[2].lower()


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
