"""The family of errors, the closed lists, and the exit status."""

from __future__ import annotations

import copy
import itertools
import pickle

import pytest

from screener import errors
from screener.errors import REASONS, WARNINGS, ExitStatus, ScreenerError, SourceError, exit_status
from screener.records import COVERAGES, OUTCOMES


@pytest.mark.parametrize(
    ("error", "builtin"),
    [
        (errors.SettingsError, ValueError),
        (errors.CheckpointError, ValueError),
        (errors.DeviceError, RuntimeError),
        (errors.DatasetError, ValueError),
        (errors.OutputError, OSError),
    ],
)
def test_errors_are_what_a_caller_would_catch(error: type[ScreenerError], builtin: type[Exception]) -> None:
    for family in (ScreenerError, builtin):
        with pytest.raises(family, match=r"^what, where, what to do$"):
            raise error("what, where, what to do")


def test_a_source_error_carries_reason_and_message() -> None:
    with pytest.raises(OSError, match=r"^clip\.mp4: broken$") as caught:
        raise SourceError("corrupt", "clip.mp4: broken")
    assert isinstance(caught.value, ScreenerError)
    assert caught.value.reason == "corrupt"  # type: ignore[attr-defined]


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda error: pickle.loads(pickle.dumps(error))])
def test_a_source_error_survives_the_way_between_processes(again: object) -> None:
    error = again(SourceError("timeout", "clip.mp4: took too long"))  # type: ignore[operator]
    assert type(error) is SourceError
    assert (error.reason, error.message, str(error)) == ("timeout", "clip.mp4: took too long", "clip.mp4: took too long")


def test_a_reason_outside_the_list_is_refused() -> None:
    with pytest.raises(ValueError, match=r"reason: expected one of .*'corrupt'.*, got 'broken'"):
        SourceError("broken", "clip.mp4")


def test_reasons_and_warnings_are_the_published_ones() -> None:
    assert " ".join(REASONS) == (
        "not_found permission not_regular empty not_media no_video unsupported_codec encrypted refused_playlist refused_protocol "
        "refused_address "
        "limit_pixels limit_time limit_size truncated corrupt unread_part decoder_crash timeout stream_lost no_face too_small too_short "
        "low_quality out_of_range near_threshold partly_judged output_failed"
    )
    assert " ".join(WARNINGS) == (
        "multi_video second_part picture_series hidden_pictures resolution_change interlaced hdr variable_rate gap nonmonotonic clock_jump "
        "end_unverified damage_unverified harmless_complaints sparse"
    )
    for text in (*REASONS.values(), *WARNINGS.values()):
        assert text == text.strip(". ")
        assert text[0].islower()


@pytest.mark.parametrize(
    ("results", "strict", "lenient"),
    [
        ([], 0, 0),
        ([("genuine", "complete")], 0, 0),
        ([("fake", "complete")], 1, 1),
        ([("fake", "partial")], 1, 1),
        ([("undecided", "complete")], 3, 0),
        ([("undecided", "none")], 3, 0),
        ([("genuine", "complete"), ("undecided", "partial")], 3, 0),
        ([("undecided", "none"), ("fake", "complete"), ("genuine", "complete")], 1, 1),
    ],
)
def test_exit_status(results: list[tuple[str, str]], strict: int, lenient: int) -> None:
    for order in itertools.permutations(results):
        assert exit_status(order) == strict
        assert exit_status(order, allow_incomplete=True) == lenient


def test_zero_means_that_everything_was_completely_judged_and_genuine() -> None:
    for result in itertools.product(OUTCOMES, COVERAGES):
        assert (exit_status(iter([result])) == 0) == (result == ("genuine", "complete"))


def test_numbers_of_the_exit_status() -> None:
    assert {status.name: int(status) for status in ExitStatus} == {
        "INTERRUPTED": 130, "TERMINATED": 143, "COULD_NOT_RUN": 2, "FAKE": 1, "INCOMPLETE": 3, "GENUINE": 0,
    }  # fmt: skip
