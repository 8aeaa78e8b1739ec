"""Finished work is kept whenever the process ends, and unfinished work is never taken for finished."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from builders import verdict

from screener.errors import OutputError
from screener.journal import GIVEN_UP_AFTER, InputKey, Journal

FACTS = {"checkpoint": "1" * 64, "settings": {"frames": 32}}
ONE, TWO, ADDRESS = InputKey("file one", True), InputKey("file two", True), InputKey("url three", False)


def die(journal: Journal) -> None:
    """As by kill -9: no word in the journal, and the system lets go of the lock."""
    journal._file.close()


def opened(path: Path, facts: dict[str, Any] = FACTS) -> Journal:
    journal = Journal(path)
    journal.open_run(facts)
    return journal


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "rows.journal"


def sources(journal: Journal, *keys: InputKey) -> list[str | None]:
    entries = [journal.find(key) for key in keys]
    return [entry.verdict.source if entry else None for entry in entries]


def test_a_verdict_is_found_at_once_and_by_the_next_process(path: Path) -> None:
    with opened(path) as journal:
        assert sources(journal, ONE) == [None]
        journal.begin(ONE, "one.mp4")
        journal.done(ONE, verdict(source="one.mp4"), ("one.html", "9f"))
        assert sources(journal, ONE, TWO) == ["one.mp4", None]
    with opened(path) as journal:
        entry = journal.find(ONE)
        assert entry is not None
        assert entry.page == ("one.html", "9f")
        assert sources(journal, ONE, TWO) == ["one.mp4", None]


def test_a_verdict_is_on_the_disk_before_the_next_input_is_begun(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(path) as journal:
        journal.begin(ONE, "one.mp4")
        settled: list[int] = []
        monkeypatch.setattr(os, "fsync", lambda descriptor: settled.append(os.fstat(descriptor).st_size))
        journal.done(ONE, verdict())
        assert settled == [path.stat().st_size]


def test_every_cut_of_the_file_loses_the_torn_line_alone(path: Path) -> None:
    with opened(path) as journal:
        for number in range(2):
            journal.begin(InputKey(f"file {number}", True), f"{number}")
            journal.done(InputKey(f"file {number}", True), verdict(source=f"{number}.mp4"))
    whole = path.read_bytes()
    ends = [at + 1 for at, byte in enumerate(whole) if byte == 10]
    done = [end for end in ends if b'"done"' in whole[:end].splitlines()[-1]]
    for cut in [*range(40), *range(40, len(whole), 7), *ends, *(end - 1 for end in ends)]:
        path.write_bytes(whole[:cut])
        with opened(path) as journal:
            found = sources(journal, InputKey("file 0", True), InputKey("file 1", True))
            assert found == [f"{number}.mp4" if cut >= done[number] else None for number in range(2)]
            journal.done(TWO, verdict(source="more.mp4"))
        with opened(path) as journal:
            assert sources(journal, TWO) == ["more.mp4"]
        assert all(json.loads(line) for line in path.read_bytes().splitlines())


def test_other_facts_find_nothing_and_take_nothing_away(path: Path) -> None:
    with opened(path) as journal:
        journal.done(ONE, verdict(source="first.mp4"))
    with opened(path, {**FACTS, "settings": {"frames": 8}}) as journal:
        assert sources(journal, ONE) == [None]
        journal.done(ONE, verdict(source="second.mp4"))
    with opened(path) as journal:
        assert sources(journal, ONE) == ["first.mp4"]


@pytest.mark.parametrize(
    "line", [b"\0" * 200, b"[1]", b'"text"', b'{"event": "done", "run": 3}', b"[" * 5000, b'{"event": "nothing we know"}', b"\xff\xfe"]
)
def test_a_spoilt_line_is_passed_over(path: Path, line: bytes) -> None:
    with opened(path) as journal:
        journal.done(ONE, verdict(source="one.mp4"))
    path.write_bytes(path.read_bytes() + line + b"\n")
    with opened(path) as journal:
        assert sources(journal, ONE) == ["one.mp4"]


def test_a_verdict_of_another_make_is_judged_again(path: Path) -> None:
    with opened(path) as journal:
        journal.done(ONE, verdict())
    path.write_bytes(path.read_bytes().replace(b'"outcome"', b'"outcomes"'))
    with opened(path) as journal:
        assert journal.find(ONE) is None


def test_what_is_known_by_its_address_alone_lasts_until_the_run_has_finished(path: Path) -> None:
    with opened(path) as journal:
        journal.done(ADDRESS, verdict(source="address"))
        journal.done(ONE, verdict(source="one.mp4"))
    with opened(path) as journal:
        assert sources(journal, ADDRESS, ONE) == ["address", "one.mp4"]
        journal.finish()
    with opened(path) as journal:
        assert sources(journal, ADDRESS, ONE) == [None, "one.mp4"]


def test_an_input_that_process_after_process_dies_over_is_given_up(path: Path) -> None:
    for death in range(GIVEN_UP_AFTER):
        journal = opened(path)
        assert not journal.given_up(ONE), f"after {death} deaths"
        journal.begin(ONE, "one.mp4")
        die(journal)
    with opened(path) as journal:
        assert journal.given_up(ONE)
        assert not journal.given_up(TWO)
        journal.done(ONE, verdict())
    with opened(path) as journal:
        assert not journal.given_up(ONE)


def test_an_orderly_end_and_a_dropped_input_count_for_nothing(path: Path) -> None:
    for _ in range(GIVEN_UP_AFTER + 1):
        with pytest.raises(KeyboardInterrupt), opened(path) as journal:
            journal.begin(ONE, "one.mp4")
            raise KeyboardInterrupt
    for _ in range(GIVEN_UP_AFTER + 1):
        journal = opened(path)
        journal.begin(TWO, "two.mp4")
        journal.drop(TWO)
        die(journal)
    with opened(path) as journal:
        assert not journal.given_up(ONE)
        assert not journal.given_up(TWO)


def test_two_runs_on_one_journal_are_refused(path: Path) -> None:
    with opened(path) as journal:
        with pytest.raises(OutputError, match="another run is keeping this journal"):
            Journal(path)
        journal.done(ONE, verdict(source="one.mp4"))
    with opened(path) as journal:
        assert sources(journal, ONE) == ["one.mp4"]


def test_a_killed_process_leaves_no_lock(path: Path) -> None:
    code = f"""
        import os, signal
        from pathlib import Path
        from screener.journal import InputKey, Journal
        journal = Journal(Path({str(path)!r}))
        journal.open_run({FACTS!r})
        journal.begin(InputKey("file one", True), "one.mp4")
        os.kill(os.getpid(), signal.SIGKILL)
    """
    ended = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], timeout=120, check=False)
    assert ended.returncode != 0
    with opened(path) as journal:
        assert sources(journal, ONE) == [None]
    assert path.read_text().count('"begin"') == 1


@pytest.mark.parametrize("content", ["my notes\n", '{"schema_version": 1}\n', '{"screener_journal": 2}\n', "\n", "x"])
def test_a_foreign_file_is_left_alone(path: Path, content: str) -> None:
    path.write_text(content)
    with pytest.raises(OutputError, match=r"rows\.journal: .*; name another file"):
        Journal(path)
    assert path.read_text() == content


def test_places_where_no_journal_can_be(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for place in (tmp_path / "none" / "rows.journal", tmp_path, tmp_path / "pipe", Path("/dev/full")):
        with pytest.raises(OutputError, match=str(place)):
            Journal(place)


def test_a_full_disk_ends_the_run_and_the_journal_stays_sound(path: Path) -> None:
    """A process that may not write past a size that lies within a line: what it wrote before is kept, and the stump is cut off."""
    code = f"""
        import resource, signal
        from pathlib import Path
        from builders import verdict
        from screener.errors import OutputError
        from screener.journal import InputKey, Journal
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        with Journal(Path({str(path)!r})) as journal:
            journal.open_run({FACTS!r})
            journal.done(InputKey("file one", True), verdict(source="one.mp4"))
            size = Path({str(path)!r}).stat().st_size
            resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, size + 100))
            try:
                journal.done(InputKey("file two", True), verdict(source="two.mp4"))
            except OutputError as error:
                print(error)
    """
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], timeout=120, check=True, capture_output=True, text=True, env=_with_builders()
    )
    assert f"{path}: cannot be written: File too large" in ended.stdout
    assert not path.read_bytes().endswith(b"\n")
    with opened(path) as journal:
        assert sources(journal, ONE, TWO) == ["one.mp4", None]
        journal.done(TWO, verdict(source="two.mp4"))
        assert sources(journal, TWO) == ["two.mp4"]


def _with_builders() -> dict[str, str]:
    here = Path(__file__).resolve()
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(here.parents[2]), str(here.parents[3]), os.environ.get("PYTHONPATH", "")])}
