"""Which frames are chosen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from screener.settings import ScanSettings
from screener.video.sampling import Pacer, Sampler, Sampling, centre_seconds, chosen_seconds

EVEN = np.arange(100) / 25


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (ScanSettings(), Sampling(32, None, False)),
        (ScanSettings(fps=2.0), Sampling(None, 2.0, False)),
        (ScanSettings(fps=2.0, all_frames=True), Sampling(None, None, True)),
    ],
)
def test_settings_in_order_of_priority(settings: ScanSettings, expected: Sampling) -> None:
    assert Sampling.from_settings(settings) == expected


def test_frames_are_those_on_screen_at_the_centres_of_equal_slices() -> None:
    assert chosen_seconds(EVEN, 4.0, Sampling(4, None, False)).tolist() == [0.48, 1.48, 2.48, 3.48]
    assert centre_seconds(4.0, 4).tolist() == [0.5, 1.5, 2.5, 3.5]


def test_fewer_frames_than_asked_for_gives_all() -> None:
    assert chosen_seconds(EVEN[:5], 0.2, Sampling(32, None, False)).tolist() == EVEN[:5].tolist()


def test_a_long_standing_picture_does_not_cost_samples() -> None:
    seconds = np.array([0.0, 0.04, 0.08, 0.12, 60.0, 60.04])
    assert chosen_seconds(seconds, 60.08, Sampling(4, None, False)).tolist() == [0.0, 0.08, 0.12, 60.04]


def test_fps_takes_the_frame_on_screen_at_each_tick() -> None:
    assert chosen_seconds(EVEN, 4.0, Sampling(None, 2.0, False)).tolist() == [0.0, 0.48, 1.0, 1.48, 2.0, 2.48, 3.0, 3.48]
    assert len(chosen_seconds(EVEN, 4.0, Sampling(None, 1000.0, False))) == 100


def test_a_wild_timestamp_does_not_cost_memory() -> None:
    assert chosen_seconds(np.array([0.0, 1e12]), 1e12 + 1, Sampling(None, 1e6, False)).tolist() == [0.0, 1e12]


@given(
    steps=st.lists(st.floats(0.001, 5), min_size=1, max_size=200),
    frames=st.integers(1, 64),
)
def test_as_many_as_asked_for_or_all_and_in_order(steps: list[float], frames: int) -> None:
    seconds = np.concatenate([[0.0], np.cumsum(steps)])
    chosen = chosen_seconds(seconds, float(seconds[-1]) + 0.04, Sampling(frames, None, False))
    assert len(chosen) == min(frames, len(seconds))
    assert np.all(np.diff(chosen) > 0)
    assert set(chosen) <= set(seconds)


def test_all_frames_are_all_frames() -> None:
    assert chosen_seconds(EVEN, 4.0, Sampling(None, None, True)).tolist() == EVEN.tolist()
    for sampling in (Sampling(4, None, False), Sampling(None, 2.0, False), Sampling(None, None, True)):
        assert chosen_seconds(EVEN[:0], 4.0, sampling).tolist() == []


@pytest.mark.parametrize("late_seconds", [9e-7, -9e-7])
def test_a_millionth_of_a_second_is_no_difference(late_seconds: float) -> None:
    """Containers round times: a frame that should come on screen at the centre of a slice is the one that is shown there."""
    moments = centre_seconds(4.0, 4)
    arriving = np.sort(np.concatenate([[0.0], moments + late_seconds, moments + 0.2]))
    assert chosen_seconds(arriving, 4.0, Sampling(4, None, False)).tolist() == (moments + late_seconds).tolist()
    selector = Sampler(moments)
    assert [t for t in arriving if selector.wants(t)] == (moments + late_seconds).tolist()


def test_the_first_frame_stands_for_a_moment_before_it() -> None:
    assert chosen_seconds(np.array([0.9, 1.0]), 1.1, Sampling(1, None, False)).tolist() == [0.9]


def test_a_frame_is_taken_by_a_pacer_if_it_is_still_on_screen_at_the_tick() -> None:
    """To a millionth of a second: a frame of a quarter that comes at 0.75 has left the screen at 1.0."""
    next_tick, this_tick = [0.0, 1.0, 2.0], [0.0, 0.75, 1.75]
    for frame_seconds, expected in ((0.2, next_tick), (0.25, next_tick), (0.2500009, next_tick), (0.2500011, this_tick), (0.3, this_tick)):
        pacer = Pacer(1.0, frame_seconds=frame_seconds)
        assert [t for t in np.arange(9) / 4 if pacer.wants(t)] == expected, frame_seconds


def test_selector_lets_the_next_frame_stand_in_for_a_lost_one() -> None:
    selector = Sampler(np.array([0.0, 0.4, 0.8]))
    arriving = [0.0, 0.2, 0.48, 0.6, 0.8, 1.0]
    assert [t for t in arriving if selector.wants(t)] == [0.0, 0.48, 0.8]


def test_selector_without_targets_takes_everything() -> None:
    selector = Sampler(None)
    assert all(selector.wants(t) for t in (0.0, 0.1, 0.2))


def test_pacer_keeps_a_rate_without_catching_up_after_a_pause() -> None:
    pacer = Pacer(2.0)
    arriving = [0.0, 0.25, 0.5, 0.75, 3.0, 3.1, 3.5]
    assert [t for t in arriving if pacer.wants(t)] == [0.0, 0.5, 3.0, 3.5]


def test_pacer_at_a_phase_agrees_with_the_choice_from_a_whole_timeline() -> None:
    pacer = Pacer(4 / 4.0, phase=0.5, frame_seconds=0.04)
    assert [t for t in EVEN if pacer.wants(t)] == chosen_seconds(EVEN, 4.0, Sampling(4, None, False)).tolist()
