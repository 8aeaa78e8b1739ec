"""Events passed to a command: never waited for, never lost silently, and no process left running."""

from __future__ import annotations

import json
import os
import shlex
import sys
import threading
import time
from pathlib import Path

import pytest
from live_updates import event, person_event

from screener.errors import SettingsError
from screener.watching import notifying
from screener.watching.notifying import Command, Notifier
from screener.watching.records import LiveEvent

LONG_SECONDS = 60.0
"""More than any of these takes on the slowest machine; nothing waits for it to pass."""


def command(code: str, *arguments: object) -> str:
    return shlex.join([sys.executable, "-c", code, *map(str, arguments)])


class Ear:
    """Keeps what is told, and lets a test wait for it."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self._changed = threading.Condition()

    def __call__(self, text: str) -> None:
        with self._changed:
            self.told.append(text)
            self._changed.notify_all()

    def wait_for(self, number: int) -> list[str]:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.told) >= number, LONG_SECONDS), self.told
        return self.told


NOTE = """
import json, os, sys
line = sys.stdin.read()
own = {name: value for name, value in os.environ.items() if name.startswith("SCREENER_")}
open(sys.argv[1], "a").write(json.dumps([line, own, sys.argv[2:]]) + "\\n")
print("chatter")
"""


def test_a_command_gets_the_event_on_its_input_and_in_its_environment(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    notes, ear = tmp_path / "notes", Ear()
    notifier = Notifier(command(NOTE, notes, "two words", "$HOME;*"), None, ear)
    alarm = person_event("alarm", track_id=7)
    notifier.notify(alarm)
    notifier.notify(event("stale", message="no\nframe"))
    notifier.close(LONG_SECONDS)
    first, second = (json.loads(line) for line in notes.read_text().splitlines())
    line, environment, arguments = first
    assert line.count("\n") == 1
    assert json.loads(line) == alarm.to_dict()
    assert arguments == ["two words", "$HOME;*"], "no shell has touched them"
    assert (
        environment.items()
        >= {
            "SCREENER_EVENT": "alarm",
            "SCREENER_TRACK_ID": "7",
            "SCREENER_OUTCOME": "fake",
            "SCREENER_P_FAKE": "0.93",
            "SCREENER_SECONDS": "41.200",
            "SCREENER_TIME": alarm.time,
        }.items()
    )
    assert second[1]["SCREENER_MESSAGE"] == r"no\nframe"
    assert "SCREENER_P_FAKE" not in second[1]
    assert ear.told == []
    assert capfd.readouterr() == ("", "")


def test_an_event_that_is_not_read_is_no_failure() -> None:
    ear = Ear()
    notifier = Notifier(command("pass"), None, ear)
    notifier.notify(event("stale", message="x" * 500_000))
    notifier.close(LONG_SECONDS)
    assert ear.told == []


def test_a_command_that_fails_is_told_with_its_last_words() -> None:
    ear = Ear()
    notifier = Notifier(command("import sys; print('a\\nno such \\x1b room', file=sys.stderr); sys.exit(3)"), None, ear)
    notifier.notify(person_event())
    notifier.close(LONG_SECONDS)
    assert ear.told == [f"exec {sys.executable}: ended with status 3: no such \\x1b room"]


HANGING = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open(sys.argv[1] + ".part", "w").write(f"{os.getpid()} {child.pid}")
os.rename(sys.argv[1] + ".part", sys.argv[1])
time.sleep(600)
"""


def await_file(path: Path) -> None:
    end = time.monotonic() + LONG_SECONDS
    while not path.exists():
        assert time.monotonic() < end
        time.sleep(0.02)


def gone(number: int) -> bool:
    """True when no such process runs; one that nobody has collected yet counts as gone."""
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return True
    stat = Path(f"/proc/{number}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z"


def await_gone(numbers: list[int]) -> None:
    end = time.monotonic() + LONG_SECONDS
    while not all(map(gone, numbers)):
        assert time.monotonic() < end, numbers
        time.sleep(0.02)


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="process groups are POSIX")
@pytest.mark.parametrize("how", ["time limit", "close"])
def test_a_command_that_hangs_is_killed_with_its_children(tmp_path: Path, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pids = tmp_path / "pids"
    channel = Command(command(HANGING, pids), time_limit_seconds=3.0 if how == "time limit" else 600.0)
    if how == "time limit":
        # A slow machine may not get as far as the children; then there is nothing of them to kill.
        assert "killed after 3 s" in channel.deliver(person_event())
    else:
        failures: list[str] = []
        thread = threading.Thread(target=lambda: failures.append(channel.deliver(person_event())), daemon=True)
        thread.start()
        await_file(pids)
        channel.abandon()
        thread.join(LONG_SECONDS)
        assert "killed at the end of the watch" in failures[0]
        assert "given up" in channel.deliver(person_event()), "nothing is started after the end"
    if pids.exists():
        await_gone([int(number) for number in pids.read_text().split()])


class Stuck:
    """A channel that delivers nothing until it is let go."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.let_go = threading.Event()
        self.delivered: list[float] = []

    def deliver(self, event: LiveEvent) -> str:
        self.begun.set()
        self.let_go.wait(LONG_SECONDS)
        self.delivered.append(event.seconds)
        return ""

    def abandon(self) -> None:
        self.let_go.set()


def test_a_full_queue_drops_the_oldest_and_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    stuck, ear = Stuck(), Ear()
    monkeypatch.setattr(notifying, "Command", lambda line: stuck)
    notifier = Notifier("anything", None, ear)
    notifier.notify(event("stale", 0.0))
    assert stuck.begun.wait(LONG_SECONDS)
    for number in range(1, notifying.QUEUE_LENGTH + 6):
        notifier.notify(event("stale", float(number)))
    assert notifier.dropped == 5
    stuck.let_go.set()
    notifier.close(LONG_SECONDS)
    assert stuck.delivered == [0.0, *map(float, range(6, notifying.QUEUE_LENGTH + 6))]
    assert ear.told == [
        "notifications cannot keep up with the events: the oldest give way",
        "5 events were not delivered before the end of the watch",
    ]


def test_closing_gives_up_in_time_and_says_what_was_left(monkeypatch: pytest.MonkeyPatch) -> None:
    stuck, ear = Stuck(), Ear()
    monkeypatch.setattr(notifying, "Command", lambda line: stuck)
    notifier = Notifier("anything", None, ear)
    for number in range(3):
        notifier.notify(event("stale", float(number)))
    assert stuck.begun.wait(LONG_SECONDS)
    notifier.close(0.05)
    assert ear.told == ["2 events were not delivered before the end of the watch"]
    assert notifier.dropped == 2
    notifier.notify(event("stale", 9.0))
    notifier.close()
    assert 9.0 not in stuck.delivered


def test_a_second_closing_waits_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever does not want to wait says so first, and then everything is closed as always."""
    deaf = threading.Event()

    class Deaf(Stuck):
        def deliver(self, event: LiveEvent) -> str:
            self.begun.set()
            deaf.wait(10 * LONG_SECONDS)
            return ""

    stuck, ear = Deaf(), Ear()
    monkeypatch.setattr(notifying, "Command", lambda line: stuck)
    notifier = Notifier("anything", None, ear)
    notifier.notify(event("stale"))
    assert stuck.begun.wait(LONG_SECONDS)
    notifier.close(0.05)
    assert ear.told == ["an event was still on its way at the end of the watch: whether it arrived is not known"]
    again = threading.Thread(target=notifier.close, args=(10 * LONG_SECONDS,), daemon=True)
    again.start()
    again.join(LONG_SECONDS)
    assert not again.is_alive()
    deaf.set()


def test_what_cannot_be_told_does_not_end_the_notifying(monkeypatch: pytest.MonkeyPatch) -> None:
    """As when the terminal has gone, or whoever read the messages."""

    class Failing(Stuck):
        def deliver(self, event: LiveEvent) -> str:
            self.delivered.append(event.seconds)
            return "failed"

    def tell(text: str) -> None:
        raise BrokenPipeError

    channel = Failing()
    monkeypatch.setattr(notifying, "Command", lambda line: channel)
    notifier = Notifier("anything", None, tell)
    notifier.notify(event("stale", 1.0))
    notifier.notify(event("stale", 2.0))
    notifier.close(LONG_SECONDS)
    assert channel.delivered == [1.0, 2.0]


def test_a_channel_that_raises_is_told_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    class Raising(Stuck):
        def deliver(self, event: LiveEvent) -> str:
            raise RuntimeError("odd")

    ear = Ear()
    monkeypatch.setattr(notifying, "Command", lambda line: Raising())
    notifier = Notifier("anything", None, ear)
    notifier.notify(event("stale"))
    ear.wait_for(1)
    notifier.notify(event("stale"))
    assert ear.wait_for(2) == ["an event could not be delivered: RuntimeError: odd"] * 2
    notifier.close()


@pytest.mark.parametrize(
    ("line", "why"), [("", "empty"), ("   ", "empty"), ("echo 'x", "no command line"), ("no-such-program-here -x", "no program")]
)
def test_a_command_that_can_never_run_is_refused_at_once(line: str, why: str) -> None:
    with pytest.raises(SettingsError, match=why):
        Notifier(line)


def test_a_program_that_has_gone_is_told(tmp_path: Path) -> None:
    program, ear = tmp_path / "alarm", Ear()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    notifier = Notifier(str(program), None, ear)
    program.unlink()
    notifier.notify(person_event())
    notifier.close(LONG_SECONDS)
    assert ear.told == [f"exec {program}: could not be started: No such file or directory"]


def test_nothing_to_notify_is_nothing_to_do() -> None:
    threads = threading.active_count()
    notifier = Notifier()
    notifier.notify(person_event())
    assert threading.active_count() == threads
    notifier.close()
    assert notifier.dropped == 0
