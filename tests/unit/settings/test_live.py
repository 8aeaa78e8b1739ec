"""Settings of live watching: checked at construction, and the same judgement as a scan."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from screener.errors import SettingsError
from screener.settings import LiveSettings, ScanSettings


def test_the_defaults_judge_as_a_scan_of_every_frame_does_that_searches_each_whole() -> None:
    assert LiveSettings().judging() == ScanSettings(all_frames=True, detect_every=1)


def test_what_both_have_is_passed_on() -> None:
    settings = LiveSettings(threshold=0.7, min_face_px=50, min_frames=6, device="cpu", dtype="float32", pooling="median")
    judging = settings.judging()
    assert (judging.threshold, judging.min_face_px, judging.min_frames, judging.device, judging.pooling) == (0.7, 50, 6, "cpu", "median")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("window_seconds", 0.5),
        ("window_seconds", 1e9),
        ("judged_fps", 0),
        ("picture_fps", float("nan")),
        ("duration_seconds", -1.0),
        ("stale_seconds", None),
        ("timeout_seconds", 0),
        ("min_seconds", 6.0),
        ("margin", 0.9),
        ("hold_seconds", -1),
        ("retry_seconds", ()),
        ("retry_seconds", (0.0,)),
        ("retry_seconds", 3),
        ("retry_jitter", 1.0),
        ("threshold", 1.0),
        ("device", "tpu"),
    ],
)
def test_nonsense_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(SettingsError, match=name):
        LiveSettings(**{name: value})


@pytest.mark.parametrize("given", [{"window_seconds": 1.5}, {"min_seconds": 5.5}])
def test_a_window_too_short_for_the_time_before_an_outcome_names_both(given: dict[str, float]) -> None:
    """Either may be the one that was set, and a settings file is searched for what its refusal names."""
    got = f"got {given.get('window_seconds', 10.0)} and {given.get('min_seconds', 1.0)}"
    with pytest.raises(SettingsError, match=rf"^window_seconds and min_seconds: expected a window of at least twice min_seconds, {got}$"):
        LiveSettings(**given)  # type: ignore[arg-type]
    assert LiveSettings(window_seconds=1.5, min_seconds=0.75).min_seconds == 0.75


def test_from_a_table() -> None:
    assert LiveSettings.from_mapping({"retry_seconds": [1, 2]}).retry_seconds == (1, 2)
    with pytest.raises(SettingsError, match="fames"):
        LiveSettings.from_mapping({"fames": 3})


def test_every_setting_is_told() -> None:
    assert set(LiveSettings().to_dict()) == {item.name for item in dataclasses.fields(LiveSettings)}
    assert all(item.name in (LiveSettings.__doc__ or "") for item in dataclasses.fields(LiveSettings))
