"""Which pictures are accepted after a decoder error, from packets and times alone."""

from __future__ import annotations

from screener.video.readers.soundness import Soundness


def told(damaged: set[int], keys_every: int, count: int = 40, disposable: set[int] | None = None, step: float = 0.04) -> list[int]:
    """Numbers of the pictures that are not believed, each asked about right after its packet."""
    soundness, doubted = Soundness(), []
    for number in range(count):
        soundness.note(
            number,
            number * step,
            is_key=number % keys_every == 0,
            is_disposable=number in (disposable or set()),
            is_damaged=number in damaged,
        )
        if soundness.is_damaged(number, number * step):
            doubted.append(number)
    return doubted


def test_damage_lasts_to_the_next_key_picture() -> None:
    assert told({13}, 10) == list(range(13, 20))
    assert told({10}, 10) == list(range(10, 20))
    assert told({9, 13}, 10) == [9, *range(13, 20)]
    assert told(set(), 10) == []


def test_where_every_picture_is_a_key_it_stays_alone() -> None:
    assert told({5, 6, 30}, 1) == [5, 6, 30]


def test_nothing_is_predicted_from_a_picture_that_may_be_thrown_away() -> None:
    assert told({13}, 10, disposable={13}) == [13]


def test_a_stream_without_key_pictures_is_believed_again_after_a_while() -> None:
    doubted = told({5}, 10**9, 60, step=0.5)
    assert doubted == list(range(5, 26))


def test_a_picture_before_the_key_on_the_screen_and_behind_it_in_the_stream_is_doubted_too() -> None:
    soundness = Soundness()
    for number, seconds, is_key in ((0, 0.0, True), (1, 0.04, False), (2, 0.16, True), (3, 0.08, False), (4, 0.2, False)):
        soundness.note(number, seconds, is_key=is_key, is_disposable=False, is_damaged=number == 1)
    assert [soundness.is_damaged(number, seconds) for number, seconds in ((2, 0.16), (3, 0.08), (4, 0.2))] == [False, True, False]


def test_where_much_is_damaged_nothing_is_believed() -> None:
    assert set(range(23, 60)) <= set(told(set(range(0, 60, 2)), 1, 60))
    assert told(set(range(0, 60, 3)), 1, 60) == list(range(0, 60, 3)), "with one in three the others can be told"


def test_what_was_complained_of_before_the_first_picture_is_not_held_against_the_others() -> None:
    soundness = Soundness()
    for number in range(24):
        soundness.note(number, number * 0.04, is_key=False, is_disposable=False, is_damaged=True)
    soundness.note(24, 0.96, is_key=True, is_disposable=False, is_damaged=False)
    assert soundness.is_damaged(24, 0.96)
    soundness.begin()
    assert not soundness.is_damaged(24, 0.96) and soundness.count == 24


def test_a_picture_that_came_out_marked() -> None:
    soundness = Soundness()
    for number in range(3):
        soundness.note(number, number * 0.04, is_key=number == 0, is_disposable=False, is_damaged=False)
    soundness.distrust(1, 0.04)
    assert [soundness.is_damaged(number, number * 0.04) for number in range(3)] == [False, True, False]
    assert soundness.count == 1


def test_streams_without_times() -> None:
    soundness = Soundness()
    for number in range(6):
        soundness.note(number, None, is_key=number in (0, 4), is_disposable=False, is_damaged=number == 2)
    assert [soundness.is_damaged(number, None) for number in range(6)] == [False, False, True, True, False, False]
