"""What is fitted, refused and left out, and that the contract records it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from builders import tiny_contract
from scipy.special import expit

from screener.checkpoint import Calibration, Contract
from screener.datasets import LabelledItem
from screener.errors import DatasetError, SettingsError
from screener.evaluation.recalibration import CalibrateSettings, held_out_error, of_split, recalibrate, recalibrated, valid_range
from screener.evaluation.videos import VideoScore


def item(name: str, label: int, method: str = "", split: str = "") -> LabelledItem:
    return LabelledItem(Path(name), name, label, name, split, method)


def video(number: int, label: int, logit: float, method: str = "", frames: int = 1) -> VideoScore:
    found = item(f"{number}.mp4", label, method or ("Wav2Lip" if label else "camera"))
    logits = np.full(frames, logit)
    return VideoScore(found, "undecided", "complete", logits, np.full(frames, 100.0 + number), np.full(frames, 50.0 + number))


def videos(reals: int, fakes: int, temperature: float = 1.0, bias: float = 0.0, seed: int = 0) -> list[VideoScore]:
    """Log-odds of two normals of variance 3 that lie 3 apart are the value itself; scaled and shifted as a network would."""
    rng = np.random.default_rng(seed)
    labels = np.repeat([0, 1], [reals, fakes])
    log_odds = rng.normal(3 * (labels - 0.5), np.sqrt(3))
    return [video(i, int(y), (float(x) - bias) * temperature) for i, (y, x) in enumerate(zip(labels, log_odds, strict=True))]


def test_one_per_cent_is_not_promised_from_forty_videos() -> None:
    found = recalibrate(videos(40, 30), Calibration(), "mean", CalibrateSettings())
    assert [point.fpr for point in found.operating_points] == [0.05, 0.10]
    assert {point.real_videos for point in found.operating_points} == {40}
    assert list(found.refused) == [0.01]
    assert "40 real videos cannot promise a false-positive rate of 0.01; at least 100 are needed" in found.refused[0.01]


def test_a_hundred_real_videos_promise_one_per_cent_and_keep_it() -> None:
    scores = videos(100, 40)
    found = recalibrate(scores, Calibration(), "mean", CalibrateSettings())
    assert not found.refused
    p_fake = expit(np.array([s.logits[0] for s in scores[:100]]) / found.calibration.temperature + found.calibration.bias)
    for point in found.operating_points:
        assert (p_fake >= point.threshold).mean() <= point.fpr + 1e-9
        assert (p_fake >= point.threshold).sum() == round(100 * point.fpr)


def test_nothing_to_promise_is_an_error() -> None:
    with pytest.raises(DatasetError, match=r"no operating point can be promised: 9 real videos .*at least 100.*at least 20.*at least 10"):
        recalibrate(videos(9, 9), Calibration(), "mean", CalibrateSettings())


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_is_an_error(label: int) -> None:
    with pytest.raises(DatasetError, match="real and fake videos"):
        recalibrate([video(i, label, float(i)) for i in range(30)], Calibration(), "mean", CalibrateSettings())


def test_known_temperature_and_bias_are_found_and_better_than_none() -> None:
    scores = videos(300, 300, temperature=4.0, bias=-0.6)
    found = recalibrate(scores, Calibration(), "mean", CalibrateSettings())
    assert found.calibration.temperature == pytest.approx(4.0, rel=0.2)
    assert found.calibration.bias == pytest.approx(-0.6, abs=0.3)
    before, after = found.held_out.before, found.held_out.after
    assert len(before) == len(after) == 20
    assert np.mean(after) < 0.08 < np.mean(before)


def test_the_held_out_error_of_what_is_already_right_stays_small() -> None:
    found = held_out_error(videos(300, 300, temperature=2.0), Calibration(2.0, 0.0), "mean")
    assert np.mean(found.before) < 0.08 and np.mean(found.after) < 0.08
    assert found.to_dict()["divisions"] == 20


def test_too_few_videos_for_halves_is_said() -> None:
    found = held_out_error(videos(15, 15), Calibration(), "mean")
    assert found.to_dict() == {"divisions": 0, "note": "takes at least 10 real and 10 fake scored videos in each half of the groups"}


def test_whole_generated_faces_are_left_out_unless_all_are_asked_for() -> None:
    scores = [*videos(40, 30), *(video(100 + i, 1, -3.0, "VASA-1") for i in range(12))]
    blending = recalibrate(scores, Calibration(), "mean", CalibrateSettings())
    assert (blending.real_videos, blending.fake_videos, blending.left_out) == (40, 30, {"VASA-1": 12})
    everything = recalibrate(scores, Calibration(), "mean", CalibrateSettings(families="all"))
    assert (everything.fake_videos, everything.left_out) == (42, {})
    assert everything.calibration != blending.calibration


def test_fakes_without_a_method_are_fitted_to() -> None:
    scores = [video(i, i % 2, 2.0 * (i % 2) + i / 100, method="photograph" if i % 2 == 0 else " ") for i in range(80)]
    assert recalibrate(scores, Calibration(), "mean", CalibrateSettings()).fake_videos == 40


def test_videos_without_a_score_are_counted_and_named() -> None:
    scores = videos(40, 30)
    empty = VideoScore(item("dark.mp4", 0), "undecided", "complete", np.zeros(0), np.zeros(0), np.zeros(0))
    found = recalibrate([*scores, empty], Calibration(), "mean", CalibrateSettings())
    assert (found.real_videos, found.not_scored) == (40, ("dark.mp4",))


def test_valid_ranges_leave_room_around_what_was_seen() -> None:
    found = valid_range([video(i, 0, 0.0, frames=8) for i in range(1, 11)])
    assert found["face_px"] == (40.0, 220.0)
    assert found["sharpness"] == (25.5, 241.0)
    small = VideoScore(item("a", 0), "undecided", "complete", np.zeros(1), np.array([12.0]), np.array([0.0]))
    tiny = valid_range([small])
    assert tiny["face_px"] == (40.0, 80.0) and tiny["sharpness"][0] < tiny["sharpness"][1]


def test_the_contract_carries_what_was_found_and_keeps_the_rest() -> None:
    before = tiny_contract(figures={"training_pictures": {"a": 1}}, valid_range={"face_px": (10.0, 20.0)})
    found = recalibrate(videos(40, 30), before.calibration, before.pooling, CalibrateSettings())
    after = Contract.from_dict(recalibrated(before, found, "clips", "ab" * 32).to_dict())
    assert after.calibration == found.calibration
    assert after.operating_points == found.operating_points
    assert after.valid_range == found.valid_range
    assert after.figures["training_pictures"] == {"a": 1}
    record = after.figures["calibration"]
    assert (record["data"], record["scanned_with"], record["refused"]) == ("clips", "ab" * 32, [0.01])
    assert (after.name, after.preprocessing, after.detector) == (before.name, before.preprocessing, before.detector)


@pytest.mark.parametrize(
    ("name", "kept"), [("clips 3\u202fPM", "clips 3 PM"), ("a\u00a0b", "a b"), ("r\udce9al", "r al"), ("plain", "plain")]
)
def test_a_folder_of_any_name_can_be_calibrated_on(name: str, kept: str) -> None:
    """A name that a contract refuses must not cost the scan that came before it."""
    before = tiny_contract()
    found = recalibrate(videos(40, 30), before.calibration, before.pooling, CalibrateSettings())
    after = Contract.from_dict(recalibrated(before, found, name, "ab" * 32).to_dict())
    assert after.figures["calibration"]["data"] == kept


def test_the_record_says_which_splits() -> None:
    scores = videos(40, 30)
    before, settings = tiny_contract(), CalibrateSettings()
    of_validation = [replace(score, video=replace(score.video, split="validation")) for score in scores]
    for given, splits in ((scores, []), (of_validation, ["validation"])):
        found = recalibrate(given, before.calibration, before.pooling, settings)
        assert recalibrated(before, found, "clips", "ab" * 32).figures["calibration"]["splits"] == splits == found.to_dict()["splits"]


def test_a_fold_without_a_threshold_costs_its_rate_and_not_the_calibration() -> None:
    """Five of 100 reals score 1: that keeps to 5 %, but five of about 90 do not."""
    scores = [*videos(95, 60), *(video(1000 + i, 0, 1e9) for i in range(5))]
    found = recalibrate(scores, Calibration(), "mean", CalibrateSettings(fprs=(0.05, 0.10)))
    assert [point.fpr for point in found.operating_points] == [0.05, 0.10]
    assert [(rates.fpr, rates.reals, rates.fakes) for rates in found.rates] == [(0.10, 100, 60)]


def test_the_validation_split_is_taken_where_there_is_one() -> None:
    plain = [item("a", 0), item("b", 1)]
    split = [item("c", 0, split="train"), item("d", 1, split="validation"), item("e", 0, split="test")]
    assert of_split(plain, None) == plain
    assert of_split(split, None) == split[1:2]
    assert of_split(split, "test") == split[2:]
    with pytest.raises(DatasetError, match="no validation split to calibrate on: its splits are test, train; choose one with --split"):
        of_split([split[0], split[2]], None)
    with pytest.raises(DatasetError, match=r"no test split to calibrate on: it has no splits; leave --split out$"):
        of_split(plain, "test")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"fprs": ()}, "fprs"),
        ({"fprs": (0.05, 0.05)}, "fprs: expected different rates"),
        ({"fprs": (0.0,)}, "fprs: expected different rates between 0 and 1"),
        ({"fprs": (float("nan"),)}, "fprs"),
        ({"families": "swaps"}, "families: expected one of blending, all"),
        ({"missed": 1.0}, "missed"),
        ({"split": "dev"}, "split: expected one of train, validation, test"),
    ],
)
def test_wrong_settings_are_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        CalibrateSettings(**wrong)  # type: ignore[arg-type]
