"""The shown outcome needs evidence and does not flicker."""

from __future__ import annotations

from typing import Any

import pytest
from builders import person

from screener.watching.steadiness import Steadiness, SteadyOutcome

RULES = Steadiness(threshold=0.6, margin=0.05, hold_seconds=2.0, min_seconds=1.0)


def undecided(p_fake: float | None, *reasons: str) -> Any:
    return person("undecided", p_fake, reasons=reasons or ("near_threshold",))


def shown(*steps: tuple[float, Any], evidence: float = 5.0) -> list[str]:
    steady = SteadyOutcome(RULES)
    return [steady.step(fresh, evidence, now).outcome for now, fresh in steps]


def test_nothing_is_said_on_too_short_evidence() -> None:
    steady = SteadyOutcome(RULES)
    verdict = steady.step(person("fake", 0.9), 0.9, 0.0)
    assert (verdict.outcome, verdict.p_fake, verdict.interval, verdict.reasons) == ("undecided", None, None, ("too_short",))
    assert steady.step(person("fake", 0.9), 1.0, 0.1).outcome == "fake"


def test_fake_takes_effect_at_once_also_from_genuine() -> None:
    assert shown((0.0, person("genuine", 0.1)), (0.1, person("fake", 0.9))) == ["genuine", "fake"]


def test_fake_stays_while_the_score_is_near_the_threshold() -> None:
    steps = [(0.0, person("fake", 0.7)), *((number, undecided(0.56)) for number in range(1, 20))]
    assert set(shown(*steps)) == {"fake"}


def test_fake_is_taken_back_only_after_a_while_below_the_edge() -> None:
    below = undecided(0.5)
    assert shown((0, person("fake", 0.7)), (1.0, below), (2.9, below), (3.0, below)) == ["fake", "fake", "fake", "undecided"]
    # A moment above the edge begins the wait anew.
    steps = ((0, person("fake", 0.7)), (1.0, below), (2.5, undecided(0.57)), (3.0, below), (4.9, below), (5.0, below))
    assert shown(*steps) == ["fake"] * 5 + ["undecided"]


def test_genuine_goes_at_once_and_comes_back_only_when_it_has_held() -> None:
    genuine, doubt = person("genuine", 0.3), undecided(0.45)
    assert shown((0, genuine), (1, doubt), (1.1, genuine), (3.0, genuine), (3.1, genuine)) == [
        "genuine", "undecided", "undecided", "undecided", "genuine",
    ]  # fmt: skip
    steps = [(number / 2, doubt if number % 3 == 2 else genuine) for number in range(30)]
    assert shown(*steps)[2:] == ["undecided"] * 28, "it does not flicker"


def test_the_shown_outcome_of_genuine_never_disagrees_with_the_score_beside_it() -> None:
    steady = SteadyOutcome(RULES)
    for number, fresh in enumerate(
        [person("genuine", 0.3), undecided(0.45), person("genuine", 0.3), undecided(0.5), person("genuine", 0.2)] * 5
    ):
        verdict = steady.step(fresh, 5.0, number * 1.5)
        assert verdict.outcome != "genuine" or fresh.outcome == "genuine"


@pytest.mark.parametrize("outcome", ["fake", "genuine"])
def test_an_outcome_without_a_number_is_no_outcome(outcome: str) -> None:
    steady = SteadyOutcome(RULES)
    assert steady.step(person(outcome, 0.7), 5.0, 0.0).outcome == outcome
    verdict = steady.step(undecided(None, "low_quality"), 0.0, 0.1)
    assert (verdict.outcome, verdict.p_fake, verdict.reasons) == ("undecided", None, ("low_quality", "too_short"))


def test_undecided_has_a_reason_and_outcomes_have_none() -> None:
    steady = SteadyOutcome(RULES)
    assert steady.step(undecided(0.5), 5.0, 0.0).reasons == ("near_threshold",)
    assert steady.step(person("fake", 0.9), 5.0, 0.1).reasons == ()
    held = steady.step(undecided(0.57), 5.0, 0.2)
    assert (held.outcome, held.reasons, held.p_fake) == ("fake", (), 0.57)
