"""The ledger: the state transitions of a scan under any interruption, and exactly one verdict."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the extra `serve` is not installed")

from screener.errors import OutputError
from screener.serve.ledger import Database, NewScan, Outbox, Scans, Sessions, Uploads

SUMMARY: dict[str, Any] = {"outcome": "fake", "sha256": "ab", "crops": 2, "thumbnail": True, "p_fake": 0.9}


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(tmp_path / "ledger.sqlite3")
    yield opened
    opened.close()


@pytest.fixture
def scans(database: Database) -> Scans:
    return Scans(database)


def clip(name: str = "clip.mp4", **more: Any) -> NewScan:
    return NewScan("upload", f"{name}.file", name, **more)


def test_the_one_that_waited_longest_is_taken_and_keeps_its_place(scans: Scans) -> None:
    first, second = scans.accept(clip("a")), scans.accept(clip("b"))
    assert [scans.position(scan) for scan in (first, second)] == [1, 2]
    taken = scans.take()
    assert taken is not None and taken.id == first.id and taken.attempts == 1 and taken.started is not None
    assert scans.position(first) is None, "it was read as queued, and is taken"
    scans.give_back(first.id, death=True)
    again = scans.take()
    assert again is not None and again.id == first.id and (again.attempts, again.deaths) == (2, 1)
    other = scans.take()
    assert other is not None and other.id == second.id
    assert scans.take() is None


def test_a_scan_gets_one_verdict_and_none_after_it_was_called_off(scans: Scans) -> None:
    done, off = scans.accept(clip("a")), scans.accept(clip("b"))
    scans.take()
    scans.take()
    assert scans.cancel(off.id) is not None and scans.finish(off.id, "{}", SUMMARY, "facts", False) is None
    assert scans.document(off.id) is None and scans.give_back(off.id, death=True) is None
    first = scans.finish(done.id, "{1}", SUMMARY, "facts", False)
    assert first is not None and first.state == "done" and first.target is None and first.sha256 == "ab" and first.crops == 2
    assert scans.finish(done.id, "{2}", SUMMARY, "facts", False) is None and scans.document(done.id) == "{1}"
    assert scans.cancel(done.id) is None and scans.requeue_all() is None
    assert scans.take() is None, "what was done or called off was judged again"


def test_content_is_known_by_what_its_verdict_rests_on(scans: Scans) -> None:
    scan = scans.accept(clip(content="c"))
    assert scans.known("c", None) == scans.known("c", "facts") == scan and scans.known("other", None) is None
    scans.take()
    scans.finish(scan.id, "{}", SUMMARY, "facts", False)
    known = scans.known("c", "facts")
    assert known is not None and known.id == scan.id
    assert scans.known("c", "other weights") is None and scans.has("c")


def test_callbacks_are_due_with_the_verdict_and_go_with_the_scan(scans: Scans, database: Database) -> None:
    outbox = Outbox(database)
    told, erased, off = (scans.accept(clip(name, callback_url=f"https://{name}.example")) for name in "abc")
    assert outbox.due(time.time()) == []
    for _ in range(3):
        scans.take()
    scans.cancel(off.id)
    for scan in (told, erased):
        scans.finish(scan.id, "{}", SUMMARY, "", False)
    assert scans.erase(erased.id) and not scans.erase(erased.id)
    (message,) = outbox.due(time.time())
    assert message.url == "https://a.example" and message.attempts == 0
    outbox.postpone(message.number, time.time() + 100)
    now = time.time()
    assert outbox.due(now) == [] and (outbox.next_due(now) or 0) > now + 90
    scans.call_back(told.id, "https://second.example")
    assert [one.url for one in outbox.due(time.time())] == ["https://second.example"]
    outbox.remove(message.number)


def test_ended_scans_are_those_that_are_done_or_cancelled(scans: Scans) -> None:
    done, off, running, _ = (scans.accept(clip(name)) for name in "abcd")
    scans.cancel(off.id)
    assert [scans.take(), scans.take()] and scans.find(running.id)
    scans.finish(done.id, "{}", SUMMARY, "", False)
    page, total = scans.page("ended", None, None, None, 10)
    assert [scan.id for scan in page] == [off.id, done.id] and total == 2
    assert scans.page("ended", None, "b", None, 10)[1] == 1


def test_a_search_for_a_sign_that_no_name_has_finds_nothing(scans: Scans) -> None:
    scans.accept(clip("clip"))
    for text in ("\0", "clip\0", "\0clip", "%\0"):
        assert scans.page(None, None, text, None, 10) == ([], 0), text
    assert scans.page(None, None, "clip", None, 10)[1] == 1


@pytest.mark.parametrize("text", ["über", "ÜBER", "STRASSE", "Иван", "иВАН", "100%_", "\\X"])
def test_a_search_ignores_case_in_every_script(scans: Scans, text: str) -> None:
    scans.accept(clip("Überstraße Иван 100%_\\x.mp4"))
    scans.accept(clip("Uberstrabe 100x1x.mp4"))
    assert scans.page(None, None, text, None, 10)[1] == 1


def test_pages_go_back_in_time_without_gaps(scans: Scans) -> None:
    ids = [scans.accept(clip(f"100%_{number}\\x")).id for number in range(7)]
    seen: list[str] = []
    before = None
    while True:
        page, total = scans.page(None, None, None, before, 3)
        seen += [scan.id for scan in page]
        assert total == 7
        if len(page) < 3:
            break
        before = page[-1].number
    assert seen == ids[::-1]
    assert [scans.page("queued", None, text, None, 9)[1] for text in ("%_3\\", "_", "%", "\\", "X", "z")] == [1, 7, 7, 7, 7, 0]


def test_sessions_are_known_by_their_cookie_alone(database: Database, tmp_path: Path) -> None:
    sessions = Sessions(database)
    cookie, other = sessions.begin(), sessions.begin()
    assert sessions.knows(cookie) and not sessions.knows(cookie[:-1]) and not sessions.knows("\udcff")
    sessions.end(cookie)
    assert not sessions.knows(cookie) and sessions.knows(other)
    assert other.encode() not in b"".join(path.read_bytes() for path in tmp_path.iterdir())


def test_what_is_still_to_come_of_uploads_is_counted(database: Database) -> None:
    uploads = Uploads(database)
    one, other = uploads.create("a", 100, ".mp4"), uploads.create("b", 50, "")
    uploads.grown(one.id, 60, None)
    assert uploads.open_count() == (2, 90) and sorted(uploads.open_files()) == sorted([one.file, other.file])
    uploads.grown(other.id, 50, "ab")
    uploads.used(other.id, "scan")
    assert uploads.open_count() == (1, 40) and uploads.open_files() == [one.file] and one.file.endswith(".mp4")


def test_a_ledger_of_another_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(OutputError, match="another version"):
        Database(path)
    (tmp_path / "text").write_text("no database, but long enough to be looked at as one" * 10)
    with pytest.raises(OutputError, match="ledger"):
        Database(tmp_path / "text")


def test_a_transaction_that_cannot_be_committed_does_not_stop_the_next(database: Database, scans: Scans) -> None:
    with pytest.raises(sqlite3.IntegrityError), database.write() as connection:
        connection.execute("PRAGMA defer_foreign_keys = ON")
        connection.execute("INSERT INTO verdicts (scan_id, document) VALUES ('no such scan', '{}')")
    assert scans.find(scans.accept(clip()).id) is not None


def test_a_transaction_that_sqlite_has_rolled_back_says_why(database: Database) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"), database.write() as connection:
        for _ in range(2):
            connection.execute("INSERT OR ROLLBACK INTO sessions (digest, expires) VALUES ('a', 1)")
