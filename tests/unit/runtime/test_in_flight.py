"""Results come in order, optionally one behind; an error comes in its place, and leaving stops all work."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from screener.runtime.in_flight import in_flight


def drawn(count: int, log: list[str], error: Exception | None = None) -> Iterator[int]:
    try:
        for number in range(count):
            log.append(f"begin {number}")
            yield number
        if error is not None:
            raise error
    finally:
        log.append("closed")


@pytest.mark.parametrize("count", [0, 1, 2, 5])
@pytest.mark.parametrize("behind", [0, 1, 3])
def test_all_come_in_order(count: int, behind: int) -> None:
    assert list(in_flight(drawn(count, []), behind)) == list(range(count))


@pytest.mark.parametrize(
    ("behind", "expected"),
    [
        (0, ["begin 0", "result 0", "begin 1", "result 1", "begin 2", "result 2", "closed"]),
        (1, ["begin 0", "begin 1", "result 0", "begin 2", "result 1", "closed", "result 2"]),
    ],
)
def test_the_next_is_begun_before_a_result_where_one_is_held(behind: int, expected: list[str]) -> None:
    log: list[str] = []
    for number in in_flight(drawn(3, log), behind):
        log.append(f"result {number}")
    assert log == expected


@pytest.mark.parametrize("behind", [0, 1])
def test_an_error_comes_after_what_was_begun_before_it(behind: int) -> None:
    given = []
    with pytest.raises(KeyError, match="drawing"):
        for number in in_flight(drawn(3, [], KeyError("drawing")), behind):
            given.append(number)
    assert given == [0, 1, 2]


def test_an_error_of_what_was_begun_is_the_one_that_is_raised() -> None:
    with pytest.raises(ValueError, match="result"):
        for _ in in_flight(drawn(1, [], KeyError("drawing")), 1):
            raise ValueError("result")


def test_whoever_leaves_draws_no_more() -> None:
    log: list[str] = []
    begun = drawn(9, log)
    results = in_flight(begun, 1)
    assert next(results) == 0
    results.close()  # type: ignore[attr-defined]
    begun.close()  # type: ignore[attr-defined]
    assert log == ["begin 0", "begin 1", "closed"]
