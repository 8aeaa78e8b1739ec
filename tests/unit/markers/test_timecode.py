"""Timecode against values from the standard, and against OpenTimelineIO's."""

from __future__ import annotations

from fractions import Fraction

import opentimelineio as otio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from screener.markers import Timebase
from screener.markers.timecode import hours_in

NTSC_30, NTSC_24 = Fraction(30000, 1001), Fraction(24000, 1001)


@pytest.mark.parametrize(
    ("rate", "base", "ntsc", "drops"),
    [
        (NTSC_24, 24, True, False),
        (Fraction(24), 24, False, False),
        (Fraction(25), 25, False, False),
        (NTSC_30, 30, True, True),
        (Fraction(30), 30, False, False),
        (Fraction(60000, 1001), 60, True, True),
        (Fraction(17, 2), 8, False, False),
        (Fraction(1, 5), 1, True, False),
    ],
)
def test_a_rate_is_counted_at_the_nearest_time_base(rate: Fraction, base: int, ntsc: bool, drops: bool) -> None:
    timebase = Timebase.of(rate)
    assert (timebase.base, timebase.ntsc, timebase.drops) == (base, ntsc, drops)


@pytest.mark.parametrize(
    ("rate", "frame", "shown"),
    [
        (NTSC_30, 0, "00:00:00;00"),
        (NTSC_30, 1799, "00:00:59;29"),
        (NTSC_30, 1800, "00:01:00;02"),
        (NTSC_30, 17981, "00:09:59;29"),
        (NTSC_30, 17982, "00:10:00;00"),
        (NTSC_30, 107892, "01:00:00;00"),
        (Fraction(60000, 1001), 3600, "00:01:00;04"),
        (NTSC_24, 86400, "01:00:00:00"),
        (Fraction(25), 90_001, "01:00:00:01"),
    ],
)
def test_known_timecodes(rate: Fraction, frame: int, shown: str) -> None:
    assert Timebase.of(rate).timecode(frame) == shown


@given(frame=st.integers(0, 2_000_000), rate=st.sampled_from([NTSC_24, NTSC_30, Fraction(60000, 1001), Fraction(25), Fraction(50)]))
def test_timecode_is_that_of_opentimelineio(frame: int, rate: Fraction) -> None:
    timebase = Timebase.of(rate)
    expected = otio.opentime.to_timecode(otio.opentime.RationalTime(frame, float(rate)), float(rate), drop_frame=timebase.drops)
    assert timebase.timecode(frame) == expected


@pytest.mark.parametrize("rate", [NTSC_24, NTSC_30, Fraction(60000, 1001), Fraction(25)])
def test_the_first_frame_of_an_hour(rate: Fraction) -> None:
    timebase = Timebase.of(rate)
    assert timebase.timecode(hours_in(timebase, 1)).replace(";", ":") == "01:00:00:00"


@given(frame=st.integers(0, 1_000_000), rate=st.sampled_from([NTSC_24, NTSC_30, Fraction(25), Fraction(120)]))
def test_a_frame_is_found_at_its_own_time(frame: int, rate: Fraction) -> None:
    assert Timebase.of(rate).frame_at(float(frame / rate)) == frame
