"""The terminal view of a live watch: the screen in each state, on every kind of terminal, and the lines of a log."""

from __future__ import annotations

import io
import re
import threading
from dataclasses import replace

import pytest
from live_updates import event, person_event, seen, update
from rich.console import Console

from screener.records import Segment
from screener.watching import view as live_view
from screener.watching.records import STATES, LiveStats, LiveUpdate
from screener.watching.screen import LiveScreen
from screener.watching.view import LiveView
from screener.watching.wording import event_in_words, live_headline

NAME = "rtsp://10.0.0.7/[red]\x1b[31m"
UNJUDGED = seen(4, "undecided", None, None, reasons=("too_short",), frames_judged=0)
PEOPLE = (seen(1), seen(2, "genuine", 0.08), seen(3, "undecided", 0.55, reasons=("near_threshold",)), UNJUDGED)


@pytest.fixture(autouse=True)
def capable_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "COLUMNS", "LINES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


def terminal(width: int = 110, height: int = 30, encoding: str = "utf-8", no_color: bool = False) -> Console:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    return Console(file=stream, width=width, height=height, force_terminal=True, no_color=no_color, legacy_windows=False)


def written(console: Console) -> str:
    console.file.flush()
    return console.file.buffer.getvalue().decode(console.encoding)  # type: ignore[attr-defined, no-any-return]


def drawn(console: Console, shown: LiveUpdate | None, silent_seconds: float | None = None, **changes: object) -> list[str]:
    """The lines of a screen without their colours."""
    events = (event("start", 0.0, source="camera"), person_event(), "the webhook failed")
    console.print(LiveScreen(NAME.replace("\x1b", "?"), shown, events, silent_seconds), end="")
    return re.sub(r"\x1b\[[0-9;]*m", "", written(console)).splitlines()


def test_a_genuine_picture_names_those_in_it_who_are_undecided() -> None:
    genuine, passer_by = seen(2, "genuine", 0.08), seen(4, "undecided", None, None, reasons=("too_small",), frames_judged=0)
    assert live_headline(update("live", genuine, outcome="genuine", reasons=())) == "GENUINE: 1 person"
    assert live_headline(update("live", genuine, passer_by, outcome="genuine", reasons=())) == "GENUINE: 1 person, 1 undecided"


def test_people_are_said_in_words_with_their_evidence() -> None:
    lines = drawn(terminal(), update("live", *PEOPLE))
    assert "LIVE" in lines[1]
    assert "FAKE: person 1" in lines[1]
    rows = {line.split()[0]: line for line in lines if re.match(r" +\d+ ", line)}
    assert re.search(r"FAKE +0\.93 +█+┃█+.*96 frames, seen 10 s", rows["1"])
    assert "GENUINE" in rows["2"]
    assert "0.08" in rows["2"]
    assert "UNDECIDED" in rows["3"]
    assert re.search(r"UNDECIDED +- +─+┃─+ +nothing judged", rows["4"])
    text = "\n".join(lines)
    assert "the scores are neither clearly genuine nor clearly fake" in text
    assert "out of sight; the face is seen in too few frames to judge" in text
    assert "received 29.8/s  judged 9.6/s  dropped 1,204 of 3,411  delay 0.21 s, 95 % within 0.44 s" in text
    assert "0:41.2 ALARM  person 1: FAKE  p 0.93" in text
    assert "the webhook failed" in text
    assert lines[-1].strip() == "q to quit"


def test_a_low_score_with_frames_that_look_fake_is_not_said_to_be_near_the_threshold() -> None:
    mixed = seen(5, "undecided", 0.17, reasons=("near_threshold",))
    mixed = replace(mixed, verdict=replace(mixed.verdict, segments=(Segment(8.0, 9.5, 0.8),)))
    shown = replace(update("live", mixed), reasons=("near_threshold",))
    text = "\n".join(drawn(terminal(), shown))
    words = "some frames in a row look fake, not enough to decide"
    assert text.count(words) == 2  # above, and beside the person
    assert "neither clearly genuine" not in text
    said = event_in_words(event("person", 25.0, **mixed.verdict.to_dict()))
    assert said == f"person 5: UNDECIDED  p 0.17  {words}"


@pytest.mark.parametrize("state", [state for state in STATES if state != "live"])
@pytest.mark.parametrize(("width", "height"), [(110, 30), (60, 24), (40, 12)])
def test_nothing_of_people_is_shown_while_the_watch_is_not_live(state: str, width: int, height: int) -> None:
    lines = drawn(terminal(width, height), update(state, *PEOPLE, message="because of rain", retry_seconds=4.2))
    alert = "\n".join(lines[: next(i for i, line in enumerate(lines) if line.startswith("┗"))])
    assert "because of rain" in " ".join(alert.replace("┃", " ").split())
    assert "next attempt in 4 s" in " ".join(alert.replace("┃", " ").split())
    assert "█" * 3 in alert or " ".join(state.upper()) in alert
    assert not re.search(r"FAKE|GENUINE|UNDECIDED|0\.\d\d|LIVE", alert)
    assert not any(re.match(r" +\d+ +(FAKE|GENUINE|UNDECIDED)", line) for line in lines)


def test_a_watch_that_has_fallen_silent_is_stale() -> None:
    text = "\n".join(drawn(terminal(), update("live", *PEOPLE), 3.2))
    assert "the watch itself has not been heard of for 3 s" in text
    assert "GENUINE" not in text


def test_before_the_first_update() -> None:
    assert "█" in "\n".join(drawn(terminal(), None))


def test_nobody_in_view() -> None:
    assert "NO FACE IN VIEW" in drawn(terminal(), update("live"))[1]
    assert "NO FACE YET" in drawn(terminal(), update("live", stats=LiveStats()))[1]


@pytest.mark.parametrize(("width", "height"), [(200, 50), (96, 24), (95, 24), (60, 24), (60, 60), (40, 14)])
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_a_crowd_fits_every_terminal(width: int, height: int, encoding: str) -> None:
    crowd = [seen(i, ("fake", "genuine", "undecided")[i % 3], 0.07 * i, reasons=("near_threshold",) * (i % 3 == 2)) for i in range(12)]
    lines = drawn(terminal(width, height, encoding), update("live", *crowd))
    assert len(lines) <= height
    assert max(map(len, lines)) <= width
    rows = [line for line in lines if re.match(r" +\d+ +(FAKE|GENUINE|UNDECIDED)", line)]
    left_out = sum(int(n) for n in re.findall(r"and (\d+) p\w+ more", "\n".join(lines)))
    assert rows
    assert len(rows) + left_out == 12
    # Whoever is left out is less suspicious than all who are shown.
    fakes = [line for line in rows if " FAKE " in line]
    assert len(fakes) == 4 or len(fakes) == len(rows)


def test_without_unicode_every_character_is_ascii() -> None:
    for shown in (update("live", *PEOPLE), update("stale", message="é\u2026"), None):
        text = "\n".join(drawn(terminal(80, 24, "ascii"), shown))
        assert text.isascii()
        assert "#" in text


def test_without_colours_there_are_none() -> None:
    console = terminal(no_color=True)
    console.print(LiveScreen("camera", update("live", *PEOPLE), ()))
    codes = {code for found in re.findall(r"\x1b\[([0-9;]*)m", written(console)) for code in found.split(";")}
    assert codes <= {"", "0", "1", "2", "7"}
    assert "7" in codes, "what matters stands out without colours too"


def test_the_screen_is_drawn_and_given_back() -> None:
    console, threads = terminal(), set(threading.enumerate())
    with pytest.raises(KeyError), LiveView(console, NAME) as view:
        view.show(update("live", *PEOPLE, events=(person_event(),)))
        view.note("lost\x1b[2J")
        view.show(update("stale", *PEOPLE, message="no new frame"))
        raise KeyError
    text = written(console)
    assert text.count("\x1b[?1049h") == text.count("\x1b[?1049l") == 1
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h")
    assert "FAKE: person 1" in text
    assert "no new frame" in text
    assert r"lost\x1b[2J" in text
    assert "\x1b[31m[red]" not in text
    assert r"[red]\x1b[31m" in text
    for thread in set(threading.enumerate()) - threads:
        thread.join(timeout=10)
        assert not thread.is_alive()


def test_the_screen_withdraws_an_old_update_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_view, "SILENCE_SECONDS", 0.1)
    console, silent = terminal(), threading.Event()
    real = live_view.LiveScreen

    def watched(name: str, shown: LiveUpdate | None, events: tuple[object, ...], silent_seconds: float | None) -> LiveScreen:
        if shown is not None and silent_seconds is not None:
            silent.set()
        return real(name, shown, events, silent_seconds)  # type: ignore[arg-type]

    monkeypatch.setattr(live_view, "LiveScreen", watched)
    with LiveView(console, "camera") as view:
        view.show(update("live", *PEOPLE))
        assert silent.wait(30)
    assert "has not been heard of" in written(console)


def lines_of(*updates: LiveUpdate) -> list[str]:
    stream = io.StringIO()
    with LiveView(Console(file=stream, width=20), NAME) as view:
        for shown in updates:
            view.show(shown)
        view.note("webhook: answered 500\x07")
    assert "\x1b" not in stream.getvalue()
    return stream.getvalue().splitlines()


def test_a_log_has_a_line_for_what_changes() -> None:
    first = update("live", seen(1), UNJUDGED, seconds=3.0)
    lines = lines_of(
        update("opening", seconds=0.0, people=(seen(1),)),
        first,
        first,
        update("live", seen(1, "genuine", 0.2), UNJUDGED, seconds=5.0),
        update("live", UNJUDGED, seconds=9.0),
        update("lost", seen(1), message="gone\n", retry_seconds=2.2, seconds=12.0),
        update("live", UNJUDGED, seconds=70.0),
    )
    assert lines == [
        r"watching rtsp://10.0.0.7/[red]\x1b[31m",
        "16:12:03  0:00.0  OPENING",
        "16:12:03  0:03.0  LIVE",
        "16:12:03  0:03.0  person 1: FAKE  p 0.93 [0.93-0.93]  96 frames, seen 10 s",
        "16:12:03  0:03.0  person 4: UNDECIDED  nothing judged  the face is seen in too few frames to judge",
        "16:12:03  0:05.0  person 1: GENUINE  p 0.20 [0.20-0.20]  96 frames, seen 10 s",
        "16:12:03  0:09.0  person 1: gone",
        r"16:12:03  0:12.0  LOST: gone\n; next attempt in 2 s",
        "16:12:03  1:10.0  LIVE",
        "16:12:03  1:10.0  person 4: UNDECIDED  nothing judged  the face is seen in too few frames to judge",
        "16:12:03  1:10.0  received 29.8/s, judged 9.6/s, dropped 1,204 of 3,411, delay 0.21 s, 95 % within 0.44 s",
        r"webhook: answered 500\x07",
    ]


def test_a_dumb_terminal_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    console = terminal()
    with LiveView(console, "camera") as view:
        view.show(update("live", seen(1)))
    assert "person 1: FAKE" in written(console)
    assert "\x1b" not in written(console)
