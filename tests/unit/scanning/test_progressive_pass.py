"""Merging the facts from several passes over one file."""

from __future__ import annotations

from screener.records import VideoFacts
from screener.scanning.progressive_pass import _together


def facts(**changes: object) -> VideoFacts:
    values: dict[str, object] = {
        "duration_seconds": 90.0, "size_wh": (64, 48), "frames_decoded": 3, "frames_sampled": 2, "decode_errors": 1, "decode_seconds": 0.5,
        "reasons": ("corrupt",), "warnings": ("sparse",),
    }  # fmt: skip
    return VideoFacts(**{**values, **changes})  # type: ignore[arg-type]


def test_counts_add_up_and_reasons_stay() -> None:
    both = _together(facts(), facts(reasons=("truncated",), duration_seconds=60.0))
    assert (both.frames_decoded, both.frames_sampled, both.decode_errors, both.decode_seconds) == (6, 4, 2, 1.0)
    assert (both.reasons, both.warnings, both.duration_seconds) == (("corrupt", "truncated"), ("sparse",), 60.0)


def test_the_first_look_stands_for_itself() -> None:
    assert _together(VideoFacts(), facts()) == facts()


def test_a_change_of_size_between_looks_is_said() -> None:
    assert "resolution_change" in _together(facts(), facts(size_wh=(32, 24))).warnings
    assert "resolution_change" not in _together(facts(), facts(size_wh=(0, 0), frames_sampled=0)).warnings
