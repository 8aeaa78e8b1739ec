"""Measured error rates of verdicts in a contract's figures."""

from __future__ import annotations

import pytest

from screener.checkpoint import Rates, rates_of
from screener.errors import CheckpointError

from .conftest import make_contract

MEASURED = {"fpr": 0.05, "reals": 114, "reals_called_fake": 5, "fakes": 41, "fakes_found": 9}


def test_the_rates_of_an_operating_point() -> None:
    figures = {"rates": [{**MEASURED, "fpr": 0.01}, MEASURED]}
    assert rates_of(figures, 0.05) == Rates(0.05, 114, 5, 41, 9)
    assert rates_of(figures, 0.1) is None
    assert rates_of({}, 0.05) is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"fakes_found": 42}, "fakes_found: expected a count from 0 to 41, got 42"),
        ({"reals_called_fake": -1}, "reals_called_fake: expected a count from 0 to 114, got -1"),
        ({"reals_called_fake": 115}, "reals_called_fake: expected a count from 0 to 114, got 115"),
        ({"fakes_found": -1}, "fakes_found: expected a count from 0 to 41, got -1"),
        ({"reals": "many"}, "reals: expected a whole number, got 'many'"),
    ],
)
def test_rates_that_cannot_be_are_refused(change: dict[str, object], words: str) -> None:
    with pytest.raises(CheckpointError, match=rf"^figures\.rates\[0\]\.{words}$"):
        rates_of({"rates": [{**MEASURED, **change}]}, 0.05)


@pytest.mark.parametrize("share", [0, 1])
def test_none_and_all_are_possible_counts(share: int) -> None:
    rates = Rates(0.05, 114, 114 * share, 41, 41 * share)
    assert (rates.reals_called_fake, rates.fakes_found) == (114 * share, 41 * share)


def test_a_contract_with_impossible_rates_is_refused() -> None:
    """Else it verifies, and the first scan ends with them."""
    with pytest.raises(CheckpointError, match=r"figures.rates\[0\].fakes_found: expected a count from 0 to 41, got 42"):
        make_contract(figures={"rates": [{**MEASURED, "fakes_found": 42}]})
