"""How a screen is named."""

from __future__ import annotations

import pytest

from screener.video.live.one_source import live_source
from screener.video.live.screen_area import ScreenArea


@pytest.mark.parametrize(
    ("text", "area"),
    [
        ("screen:0", ScreenArea(0)),
        ("screen:1:100,50,640x360", ScreenArea(1, (100, 50, 640, 360))),
        ("screen:0:-5,0,10x10", ScreenArea(0, (-5, 0, 10, 10))),
        ("screen:", None),
        ("screen:a", None),
        ("screen:0:1,2,3", None),
        ("xscreen:0", None),
    ],
)
def test_names(text: str, area: ScreenArea | None) -> None:
    assert ScreenArea.named(text) == area


def test_a_screen_is_a_source() -> None:
    source = live_source("screen:0:1,2,30x40")
    assert (source.kind, source.name) == ("screen", "screen:0:1,2,30x40")
