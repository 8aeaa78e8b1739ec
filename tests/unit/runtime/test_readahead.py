"""The thread behind `read_ahead`: order, errors, and no deadlock."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import nullcontext

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from screener.runtime.readahead import read_ahead

PATIENCE_SECONDS = 1.0
"""How long a worker may take to notice that its consumer is gone; a bound on waiting, not a measurement."""


def workers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "read-ahead"]


def wait_for_workers() -> bool:
    for thread in workers():
        thread.join(PATIENCE_SECONDS)
    return not workers()


@settings(max_examples=25)
@given(st.lists(st.integers() | st.none(), max_size=30), st.integers(1, 5))
def test_everything_comes_in_order_and_the_thread_ends(items: list[int | None], size: int) -> None:
    assert list(read_ahead(iter(items), size)) == items
    assert wait_for_workers()


def test_the_producer_runs_in_another_thread_and_no_further_ahead_than_asked() -> None:
    made: list[int] = []
    threads = set()
    allowed = threading.Semaphore(0)

    def numbers() -> Iterator[int]:
        for n in range(20):
            made.append(n)
            threads.add(threading.get_ident())
            yield n
            allowed.release()

    items = read_ahead(numbers(), 2)
    assert next(items) == 0
    # Two wait in the queue; the producer may have begun the one that finds no room, and no more.
    for _ in range(2):
        assert allowed.acquire(timeout=PATIENCE_SECONDS)
    allowed.acquire(timeout=0.2)
    assert len(made) <= 4
    assert list(items) == list(range(1, 20))
    assert threading.get_ident() not in threads


@pytest.mark.parametrize("error", [ValueError("broken"), OSError("broken"), KeyboardInterrupt()], ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("before", [0, 1, 7])
def test_an_exception_arrives_after_what_came_before_it(error: BaseException, before: int) -> None:
    def failing() -> Iterator[int]:
        yield from range(before)
        raise error

    items = read_ahead(failing(), 2)
    assert [next(items) for _ in range(before)] == list(range(before))
    with pytest.raises(type(error)) as caught:
        next(items)
    assert caught.value is error
    assert wait_for_workers()


@pytest.mark.parametrize("taken", [1, 5])
def test_a_consumer_that_leaves_frees_a_worker_blocked_on_a_full_queue(taken: int) -> None:
    def endless() -> Iterator[int]:
        n = 0
        while True:
            yield n
            n += 1

    items = read_ahead(endless(), 1)
    assert [next(items) for _ in range(taken)] == list(range(taken))
    items.close()
    assert wait_for_workers()


def test_a_consumer_that_raises_frees_the_worker_too() -> None:
    with pytest.raises(ZeroDivisionError):
        for n in read_ahead(iter(range(1000)), 1):
            n / 0
    assert wait_for_workers()


def test_leaving_unblocks_a_producer_that_waits_inside() -> None:
    unblocked = threading.Event()

    def waiting() -> Iterator[int]:
        yield 1
        unblocked.wait()

    items = read_ahead(waiting(), 3, stop=unblocked.set)
    assert next(items) == 1
    items.close()
    assert unblocked.is_set()
    assert wait_for_workers()


def test_leaving_returns_although_a_producer_cannot_be_stopped() -> None:
    stuck, returned = threading.Event(), threading.Event()

    def deaf() -> Iterator[int]:
        yield 1
        stuck.wait()

    def consume() -> None:
        items = read_ahead(deaf(), 3)
        next(items)
        items.close()
        returned.set()

    threading.Thread(target=consume, daemon=True).start()
    assert returned.wait(2 * PATIENCE_SECONDS)
    stuck.set()
    assert wait_for_workers()


@pytest.mark.parametrize("fails", [False, True])
def test_stop_is_not_called_when_the_producer_came_to_its_end(fails: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """`stop` closes the reader: after a whole pass, a race with whatever is read from it next. The thread may still be ending then."""
    monkeypatch.setattr(threading.Thread, "is_alive", lambda thread: True)
    stopped: list[bool] = []

    def items() -> Iterator[int]:
        yield 1
        if fails:
            raise ValueError

    with pytest.raises(ValueError) if fails else nullcontext():
        for _item in read_ahead(items(), 2, stop=lambda: stopped.append(True)):
            pass
    assert stopped == []


def test_nothing_starts_before_the_first_item_is_asked_for() -> None:
    items = read_ahead(iter([1]), 1)
    assert not workers()
    items.close()
    assert not workers()
