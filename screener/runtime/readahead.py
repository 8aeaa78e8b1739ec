"""Moves a generator into a thread of its own, with a bounded queue between: the consumer works while the producer decodes.

Knows nothing of video. The worker delivers its exception to the consumer, always ends its queue with a sentinel, and is never left blocked
on a full queue when the consumer stops.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import TypeVar

PATIENCE_SECONDS = 0.05
"""How often a blocked worker checks whether the consumer is still there."""

JOIN_SECONDS = 0.5

T = TypeVar("T")


@dataclass(frozen=True)
class _Failure:
    error: BaseException


_END = object()


def read_ahead(items: Iterator[T], size: int, stop: Callable[[], None] | None = None) -> Generator[T, None, None]:
    """Yield `items` in order, produced up to `size` ahead by a thread; its exception is raised here.

    size: at least 1. stop: called when the consumer leaves before the end, to unblock a producer that is waiting inside `items`.
    """
    waiting: queue.Queue[object] = queue.Queue(maxsize=size)
    left = threading.Event()

    def put(item: object) -> bool:
        while not left.is_set():
            try:
                waiting.put(item, timeout=PATIENCE_SECONDS)
                return True
            except queue.Full:
                continue
        return False

    def work() -> None:
        try:
            for item in items:
                if not put(item):
                    return
            put(_END)
        except BaseException as error:
            put(_Failure(error))
        finally:
            close = getattr(items, "close", None)  # a generator is closed in the thread that ran it
            if close is not None:
                close()

    worker = threading.Thread(target=work, name="read-ahead", daemon=True)
    worker.start()
    ended = False
    try:
        while True:
            item = waiting.get()
            ended = item is _END or isinstance(item, _Failure)
            if item is _END:
                return
            if isinstance(item, _Failure):
                raise item.error
            yield item  # type: ignore[misc]
    finally:
        left.set()
        # A worker that has reached its end may still be alive for a moment, but nothing blocks it.
        if not ended and stop is not None:
            stop()
        worker.join(JOIN_SECONDS)
