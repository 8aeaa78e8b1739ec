"""Live progress: a bar on a terminal, lines elsewhere, nothing when quiet; exceptions pass."""

from __future__ import annotations

import io
import re
import threading
from dataclasses import replace

import pytest

from screener.records import Verdict
from screener.report.progress import ScanProgress, progress_for

NAME = "[/x] [red]\nevil \x1b]0;title\x07\u202e.mp4"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def capable_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "120")


def run(progress: ScanProgress, verdict: Verdict, name: str = NAME) -> None:
    with progress:
        for expected in (32, None, 0):
            progress.start(name)
            progress.advance(5, expected)
            progress.advance(32, expected)
            progress.done(replace(verdict, source=name))


def test_plain_lines(verdicts: dict[str, Verdict]) -> None:
    stream = io.StringIO()
    run(progress_for(stream, inputs=3), verdicts["genuine"])
    lines = stream.getvalue().splitlines()
    assert len(lines) == 3
    assert re.fullmatch(
        r"\[2/3\] \[/x\] \[red\]\\nevil \\x1b\]0;title\\x07\\u202e\.mp4: 32 frames judged in \d+\.\d s, about \d+:\d\d left",
        lines[1],
    )


def test_the_time_of_the_first_input_is_none_of_what_came_before(verdicts: dict[str, Verdict], monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    clock = iter([100.0, 130.0, 131.5])  # made; entered, the models loaded; the first input done
    monkeypatch.setattr("screener.report.progress.time.monotonic", lambda: next(clock))
    with progress_for(stream) as progress:
        progress.start("a.mp4")
        progress.done(replace(verdicts["genuine"], source="a.mp4"))
    assert stream.getvalue() == "[1] a.mp4: 32 frames judged in 1.5 s\n"


def test_an_input_that_was_judged_before_has_its_line_too(verdicts: dict[str, Verdict]) -> None:
    stream = io.StringIO()
    with progress_for(stream, inputs=2) as progress:
        progress.start("a\n.mp4")
        progress.known(replace(verdicts["genuine"], source="a\n.mp4"))
        progress.start("b.mp4")
        progress.done(replace(verdicts["genuine"], source="b.mp4"))
    first, second = stream.getvalue().splitlines()
    assert first == "[1/2] a\\n.mp4: judged before"
    assert second.startswith("[2/2] b.mp4: 32 frames judged in ")


@pytest.mark.parametrize("stream", [io.StringIO(), Terminal(), None])
def test_quiet_writes_nothing(verdicts: dict[str, Verdict], stream: io.StringIO | None) -> None:
    run(progress_for(stream, quiet=stream is not None), verdicts["genuine"])
    assert stream is None or stream.getvalue() == ""


def test_a_bar_is_drawn_and_removed(verdicts: dict[str, Verdict]) -> None:
    stream = Terminal()
    run(progress_for(stream), verdicts["genuine"])
    text = stream.getvalue()
    assert all(f"[{number}] [/x]" in text for number in (1, 2, 3))
    assert "[4]" not in text
    assert "[1] [/x] [red]\\nevil \\x1b]0;title\\x07\\u202e.mp4" in text
    assert "32/32" in text
    assert "\x1b]0;" not in text
    assert "\u202e" not in text
    assert text.endswith("\x1b[1A\x1b[2K")


def test_a_long_name_stays_on_one_line(verdicts: dict[str, Verdict]) -> None:
    stream = Terminal()
    run(progress_for(stream), verdicts["genuine"], "n" * 236 + ".mp4")
    drawn = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", stream.getvalue())
    assert max(len(line) for line in re.split(r"[\r\n]+", drawn)) <= 120
    assert "n\u2026n" in drawn
    assert ".mp4" in drawn


def test_a_dumb_terminal_gets_plain_lines(verdicts: dict[str, Verdict], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    stream = Terminal()
    run(progress_for(stream), verdicts["genuine"])
    assert len(stream.getvalue().splitlines()) == 3
    assert "\x1b" not in stream.getvalue()


@pytest.mark.parametrize("make_stream", [io.StringIO, Terminal])
@pytest.mark.parametrize("quiet", [False, True])
def test_exceptions_pass_and_the_terminal_is_given_back(make_stream: type[io.StringIO], quiet: bool) -> None:
    stream = make_stream()
    threads = set(threading.enumerate())
    with pytest.raises(KeyError, match="from the scan"), progress_for(stream, quiet) as progress:
        progress.start("a.mp4")
        progress.advance(1, 10)
        raise KeyError("from the scan")
    for thread in set(threading.enumerate()) - threads:
        thread.join(timeout=10)
        assert not thread.is_alive()
    hidden, shown = stream.getvalue().count("\x1b[?25l"), stream.getvalue().count("\x1b[?25h")
    assert hidden == shown


def test_the_time_left_is_that_of_the_inputs_to_come_at_the_mean_so_far(
    verdicts: dict[str, Verdict], monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = io.StringIO()
    clock = iter([0.0, 0.0, 10.0, 10.0, 40.0])  # made; entered; the first done; the second known; the third done
    monkeypatch.setattr("screener.report.progress.time.monotonic", lambda: next(clock))
    with progress_for(stream, inputs=7) as progress:
        progress.done(verdicts["genuine"])
        progress.known(verdicts["genuine"])
        progress.done(verdicts["genuine"])
    ends = [line.rpartition(", ")[2] for line in stream.getvalue().splitlines()]
    assert ends == ["about 1:00 left", "[2/7] clip.mp4: judged before", "about 1:20 left"]


def test_a_spinner_says_that_models_are_loaded_and_goes() -> None:
    stream = Terminal()
    with progress_for(stream).loading():
        pass
    assert "loading models" in stream.getvalue() and stream.getvalue().endswith("\x1b[2K")
    plain = io.StringIO()
    with progress_for(plain).loading():
        pass
    assert plain.getvalue() == ""
