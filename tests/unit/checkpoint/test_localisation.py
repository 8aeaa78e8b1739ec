"""The rule for showing a map, and that a checkpoint cannot claim more than its figures."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from screener.checkpoint import Checkpoint, Contract, Localisation, Measured, describe, localisation_of
from screener.checkpoint.json_fields import to_plain
from screener.errors import CheckpointError

from .conftest import make_contract

EARNED = Localisation(
    pictures=200,
    level=0.4,
    pixel_auc=Measured(0.9, 0.8, 0.95),
    overlap=Measured(0.6, 0.5, 0.7),
    fixed_overlap=Measured(0.5, 0.45, 0.55),
    gain=Measured(0.1, 0.05, 0.15),
    pointing=Measured(0.9, 0.85, 0.95),
    marked_on_reals=0.02,
)
"""All lower ends exactly where they must be."""


def contract_with(value: Any) -> Contract:
    return make_contract(figures={"localisation": value})


def test_the_lower_ends_decide() -> None:
    assert EARNED.earned
    assert not replace(EARNED, pixel_auc=Measured(0.9, 0.79, 0.95)).earned
    assert not replace(EARNED, overlap=Measured(0.6, 0.49, 0.7)).earned
    assert not replace(EARNED, gain=Measured(0.1, 0.04, 0.15)).earned


def test_an_auc_that_every_face_has_does_not_earn() -> None:
    """A map of the middle of the face: a high AUC and a fair overlap, and nothing gained."""
    fixed = replace(EARNED, pixel_auc=Measured(0.95, 0.94, 0.96), overlap=Measured(0.55, 0.52, 0.58), gain=Measured(0.0, -0.02, 0.02))
    assert not fixed.earned


def test_it_comes_back_from_a_contract() -> None:
    contract = Contract.from_dict(contract_with(to_plain(EARNED)).to_dict())
    assert localisation_of(contract.figures) == EARNED
    assert localisation_of({}) is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"earned": True}, "figures.localisation.'earned': unknown field"),
        ({"level": 1.0}, "figures.localisation.level: expected a share between 0 and 1, got 1.0"),
        ({"pictures": 0}, "figures.localisation.pictures: expected at least 1, got 0"),
        ({"overlap": {"value": 0.9, "low": 0.5, "high": 0.7}}, "figures.localisation.overlap.low, high: expected an interval around 0.9"),
        ({"gain": 0.5}, "figures.localisation.gain: expected an object"),
    ],
)
def test_unsound_claims_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(CheckpointError, match=message):
        contract_with({**to_plain(EARNED), **change})


def test_one_picture_is_enough_to_measure() -> None:
    assert replace(EARNED, pictures=1).pictures == 1


def test_only_an_earned_map_is_in_the_summary() -> None:
    shown = Checkpoint(contract_with(to_plain(EARNED)), {}, None, "ab" * 32).summary()["localisation"]
    assert shown == {"level": 0.4, "overlap": 0.6, "interval": [0.5, 0.7], "fixed_overlap": 0.5, "pictures": 200}
    unearned = replace(EARNED, gain=Measured(0.0, -0.1, 0.1))
    assert "localisation" not in Checkpoint(contract_with(to_plain(unearned)), {}, None, "ab" * 32).summary()
    assert "localisation" not in Checkpoint(make_contract(), {}, None, "ab" * 32).summary()


def test_the_description_says_whether_and_why() -> None:
    def row(contract: Contract) -> str:
        return dict(describe(Checkpoint(contract, {}, None, "ab" * 32)))["locator"]

    assert row(make_contract()) == "not shown in reports, for it was not measured"
    shown = row(contract_with(to_plain(EARNED)))
    assert shown.startswith("shown in reports: on 200 self-blended pictures it overlaps the blended region by 0.600 (0.500 to 0.700)")
    assert "pixel AUC 0.8, overlap 0.5" in shown
    assert row(contract_with(to_plain(replace(EARNED, gain=Measured(0, 0, 0))))).startswith("not shown in reports")
