"""Plain words: safe names, times, scores and headlines."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from screener.records import Segment, Verdict
from screener.report.wording import clock, counted, headline, listed, score, shortened, visible


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("clip.mp4", "clip.mp4"),
        ("Aufnahme \u00e4\u00f6.mp4", "Aufnahme \u00e4\u00f6.mp4"),
        ("\u4e2d\u6587 [/x].mp4", "\u4e2d\u6587 [/x].mp4"),
        ("a\nb\r\tc", "a\\nb\\r\\tc"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\u202egpj.exe", "\\u202egpj.exe"),
        ("\udcff.mp4", "\\udcff.mp4"),
        ("a\u2028b\u200bc\xa0d", "a\\u2028b\\u200bc\\xa0d"),
    ],
)
def test_visible(name: str, shown: str) -> None:
    assert visible(name) == shown


@settings(deadline=None, max_examples=50)
@given(st.text(st.characters(codec=None)), st.integers(3, 300))
def test_shortened_keeps_to_its_width_and_both_ends(text: str, width: int) -> None:
    short = shortened(text, width)
    assert len(short) == min(len(text), width)
    assert short[0:1] == text[0:1]
    assert short[-1:] == text[-1:]


@pytest.mark.parametrize(
    ("seconds", "decimals", "text"),
    [
        (0, 1, "0:00.0"),
        (2.1, 1, "0:02.1"),
        (59.96, 1, "1:00.0"),
        (3599.96, 1, "1:00:00.0"),
        (7384.5, 1, "2:03:04.5"),
        (65, 0, "1:05"),
        (-1.25, 2, "-0:01.25"),
        (-0.01, 1, "0:00.0"),
    ],
)
def test_clock(seconds: float, decimals: int, text: str) -> None:
    assert clock(seconds, decimals) == text


@pytest.mark.parametrize(
    ("p_fake", "text"),
    [(0.93, "0.93"), (0.5, "0.50"), (0.997, "0.997"), (0.0031, "0.003"), (0.99991, "0.9999"), (1.0, "1.00"), (0.0, "0.00")],
)
def test_score_never_rounds_to_certainty(p_fake: float, text: str) -> None:
    assert score(p_fake) == text


def test_lists_and_counts() -> None:
    assert [listed([]), listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"])] == ["", "a", "a and b", "a, b and c"]
    assert [counted(1, "frame"), counted(2000, "frame"), counted(2, "person", "people")] == ["1 frame", "2,000 frames", "2 people"]


def test_headlines(verdicts: dict[str, Verdict]) -> None:
    assert {name: headline(verdict) for name, verdict in verdicts.items()} == {
        "genuine": "Genuine: nothing suspicious in 32 frames, whole file read",
        "three_people": "Judged fake: person 2, from 0:02.1 to 0:07.4",
        "no_face": "Undecided: no face was found",
        "unreadable": "Undecided: it cannot be found",
        "partial_fake": "Judged fake: the only person in it, seen from 0:00.2 to 0:11.8",
        "still": "Judged fake: the only person in it",
        "every_frame": "Undecided: the scores are neither clearly genuine nor clearly fake",
        "passer_by": "Genuine: nothing suspicious in 32 frames, whole file read",
    }


def test_headlines_of_several_stretches_and_several_fakes(verdicts: dict[str, Verdict]) -> None:
    verdict = verdicts["three_people"]
    first, second, third = verdict.people
    twice = replace(second, segments=(*second.segments, Segment(9.0, 9.5, 0.9)))
    assert headline(replace(verdict, people=(first, twice, third))) == "Judged fake: person 2, from 0:02.1 to 0:07.4 and 1 more time"
    assert headline(replace(verdict, people=(first, second, replace(third, outcome="fake")))) == "Judged fake: persons 2 and 3"


def test_a_headline_does_not_claim_that_everything_was_read(verdicts: dict[str, Verdict]) -> None:
    sparse = replace(verdicts["genuine"], warnings=("sparse",))
    assert headline(sparse).endswith("frames from all over the file") and "whole" not in headline(sparse)
    watched = replace(verdicts["genuine"], video=replace(verdicts["genuine"].video, reader="live"))
    assert headline(watched) == headline(replace(verdicts["genuine"], sha256=None)) == "Genuine: nothing suspicious in 32 frames"
