"""A watch step by step: no verdict from frames before an interruption, and every interruption is reported."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from builders import person, portrait

from screener.runtime import moments
from screener.watching import watch as watch_module
from screener.watching.judging_thread import Judge
from screener.watching.looking import Looker
from screener.watching.people import CROPS_KEPT

from .stage import Stage


@pytest.fixture
def stage(tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(tiny_checkpoint, monkeypatch)


def test_an_alarm_is_shown_in_the_update_that_tells_it(stage: Stage) -> None:
    stage.frame()
    stage.judged()
    update = stage.update()
    assert stage.told() == ["start", "alarm"]
    assert (update.state, update.outcome, [person.alarmed for person in update.people]) == ("live", "fake", [True])


def test_a_frame_that_waited_while_the_source_was_lost_is_not_believed(stage: Stage) -> None:
    """The judge is slow: when the source is lost, one of its frames still waits to be looked at."""
    stage.frame()
    stage.judged()
    stage.update()
    stage.frame()
    stage.lose()
    stage.update()
    stage.judged()
    stage.update()
    stage.connect()
    stage.frame(1.0)
    update = stage.update()
    assert (update.state, update.people, update.outcome) == ("live", (), "undecided")
    assert stage.told() == ["start", "alarm", "cleared lost", "lost", "reconnected"]
    stage.judged()
    assert [person.verdict.track_id for person in stage.update().people] == [2]


def test_a_frame_that_was_being_looked_at_when_the_source_was_lost_is_not_believed(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    look = Looker.look

    def lose_meanwhile(looker: Looker, frame: object) -> object:
        stage.lose()
        stage.update()
        return look(frame)  # type: ignore[call-arg, arg-type]

    stage.frame()
    stage.update()
    monkeypatch.setattr(Looker, "look", lose_meanwhile)
    stage.judged()
    stage.update()
    assert stage.told() == ["start", "lost"]


def test_a_machine_that_does_not_keep_up_withdraws_its_verdict(stage: Stage) -> None:
    """Frames come all the time, and the judge does not get past the first."""
    stage.frame()
    stage.judged()
    while stage.update().state == "live":
        stage.frame()
    update = stage.updates[-1]
    assert "too slow" in update.message
    assert (update.state, update.people, update.outcome) == ("stale", (), "undecided")
    assert update.seconds == pytest.approx(6.1, abs=0.15)
    stage.frame()
    assert stage.update().state == "stale", "frames alone are not enough"
    stage.frame()
    stage.judged()
    assert stage.update().state == "live"
    assert stage.told() == ["start", "alarm", "cleared stale", "stale", "reconnected", "alarm"]


def test_all_that_an_update_tells_bears_its_moment(stage: Stage) -> None:
    """A change is found out before what led to it is put into words, but told after it; and the clock goes on meanwhile."""
    readings = count()
    stage.watch._clock = lambda: stage.now + 0.001 * next(readings)
    stage.frame()
    stage.judged()
    stage.update()
    stage.now += 3.0
    update = stage.update()
    assert [event.kind for event in update.events] == ["cleared", "stale"]
    assert {(event.seconds, event.time) for event in update.events} == {(update.seconds, update.time)}


@pytest.mark.parametrize("connects", [True, False])
@pytest.mark.parametrize("judged_before_the_look", [True, False])
def test_an_interruption_between_two_looks_is_told(stage: Stage, connects: bool, judged_before_the_look: bool) -> None:
    """Whoever asks for updates may be slow. A silence is an interruption as a lost connection is."""
    stage.frame()
    stage.judged()
    stage.update()
    if connects:
        stage.connect()
    stage.frame(10.0)
    if judged_before_the_look:
        stage.judged()
    update = stage.update()
    cause = "lost" if connects else "stale"
    again = ["alarm"] if judged_before_the_look else []
    assert stage.told() == ["start", "alarm", f"cleared {cause}", cause, "reconnected", *again]
    assert (len(update.people), update.stats.segments) == (len(again), 1 + connects)
    stage.judged()
    stage.update()
    assert stage.told().count("alarm") == 2
    summary = stage.finish().events[-1].details
    assert (summary["outages"], summary["coverage"], summary["alarms"]) == (1, "partial", 2)


def test_what_is_said_after_an_interruption_waits_until_that_is_told(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next connection comes, and is judged, after the watch has looked at the feed and before it asks the judge."""
    stage.frame()
    stage.judged()
    stage.update()
    news = Judge.news

    def connect_meanwhile(judge: Judge, now: float, first: int) -> object:
        monkeypatch.setattr(Judge, "news", news)
        stage.connect()
        stage.frame(0.2)
        stage.judged()
        return news(judge, now, first)

    monkeypatch.setattr(Judge, "news", connect_meanwhile)
    assert stage.update().people == ()
    stage.update()
    assert stage.told() == ["start", "alarm", "cleared lost", "lost", "reconnected", "alarm"]


@pytest.mark.parametrize("looks_before_a_frame_comes", [True, False])
def test_time_in_which_the_machine_slept_is_an_interruption_of_that_length(stage: Stage, looks_before_a_frame_comes: bool) -> None:
    """The monotonic clock stood still, and the next frame comes as if nothing had been."""
    stage.frame()
    stage.judged()
    stage.update()
    stage.asleep_seconds = 3600.0
    if looks_before_a_frame_comes:
        assert stage.update().state == "stale"
    stage.frame()
    update = stage.update()
    assert (update.state, update.people) == ("live", ())
    assert stage.told()[2:] == ["cleared stale", "stale", "reconnected"]
    back = update.events[-1]
    assert (back.seconds, back.details["lost_seconds"]) == (pytest.approx(3600.2), pytest.approx(3600.1))


def test_after_a_sleep_all_times_of_the_watch_go_on_from_there(stage: Stage) -> None:
    for _ in range(2):
        stage.frame()
        stage.judged()
        stage.update()
    stage.asleep_seconds = 3600.0
    for _ in range(2):
        stage.frame()
        stage.judged()
        stage.update()
    stage.now += 0.1
    summary = stage.finish().events[-1]
    told = summary.details
    assert [update.seconds for update in stage.updates] == pytest.approx([0.0, 0.1, 0.2, 3600.3, 3600.4, 3600.5])
    assert [score.pts_seconds for score in stage.watch.scores] == pytest.approx([0.1, 0.2, 3600.3, 3600.4])
    assert [(one["first_seconds"], one["last_seconds"]) for one in told["people"]] == [(0.1, 3600.4)]
    assert (summary.seconds, told["watched_seconds"], told["timing_seconds"]["total"]) == pytest.approx((3600.5, 3600.5, 3600.5))
    assert (told["lost_seconds"], told["outages"], told["coverage"]) == (pytest.approx(3600.1), 1, "partial")
    assert told["detail"] == "no current picture for 3600.1 of 3600.5 seconds"


def test_a_picture_from_before_a_sleep_is_not_current_after_it(stage: Stage) -> None:
    """It lay in the pipe of the decoder while the machine slept."""
    stage.frame()
    stage.judged()
    stage.update()
    stage.asleep_seconds = 3600.0
    stage.frame(delay=3600.05)
    update = stage.update()
    assert (update.state, update.people) == ("stale", ())


def test_a_watch_is_over_when_its_time_has_passed_in_sleep(tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(tiny_checkpoint, monkeypatch, duration_seconds=60.0)
    stage.frame()
    assert stage.update().state == "live"
    stage.asleep_seconds = 3600.0
    assert [event.kind for event in stage.update().events] == ["stale", "summary"]


@pytest.mark.parametrize("step_seconds", [-7200.0, 7200.0])
def test_a_summary_says_when_the_watch_began_by_the_clock_of_that_moment(
    step_seconds: float, tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wall clock is set during the watch, and the machine sleeps."""
    start = datetime(2026, 11, 29, 2, 11, 3, 250_000, UTC)
    wall = SimpleNamespace(now=lambda zone=None: start if zone else start.astimezone())
    for module in (moments, watch_module):
        monkeypatch.setattr(module, "datetime", wall)
    stage = Stage(tiny_checkpoint, monkeypatch)
    start += timedelta(seconds=3600.0 + step_seconds)
    stage.asleep_seconds = 3600.0
    assert stage.finish().events[-1].details["scanned_at"] == "2026-11-29T02:11:03Z"


def test_a_picture_that_was_under_way_for_long_is_stale(stage: Stage) -> None:
    """As after the whole watch was stopped and continued: what lay in the pipe meanwhile is not new."""
    stage.frame()
    stage.judged()
    stage.update()
    stage.frame(3600.0, delay=3599.9)
    update = stage.update()
    assert (update.state, update.people) == ("stale", ())
    stage.frame()
    assert stage.update().state == "live"
    assert stage.told() == ["start", "alarm", "cleared stale", "stale", "reconnected"]


def test_numbers_rise_over_many_connections_and_each_alarm_is_taken_back_once(stage: Stage) -> None:
    for connection in range(10):
        stage.connect()
        for _ in range(3):
            stage.frame()
            stage.judged()
            stage.update()
        assert [person.verdict.track_id for person in stage.updates[-1].people] == [connection + 1]
        stage.lose()
        stage.update()
    assert stage.told() == ["start", *(["alarm", "cleared lost", "lost", "reconnected"] * 10)[:-1]]
    assert [person["track_id"] for person in stage.finish().events[-1].details["people"]] == list(range(1, 11))


def test_a_frozen_picture_is_no_current_one_from_its_beginning(stage: Stage) -> None:
    stage.frame()
    stage.judged()
    stage.update()
    for number in range(1, 31):
        stage.frame(unchanged=number / 10)
        stage.update()
    stage.frame()
    stage.update()
    assert stage.told() == ["start", "alarm", "cleared frozen", "stale", "reconnected"]
    assert stage.updates[-1].events[-1].details["lost_seconds"] == pytest.approx(3.1)


def test_the_end_of_a_source_brings_nothing_back(stage: Stage) -> None:
    """Its last picture was frozen, and the judge has not passed over it yet."""
    stage.frame()
    stage.judged()
    stage.update()
    stage.frame(unchanged=5.0)
    stage.update()
    stage.frame(unchanged=5.1)
    stage.feed._update(phase="ended", message="")
    assert stage.update().state == "frozen"
    stage.judged()
    assert stage.update().state == "ended"
    assert stage.told() == ["start", "alarm", "cleared frozen", "stale", "summary"]


def test_boxes_follow_the_picture_between_two_judgements(stage: Stage) -> None:
    def scene(left: int) -> np.ndarray:
        picture = np.full((180, 320, 3), 90, np.uint8)
        picture[20:140, left : left + 100] = cv2.resize(portrait(3), (100, 120))
        return picture

    stage.picture = scene(10)
    stage.frame()
    stage.judged()
    (found,) = stage.update().people
    stage.picture = scene(18)
    stage.frame()
    update = stage.update()
    (followed,) = update.people
    assert found.box_xyxy == pytest.approx([10, 20, 110, 140])
    assert followed.box_xyxy == pytest.approx([18, 20, 118, 140], abs=2.0)
    assert followed.verdict == found.verdict
    assert np.array_equal(update.picture_rgb, stage.picture)  # type: ignore[arg-type]


# The end of the watch.


def test_an_end_tells_what_has_happened_since_the_last_look(stage: Stage) -> None:
    stage.frame()
    stage.update()
    stage.frame()
    stage.judged()
    stage.lose()
    stage.now += 60.0
    update = stage.finish()
    assert [event.kind for event in update.events] == ["alarm", "cleared", "lost", "summary"]
    assert 0 < len(update.crops_rgb[1]) <= CROPS_KEPT
    summary = update.events[-1].details
    assert (summary["outages"], summary["coverage"], summary["lost_seconds"]) == (1, "partial", pytest.approx(60.1))


def test_a_look_that_ends_while_the_watch_is_closed_counts_everywhere(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.frame()
    stage.judged()
    stage.update()
    close = Judge.close

    def end_a_look(judge: Judge) -> None:
        stage.judged()
        close(judge)

    monkeypatch.setattr(Judge, "close", end_a_look)
    stage.frame()
    update = stage.finish()
    summary = update.events[-1].details
    assert summary["people"][0]["frames_judged"] == summary["video"]["frames_judged"] == update.stats.frames_judged == 2
    assert sum(len(update.scores) for update in stage.updates) == 2
    assert summary["frames_dropped"] == summary["video"]["frames_decoded"] - summary["video"]["frames_sampled"] == 0


def test_a_look_that_outlasts_the_watch_changes_nothing_any_more(stage: Stage) -> None:
    stage.frame()
    stage.judged()
    stage.frame()
    summary = stage.finish().events[-1].details
    stage.judged()
    assert len(stage.judge.chronicle._people[1].scores.rows()) == summary["people"][0]["frames_judged"] == 1
    assert stage.judge.news(stage.now, 1).counts.looked_at == summary["video"]["frames_sampled"] == 1


def test_a_fault_of_the_judge_is_no_result(stage: Stage) -> None:
    """Also where the source was lost before anyone could be told."""
    stage.frame()
    stage.judged()
    stage.judge._failure = RuntimeError("planted")
    stage.lose()
    with pytest.raises(RuntimeError, match="planted"):
        stage.finish()


@pytest.mark.parametrize("damaged", [0, 3])
def test_frames_that_came_damaged_are_counted_and_make_the_watch_partial(stage: Stage, damaged: int) -> None:
    stage.p_fake = 0.01
    for _ in range(3):
        stage.frame()
        stage.judged()
        stage.update()
    stage.feed._note_damage({"received": 3 + damaged, "damaged": damaged})
    stage.finish()
    verdict = stage.watch.verdict
    assert verdict is not None
    assert (verdict.video.decode_errors, verdict.video.frames_decoded) == (damaged, 3 + damaged)
    assert (verdict.coverage, verdict.reasons) == (("partial", ("corrupt",)) if damaged else ("complete", ()))
    assert verdict.outcome == ("undecided" if damaged else "genuine")
    assert ("3 frames came damaged" in verdict.detail) == bool(damaged)


def test_a_watch_that_someone_decided_who_is_no_longer_listed_has_their_score(stage: Stage) -> None:
    stage.p_fake = 0.01
    for _ in range(3):
        stage.frame()
        stage.judged()
        stage.update()
    stage.judge.chronicle._unlisted["fake", ()] = person("fake", 0.95, interval=(0.9, 0.97))
    stage.finish()
    verdict = stage.watch.verdict
    assert verdict is not None
    assert (verdict.outcome, verdict.p_fake, verdict.interval) == ("fake", 0.95, (0.9, 0.97))


def test_a_silence_in_which_every_frame_comes_damaged_says_so(stage: Stage) -> None:
    stage.frame()
    stage.judged()
    stage.update()
    stage.feed._note_damage({"received": 5, "damaged": 4})
    stage.now += 60.0
    update = stage.update()
    assert update.state == "stale" and update.message.startswith("every frame has come damaged for")


def test_a_watch_to_which_nothing_ever_came_says_why(stage: Stage) -> None:
    stage.feed._update(
        phase="lost", reason="not_found", message="cam: the server has no such file", retry_at=stage.now + 1, last_arrival=None
    )
    stage.now += 5
    stage.update()
    stage.finish()
    verdict = stage.watch.verdict
    assert verdict is not None
    assert (verdict.outcome, verdict.coverage, verdict.reasons) == ("undecided", "none", ("not_found",))
    assert verdict.detail.startswith("cam: the server has no such file; ")
