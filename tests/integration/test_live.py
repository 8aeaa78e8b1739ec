"""The live command on a named pipe, a server and a file: its output, files and exit status."""

from __future__ import annotations

import os
import time
from itertools import chain
from pathlib import Path

import av
import pytest
from command_line import FAILS_ALL, PASSES_ALL, run_here
from face_media import portrait, write_clip
from jsonschema import Draft202012Validator
from live_media import LIVE_RATE, JpegServer, PipeWriter, person, transport_chunks
from live_updates import live_schema
from live_watching import Event, kinds, watching
from web_pages import read, words

from screener import LiveSettings, ScanSettings, Screener
from screener.runtime.file_hash import sha256_of
from screener.video.live.one_source import live_source
from screener.watching.watch import Watch

IMPATIENT = """
[screener.live]
retry_seconds = [0.3, 0.5]
timeout_seconds = 3.0
stale_seconds = 1.0
frozen_seconds = 1.0
hold_seconds = 0.5
window_seconds = 5.0
"""

PATIENT = """
[screener.live]
min_frames = 1
min_seconds = 0.0
timeout_seconds = 60.0
stale_seconds = 30.0
frozen_seconds = 30.0
"""
"""For tests of something else than interruptions: on a busy machine frames are few and far between."""


@pytest.fixture
def patient(tmp_path: Path) -> Path:
    path = tmp_path / "patient.toml"
    path.write_text(PATIENT, encoding="utf-8")
    return path


@pytest.fixture
def impatient(tmp_path: Path) -> Path:
    path = tmp_path / "impatient.toml"
    path.write_text(IMPATIENT, encoding="utf-8")
    return path


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    return path


def assert_sound(events: list[Event]) -> None:
    """Every event keeps to the schema, times rise, and each alarm is taken back at most once before the next."""
    validator = Draft202012Validator(live_schema())
    for event in events:
        validator.validate(event)
    moments = [event["seconds"] for event in events]
    assert moments == sorted(moments)
    assert (kinds(events)[0], kinds(events)[-1]) == ("start", "summary")
    standing: set[int] = set()
    for event in events:
        if event["event"] == "alarm":
            assert event["track_id"] not in standing
            standing.add(event["track_id"])
        elif event["event"] == "cleared":
            standing.remove(event["track_id"])
        elif event["event"] in ("lost", "stale"):
            assert not standing, "an alarm outlives its pictures"


def test_a_pipe_raises_an_alarm_that_is_recorded(pipe: Path, checkpoint: Path, patient: Path, tmp_path: Path) -> None:
    video, faces = tmp_path / "watch.mp4", tmp_path / "faces"
    options = ("--threshold", str(FAILS_ALL), "--record", video, "--snapshot", faces, "--config", patient)
    with watching(pipe, checkpoint, *options) as watch:
        assert watch.until("start")["source"] == str(pipe)
        with PipeWriter(pipe, transport_chunks(person, 9000)):
            alarm = watch.until("alarm")
            while frames_of(video) <= 3:
                assert watch.process.poll() is None, watch.err
                time.sleep(0.2)
            events = watch.interrupt()
        assert watch.process.returncode == 130, watch.err
    assert_sound(events)
    assert (alarm["track_id"], alarm["outcome"], alarm["p_fake"] >= FAILS_ALL) == (1, "fake", True)
    summary = events[-1]
    assert (summary["outcome"], summary["alarms"], summary["coverage"], summary["connections"]) == ("fake", 1, "complete", 1)
    assert summary["frames_dropped"] == summary["video"]["frames_decoded"] - summary["video"]["frames_sampled"]
    assert summary["delay_median_seconds"] <= summary["delay_p95_seconds"]
    assert [path.suffix for path in faces.iterdir()]
    assert frames_of(video) > 3


def frames_of(video: Path) -> int:
    """How many pictures of a recording can be played; it may still be growing, or not have begun."""
    try:
        with av.open(str(video)) as recorded:
            return sum(1 for _ in recorded.decode(video=0))
    except av.error.FFmpegError:
        return 0


def test_a_server_without_an_alarm_ends_by_itself_with_0(checkpoint: Path, patient: Path) -> None:
    patient.write_text(PATIENT.replace("min_frames = 1", "min_frames = 4"), encoding="utf-8")
    for duration in (5, 15, 60):  # the first is enough for a machine that is not busy
        with (
            JpegServer().running() as server,
            watching(server.address, checkpoint, "--threshold", str(PASSES_ALL), "--duration", str(duration), "--config", patient) as watch,
        ):
            events = watch.rest()
        if "genuine" in [event.get("outcome") for event in events if event["event"] == "person"] and not events[-1]["outages"]:
            break
    assert watch.process.returncode == 0, (watch.err, events)
    assert_sound(events)
    assert [event["outcome"] for event in events if event["event"] == "person"] == ["undecided", "genuine"]
    assert (events[-1]["coverage"], events[-1]["outages"], server.connections) == ("complete", 0, 1)


def test_a_server_that_stalls_freezes_and_goes_away(checkpoint: Path, impatient: Path) -> None:
    """One watch through everything: it says what is wrong, takes its verdict back at once, and comes back each time."""
    with (
        JpegServer().running() as server,
        watching(server.address, checkpoint, "--threshold", str(FAILS_ALL), "--config", impatient) as watch,
    ):
        watch.until("alarm")
        server.doing = "stall"
        assert watch.until("cleared")["cause"] == "stale"
        assert watch.until("stale")["state"] == "stale"
        assert watch.until("lost")["reason"] == "timeout"
        server.doing = "send"
        second = watch.until("reconnected", lambda event: event["segment"] > 1)
        assert (second["after"], second["lost_seconds"] >= 3.0) == ("lost", True)
        assert watch.until("alarm")["track_id"] > 1, "someone after a loss is someone new"

        server.doing = "repeat"
        assert watch.until("cleared", lambda event: event["cause"] != "stale")["cause"] == "frozen"
        watch.until("stale", lambda event: event["state"] == "frozen")
        server.doing = "send"
        back = watch.until("reconnected")
        assert (back["after"], back["segment"]) == ("frozen", second["segment"])
        watch.until("alarm")

        server.doing = "cut"
        assert watch.until("cleared")["cause"] in ("lost", "stale")
        watch.until("lost")
        time.sleep(1.0)
        server.doing = "send"
        third = watch.until("reconnected", lambda event: event["after"] == "lost")
        assert third["segment"] > second["segment"]
        watch.until("alarm")
        events = watch.interrupt()
    assert_sound(events)
    summary = events[-1]
    # Three of each, if the machine was never too busy for a second.
    assert (summary["outcome"], summary["coverage"]) == ("fake", "partial")
    ended = [event for event in events if event["event"] == "reconnected"]
    assert 3 <= len(ended) <= summary["outages"] <= len(ended) + 1
    assert summary["connections"] == max(event["segment"] for event in ended) >= 3
    assert "stream_lost" in summary["reasons"]
    assert summary["lost_seconds"] < summary["watched_seconds"]


def test_nobody_there_at_first(checkpoint: Path, impatient: Path) -> None:
    server = JpegServer()
    server.doing = "cut"
    with server.running(), watching(server.address, checkpoint, "--threshold", str(PASSES_ALL), "--config", impatient) as watch:
        watch.until("lost")
        server.doing = "send"
        watch.until("person", lambda event: event["outcome"] == "genuine")
        events = watch.interrupt()
    assert_sound(events)
    assert kinds(events)[:3] == ["start", "lost", "reconnected"]


def test_a_pipe_that_changes_size_and_sends_garbage(pipe: Path, checkpoint: Path, impatient: Path) -> None:
    small = transport_chunks(person, 4 * LIVE_RATE)
    large = transport_chunks(lambda number: portrait(8 + number % 3, 240), 4 * LIVE_RATE, first=4 * LIVE_RATE)
    garbage = [os.urandom(1500) for _ in range(2 * LIVE_RATE)]
    after = transport_chunks(person, 9000, first=10 * LIVE_RATE)
    with watching(pipe, checkpoint, "--threshold", str(PASSES_ALL), "--config", impatient) as watch:
        watch.until("start")
        with PipeWriter(pipe, chain(small, large, garbage, after)):
            watch.until("person", lambda event: event["outcome"] == "genuine")
            # Without a picture for a while, and then there is one again; how it is lost is the decoder's affair.
            watch.until("reconnected")
            watch.until("person", lambda event: event["outcome"] == "genuine")
            events = watch.interrupt()
        assert watch.process.returncode == 130, watch.err
    assert_sound(events)
    assert (events[-1]["coverage"], events[-1]["alarms"]) == ("partial", 0)


def test_an_interrupt_while_nobody_writes(pipe: Path, checkpoint: Path) -> None:
    with watching(pipe, checkpoint) as watch:
        watch.until("start")
        asked = time.monotonic()
        events = watch.interrupt()
        assert time.monotonic() - asked < 20.0, "an idle machine needs a tenth of a second"
        assert watch.process.returncode == 130, watch.err
        assert "Traceback" not in watch.err
    assert kinds(events) == ["start", "summary"]
    assert (events[-1]["outcome"], events[-1]["coverage"]) == ("undecided", "none")


@pytest.mark.parametrize(("threshold", "outcome"), [(FAILS_ALL, "fake"), (PASSES_ALL, "genuine")])
def test_a_file_gets_the_scores_and_the_outcome_of_a_scan(threshold: float, outcome: str, checkpoint: Path, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", lambda number: person(2 * number), frames=24)
    judging = {"threshold": threshold, "device": "cpu", "dtype": "float32", "min_frames": 1}
    scanned = Screener(ScanSettings(all_frames=True, detect_every=1, **judging), checkpoint).scan(clip)
    settings = LiveSettings(stale_seconds=30.0, frozen_seconds=30.0, **judging)
    by_frame = {score.frame_index: score for score in scanned.frames}
    found = []
    with Watch(Screener(settings.judging(), checkpoint), live_source(clip), settings) as watch:
        for update in watch:
            found += update.scores
    assert found, "the last frame at least is judged, on however slow a machine"
    for score in found:
        twin = by_frame[score.frame_index]
        assert score.p_fake == pytest.approx(twin.p_fake, abs=1e-3)
        assert score.pts_seconds == pytest.approx(twin.pts_seconds)
        assert score.box_xyxy == pytest.approx(twin.box_xyxy, abs=0.01)
    assert watch.verdict is not None
    assert watch.verdict.video.frames_judged == len({score.frame_index for score in found})
    assert (watch.verdict.outcome, watch.verdict.coverage) == (scanned.outcome, scanned.coverage) == (outcome, "complete")


def test_a_file_says_a_line_and_exits_as_a_scan_does(media: Path, checkpoint: Path, patient: Path) -> None:
    options = ("--threshold", str(FAILS_ALL), "--checkpoint", checkpoint, "--device", "cpu", "--config", patient)
    ended = run_here("live", media / "one.mp4", *options)
    assert ended.status == 1, ended.err
    assert ended.out.startswith(f"FAKE        {media / 'one.mp4'}  ")
    assert "played in real time" in ended.err


def test_the_page_of_a_watch_shows_who_raised_an_alarm(media: Path, checkpoint: Path, patient: Path, tmp_path: Path) -> None:
    options = ("--threshold", str(FAILS_ALL), "--checkpoint", checkpoint, "--device", "cpu", "--quiet", "--config", patient)
    ended = run_here("live", media / "one.mp4", "--report", tmp_path / "report", *options)
    assert ended.status == 1, ended.err
    (page,) = (tmp_path / "report").glob("one.mp4-*.html")
    assert f"report: {page}" in ended.err and (tmp_path / "report" / "index.html").is_file()
    text = page.read_text(encoding="utf-8")
    assert "Judged fake" in words(text)
    assert str(sha256_of(media / "one.mp4")) in text
    assert [tag for tag, attributes in read(text).elements if tag == "img" and str(attributes["src"]).startswith("data:image/jpeg")]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
def test_a_recording_that_finds_no_space_does_not_end_the_watch(media: Path, checkpoint: Path, patient: Path) -> None:
    """The verdict is reached and told all the same; the exit status says that not everything was kept."""
    options = ("--threshold", str(FAILS_ALL), "--checkpoint", checkpoint, "--device", "cpu", "--quiet", "--config", patient)
    ended = run_here("live", media / "one.mp4", "--record", "/dev/full", *options)
    assert (ended.status, ended.out.startswith(f"FAKE        {media / 'one.mp4'}  ")) == (2, True), ended.err
    assert "not everything was kept: /dev/full: the recording cannot be written: No space left" in ended.err
    assert "Traceback" not in ended.err


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("missing.mp4", "no such file"),
        ("face.png", "screener scan"),
        ("notes.txt", "text file"),
        (".", "neither a file"),
        ("ftp://127.0.0.1/a.ts", "refused"),
    ],
)
def test_what_cannot_be_watched(media: Path, checkpoint: Path, name: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(media)
    ended = run_here("live", name, "--checkpoint", checkpoint)
    assert (ended.status, ended.out) == (2, "")
    assert words in ended.err
    assert "Traceback" not in ended.err


def test_a_camera_that_is_not_there(checkpoint: Path) -> None:
    ended = run_here("live", "97", "--checkpoint", checkpoint, "--device", "cpu", "--quiet")
    assert ended.status == 2
    assert "--list" in ended.err


def test_a_camera_that_is_gone_costs_neither_the_last_recording_nor_its_events(checkpoint: Path, tmp_path: Path) -> None:
    video, events = tmp_path / "call.mp4", tmp_path / "events.jsonl"
    video.write_bytes(b"earlier pictures")
    events.write_bytes(b"earlier events\n")
    options = ("--checkpoint", checkpoint, "--device", "cpu", "--quiet", "--heartbeat", "1")
    ended = run_here("live", "97", "--record", video, "--jsonl", "-o", events, *options)
    assert (ended.status, "--list" in ended.err) == (2, True)
    assert (video.read_bytes(), events.read_bytes()) == (b"earlier pictures", b"earlier events\n")


def test_realtime_is_for_files(checkpoint: Path) -> None:
    ended = run_here("live", "http://127.0.0.1:9/", "--realtime", "--checkpoint", checkpoint)
    assert (ended.status, "--realtime" in ended.err) == (2, True)
