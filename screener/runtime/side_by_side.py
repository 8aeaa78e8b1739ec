"""Applies one function to many items, several at once, with the results in order. Knows nothing of video."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
U = TypeVar("U")


def side_by_side(work: Callable[[T], U], items: Iterator[T], threads: int, prepare: Callable[[], None]) -> Generator[U, None, None]:
    """Yield `work(item)` for each item, in order; an error, also one in drawing an item, is raised in place of its result.

    threads: how many items are worked on at once; 1 runs in the caller's thread. At most that many items are drawn ahead of those asked
    for. prepare: called first in each thread that works.
    """
    if threads == 1:
        prepare()
        yield from map(work, items)
        return
    pool = ThreadPoolExecutor(threads, thread_name_prefix="side-by-side", initializer=prepare)
    under_way: deque[Future[U]] = deque()
    failures: list[Exception] = []

    def drawn() -> Iterator[T]:
        try:
            yield from items
        except Exception as error:
            failures.append(error)

    try:
        for item in drawn():
            under_way.append(pool.submit(work, item))
            if len(under_way) >= threads:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
        if failures:
            raise failures[0]
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
