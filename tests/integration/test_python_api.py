"""The package as a library."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import PASSES_ALL

import screener
from screener import ScanSettings, SettingsError, SourceError, Verdict


@pytest.fixture(scope="module")
def verdict(media: Path, checkpoint: Path) -> Verdict:
    return screener.scan(media / "face.png", ScanSettings(threshold=PASSES_ALL), checkpoint)


def test_scan_gives_a_verdict(verdict: Verdict, media: Path) -> None:
    assert isinstance(verdict, Verdict)
    assert (verdict.source, verdict.outcome, verdict.coverage, verdict.threshold) == (
        str(media / "face.png"),
        "genuine",
        "complete",
        PASSES_ALL,
    )
    assert [person.frames_judged for person in verdict.people] == [1]


def test_a_verdict_is_plain_values_and_json(verdict: Verdict) -> None:
    assert json.loads(verdict.to_json()) == verdict.to_dict()
    assert json.loads(verdict.to_json(indent=2)) == verdict.to_dict()


def test_a_missing_path_is_a_verdict_with_its_reason(loaded: screener.Screener, tmp_path: Path) -> None:
    missing = loaded.scan(tmp_path / "missing.mp4")
    assert (missing.outcome, missing.coverage, missing.reasons, missing.p_fake) == ("undecided", "none", ("not_found",), None)


def test_a_stream_that_cannot_be_read_raises_its_reason(loaded: screener.Screener, tmp_path: Path) -> None:
    with pytest.raises(SourceError) as error:
        list(loaded.scan_stream(tmp_path / "missing.mp4"))
    assert error.value.reason == "not_found"
    assert isinstance(error.value, OSError)


def test_several_inputs_at_once_are_refused(loaded: screener.Screener, media: Path) -> None:
    with pytest.raises(SettingsError, match="names 3 inputs"):
        loaded.scan(media)


def test_a_stream_may_be_left_before_its_end(loaded: screener.Screener, media: Path) -> None:
    scores = loaded.scan_stream(media / "one.mp4")
    first = next(iter(scores))
    scores.close()  # type: ignore[attr-defined]
    assert first.frame_index >= 0
    assert loaded.scan(media / "face.png").coverage == "complete"


def test_every_public_name_is_there() -> None:
    for name in screener.__all__:
        assert getattr(screener, name) is not None
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = screener.no_such_name
