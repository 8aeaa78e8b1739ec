"""People in the rolling window: the same verdict as a scan of those frames, and their events."""

from __future__ import annotations

import numpy as np
import pytest
from builders import limits, sighting

from screener.settings import LiveSettings
from screener.verdict.judging import judge_person
from screener.watching.people import CROPS_KEPT, Happening, People
from screener.watching.records import LivePerson

from .sights import sight

LIMITS = limits()


def people(**changes: float) -> People:
    return People(LIMITS, LiveSettings(**{"window_seconds": 5.0, "hold_seconds": 1.0, **changes}))  # type: ignore[arg-type]


def watch(watched: People, scores: dict[float, float | None]) -> tuple[tuple[LivePerson, ...], list[Happening]]:
    happened: list[Happening] = []
    found: tuple[LivePerson, ...] = ()
    for seconds, p_fake in scores.items():
        found, more = watched.see(seconds, [sight(seconds, p_fake)])
        happened += more
    return found, happened


def every(seconds: float, start: float, stop: float, p_fake: float | None) -> dict[float, float | None]:
    return {float(moment): p_fake for moment in np.arange(start, stop, seconds)}


def kinds(happened: list[Happening]) -> list[tuple[str, str, str]]:
    return [(one.kind, one.verdict.outcome, one.cause) for one in happened]


def test_the_verdict_is_that_of_a_scan_of_the_window() -> None:
    rng = np.random.default_rng(0)
    moments = [number / 4 for number in range(60)]
    scores = {moment: float(rng.uniform(0.7, 0.95)) for moment in moments}
    ((found,), _) = watch(people(), dict(scores))
    within = [moment for moment in moments if moment >= moments[-1] - 5.0]
    kept = [one.score for moment in within if (one := sight(moment, scores[moment])).score is not None]
    seen = sighting(len(within), first_seconds=0.0, last_seconds=moments[-1])
    assert found.verdict == judge_person(seen, kept, LIMITS, is_still=False)


def test_first_undecided_then_an_alarm_with_its_crops_then_cleared() -> None:
    scores = {**every(0.25, 0, 4, 0.9), **every(0.25, 4, 14, 0.1)}
    (found,), happened = watch(people(), scores)
    assert kinds(happened) == [
        ("person", "undecided", ""),
        ("alarm", "fake", ""),
        ("cleared", "undecided", "doubted"),
        ("person", "genuine", ""),
    ]
    assert happened[0].verdict.reasons == ("too_short",)
    alarm = happened[1]
    assert alarm.verdict.last_seconds >= 1.0
    assert 0 < len(alarm.crops_rgb) <= CROPS_KEPT
    assert not found.alarmed


def test_someone_out_of_sight_stays_for_the_window_and_then_is_gone() -> None:
    watched = people()
    watch(watched, every(0.25, 0, 3, 0.9))
    (found,), happened = watched.see(4.0, [])
    assert (found.box_xyxy, found.alarmed, happened) == (None, True, [])
    found_later, happened = watched.see(9.0, [])
    assert found_later == ()
    assert kinds(happened) == [("cleared", "undecided", "gone")]
    assert happened[0].verdict.p_fake is None


def test_an_interruption_takes_everything_back() -> None:
    watched = people()
    watch(watched, every(0.25, 0, 3, 0.9))
    (happening,) = watched.clear("stale")
    assert (happening.kind, happening.cause, happening.verdict.outcome, happening.verdict.reasons) == (
        "cleared", "stale", "undecided", ("stream_lost",),
    )  # fmt: skip
    (found,), happened = watched.see(3.5, [sight(3.5, 0.9)])
    assert (found.verdict.outcome, found.verdict.p_fake, found.verdict.frames_judged) == ("undecided", None, 1)
    assert kinds(happened) == [("person", "undecided", "")]
    assert watched.clear("lost") == []


def test_a_face_that_is_too_small_has_its_reason() -> None:
    (found,), _ = watch(people(), every(0.25, 0, 3, None))
    assert (found.verdict.outcome, found.verdict.p_fake, found.verdict.reasons[0]) == ("undecided", None, "too_small")


def test_history_has_a_point_a_second_of_the_last_minute() -> None:
    (found,), _ = watch(people(), every(0.25, 0, 100, 0.2))
    assert found.history.shape[0] in (60, 61)
    assert np.diff(found.history[:, 0]) == pytest.approx(1.0)
    assert found.history[-1, 0] > 98


def test_memory_is_that_of_the_window() -> None:
    watched = people()
    watch(watched, every(0.25, 0, 300, 0.2))
    (person,) = watched._people.values()
    assert len(person.glances) == 21
    assert len(person._telling) <= CROPS_KEPT
    assert watched.frames_looked_at == 21
