"""The parser's messages in the command's own words."""

from __future__ import annotations

import pytest

from screener.cli.app import _value_of


@pytest.mark.parametrize("words", ["--frames 3 --frames x", "--frames=3 --frames=x", "--frames 3 --frames=x -q"])
def test_of_an_option_given_twice_the_last_value_is_named_as_it_is_the_one_that_counts(words: str) -> None:
    assert _value_of(["--frames"], ["scan", "clip.mp4", *words.split()]) == "x"
