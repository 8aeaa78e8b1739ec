"""Results in order from the requested number of threads, errors in their place, and no unneeded work."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from screener.runtime.side_by_side import side_by_side


def nothing() -> None:
    """To prepare."""


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_results_are_in_order(threads: int) -> None:
    assert list(side_by_side(lambda number: number * 2, iter(range(20)), threads, nothing)) == [number * 2 for number in range(20)]
    assert list(side_by_side(str, iter(()), threads, nothing)) == []


def test_work_is_done_at_once_in_threads_that_were_prepared() -> None:
    together, prepared = threading.Barrier(3, timeout=30), []

    def work(number: int) -> int:
        together.wait()  # passes only if three are worked on at once
        assert threading.current_thread() in prepared
        return number

    found = side_by_side(work, iter(range(6)), 3, lambda: prepared.append(threading.current_thread()))
    assert list(found) == list(range(6))
    assert len(prepared) == 3


def test_one_thread_is_the_callers() -> None:
    threads = list(side_by_side(lambda _: threading.current_thread(), iter(range(2)), 1, nothing))
    assert threads == [threading.current_thread()] * 2


@pytest.mark.parametrize("threads", [1, 3])
def test_an_error_comes_in_its_place(threads: int) -> None:
    found = []
    with pytest.raises(ZeroDivisionError):
        for value in side_by_side(lambda number: 1 / number, iter([2, 1, 0, 4]), threads, nothing):
            found.append(value)
    assert found == [0.5, 1.0]


@pytest.mark.parametrize("threads", [1, 3])
def test_an_error_in_drawing_comes_after_the_results_of_what_was_drawn(threads: int) -> None:
    def items() -> Iterator[int]:
        yield from range(5)
        raise OSError("the file ends here")

    found = []
    with pytest.raises(OSError, match="the file ends here"):
        for value in side_by_side(lambda number: number, items(), threads, nothing):
            found.append(value)
    assert found == list(range(5))


@pytest.mark.parametrize("threads", [1, 3])
def test_no_more_is_drawn_than_is_worked_on(threads: int) -> None:
    drawn = []

    def items() -> Iterator[int]:
        for number in range(100):
            drawn.append(number)
            yield number

    with closing(side_by_side(lambda number: number, items(), threads, nothing)) as found:
        assert next(found) == 0
    assert len(drawn) == threads
