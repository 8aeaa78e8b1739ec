"""The annotated picture: boxes and labels in the right places, and no people under a banner."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from builders import portrait
from live_updates import seen, update

from screener.annotation.people import COLOURS, text_px
from screener.watching.drawing import PLAIN_SIZE_WH, STATE_COLOURS, annotated
from screener.watching.records import STATES, LivePerson

GREY = np.full((360, 640, 3), 128, np.uint8)


def marked(colour: tuple[int, int, int], picture: np.ndarray) -> np.ndarray:
    """(H, W) bool: the pixels of exactly this colour."""
    return np.asarray((picture == np.array(colour, np.uint8)).all(axis=2))


def placed(outcome: str, box_xyxy: tuple[float, ...] = (200, 150, 300, 280), track_id: int = 1) -> LivePerson:
    return seen(track_id, outcome, 0.5, box_xyxy, reasons=("near_threshold",) if outcome == "undecided" else ())


@pytest.mark.parametrize("outcome", COLOURS)
def test_a_box_and_its_label_are_drawn_at_the_face(outcome: str) -> None:
    found = marked(COLOURS[outcome], annotated(update("live", placed(outcome), picture_rgb=GREY)))
    found[:24] = False  # the status bar
    rows, columns = np.nonzero(found)
    assert rows.min() >= 150 - 60
    assert rows.max() == pytest.approx(280, abs=8)
    assert columns.min() == pytest.approx(200, abs=10)
    # The plate of the label is filled, above the box; the inside of the box is left alone.
    assert found[110:145, 205:260].mean() > 0.3
    assert not found[170:260, 220:280].any()


def test_outcomes_differ_without_colour() -> None:
    """Along the middle of a side of the box: a fake face has two lines, a genuine one has one, an undecided one has none."""
    lines = {}
    for outcome in COLOURS:
        found = marked(COLOURS[outcome], annotated(update("live", placed(outcome), picture_rgb=GREY)))
        row = found[215, 180:240].astype(int)
        lines[outcome] = int((np.diff(row) == 1).sum())
    assert lines == {"fake": 2, "genuine": 1, "undecided": 0}


def test_labels_keep_out_of_each_others_way() -> None:
    people = [placed("fake", (200 + 12 * i, 150, 260 + 12 * i, 230), i) for i in range(4)]
    found = marked(COLOURS["fake"], annotated(update("live", *people, picture_rgb=GREY)))
    alone = marked(COLOURS["fake"], annotated(update("live", people[0], picture_rgb=GREY)))
    plate = alone[:145].sum()
    assert found[:145].sum() + found[240:].sum() > 3 * plate, "four plates, none on top of another"


@pytest.mark.parametrize(
    "box_xyxy",
    [(-50, -40, 80, 60), (600, 300, 700, 400), (0, 0, 640, 360), (-1e9, -1e9, 1e9, 1e9), (900, 900, 950, 950)],
)
def test_a_box_beyond_the_edge_still_has_its_label(box_xyxy: tuple[float, ...]) -> None:
    drawn = annotated(update("live", placed("fake", box_xyxy), picture_rgb=GREY))
    assert drawn.shape == GREY.shape
    assert marked(COLOURS["fake"], drawn).sum() > 500


def test_whoever_is_out_of_sight_has_no_box() -> None:
    drawn = annotated(update("live", replace(placed("fake"), box_xyxy=None), picture_rgb=GREY))
    assert not marked(COLOURS["fake"], drawn).any()


@pytest.mark.parametrize("state", [state for state in STATES if state != "live"])
@pytest.mark.parametrize("size_wh", [(320, 240), (1280, 720)])
def test_without_a_live_picture_there_is_a_banner_and_no_person(state: str, size_wh: tuple[int, int]) -> None:
    picture = np.resize(portrait(1, 64), (size_wh[1], size_wh[0], 3))
    people = [placed(outcome, (20, 30, 80, 100), i) for i, outcome in enumerate(COLOURS)]
    drawn = annotated(update(state, *people, picture_rgb=picture, message="no new frame for 2.4 s", retry_seconds=3.0))
    without = annotated(update(state, picture_rgb=picture, message="no new frame for 2.4 s", retry_seconds=3.0))
    assert np.array_equal(drawn, without), "people make no difference"
    assert marked(STATE_COLOURS[state], drawn).mean() > 0.12, "the band is a good part of the picture"
    rest = drawn[-size_wh[1] // 6 :]
    assert rest.max() <= 80, "what is left of the old picture is dark"
    assert (rest[..., 0] == rest[..., 1]).all(), "and grey"


def test_the_banner_says_why() -> None:
    one, other = (annotated(update("lost", picture_rgb=GREY, message=words)) for words in ("refused", "reset by peer"))
    assert not np.array_equal(one, other)
    retry = annotated(update("lost", picture_rgb=GREY, message="refused", retry_seconds=4.0))
    assert not np.array_equal(one, retry)


@pytest.mark.parametrize("size_wh", [(1, 1), (3, 200), (160, 120), (320, 240), (405, 720), (3840, 2160)])
@pytest.mark.parametrize("state", STATES)
def test_every_size_can_be_drawn_on(size_wh: tuple[int, int], state: str) -> None:
    picture = np.zeros((size_wh[1], size_wh[0], 3), np.uint8)
    drawn = annotated(update(state, placed("fake", (1, 1, 60, 80)), picture_rgb=picture, message="w" * 500))
    assert drawn.shape == picture.shape
    assert drawn.dtype == np.uint8


def test_the_frame_itself_is_left_as_it_was() -> None:
    frame = GREY.copy()
    frame.flags.writeable = False
    annotated(update("live", placed("fake"), picture_rgb=frame))
    annotated(update("stale", placed("fake"), picture_rgb=frame))
    assert np.array_equal(frame, GREY)


def test_without_a_frame_there_is_a_plain_picture() -> None:
    assert annotated(update("opening")).shape == (PLAIN_SIZE_WH[1], PLAIN_SIZE_WH[0], 3)
    assert annotated(update("live", placed("fake"))).shape == (PLAIN_SIZE_WH[1], PLAIN_SIZE_WH[0], 3)


def test_text_grows_with_the_picture_and_stays_readable() -> None:
    assert text_px((320, 240)) == text_px((64, 48)) == 11
    assert text_px((1280, 720)) == 24
    assert text_px((3840, 2160)) == 72
    assert text_px((405, 720)) < text_px((1280, 720))
