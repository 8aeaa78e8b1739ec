"""Decoders that abort, hang or exhaust memory: contained, reported, and replaced for the next input."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from video_media import read, write_clip

from screener.errors import SourceError
from screener.settings import ScanSettings
from screener.video.sandbox import child
from screener.video.sandbox.decoded_video import _Worker, open_video
from screener.video.sandbox.limits import awaiting, stall_seconds
from screener.video.sources import file_source

resource = pytest.importorskip("resource", reason="this system limits no process")

PLANTED = {
    "aborts": ("import os; os.abort()", "decoder_crash"),
    "reads where nothing is": ("import ctypes; ctypes.string_at(0)", "decoder_crash"),
    "ends with a status of its own": ("import os; os._exit(0)", "decoder_crash"),
    "sleeps": ("import time; time.sleep(600)", "timeout"),
    "loops": ("while True: pass", "timeout"),
    "loops and never lets go of the interpreter": ("import re; re.match('(a+)+b', 'a' * 64)", "timeout"),
    "loops and has switched off its own watchdog": (
        "import faulthandler, re; faulthandler.cancel_dump_traceback_later(); re.match('(a+)+b', 'a' * 64)",
        "timeout",
    ),
    "allocates without end": ("held = []\n    while True: held.append(bytearray(64 << 20))", "decoder_crash"),
    "allocates without end, in C": (
        "import ctypes; c = ctypes.CDLL(None); c.malloc.restype = ctypes.c_void_p\n"
        "    while True: ctypes.memset(ctypes.c_void_p(c.malloc(ctypes.c_size_t(64 << 20))), 1, 64 << 20)",
        "decoder_crash",
    ),
    "writes more than it may": ("import tempfile\n    with tempfile.TemporaryFile() as f: f.truncate(2 << 30)", "decoder_crash"),
}
"""What stands in for the decoder, and the reason that must come of it."""

SETTINGS = ScanSettings(stall_seconds=1.0, decoder_memory_mb=1536)
PATIENT = ScanSettings(stall_seconds=60.0, decoder_memory_mb=1536)
"""For what must be ended by another limit than that of time: filling the memory takes a while."""


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    _Worker.kill_idle()
    monkeypatch.setattr("screener.video.sandbox.limits.GRACE_SECONDS", 1.0)
    monkeypatch.setattr("screener.video.sandbox.decoded_video.GRACE_SECONDS", 1.0)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "clip.mp4", frames=5)


def plant(monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    """Let every new decoding process run `body` instead of decoding."""
    start = child.START.replace(
        "main()", f"import screener.video.sandbox.worker as w\ndef decode(*given):\n    {body}\nw.decode = decode\nmain()"
    )
    monkeypatch.setattr(child, "START", start)


@pytest.mark.parametrize(("body", "reason"), PLANTED.values(), ids=PLANTED)
def test_contained(clip: Path, monkeypatch: pytest.MonkeyPatch, body: str, reason: str) -> None:
    with monkeypatch.context() as planted:
        plant(planted, body)
        with pytest.raises(SourceError) as caught:
            open_video(file_source(clip), SETTINGS if reason == "timeout" else PATIENT)
        assert caught.value.reason == reason, caught.value.message
    _Worker.kill_idle()
    with open_video(file_source(clip), SETTINGS) as video:
        assert len(list(video.frames())) == 5


def test_the_limits_are_those_of_the_settings(clip: Path) -> None:
    with open_video(file_source(clip), ScanSettings(decoder_memory_mb=2000, time_limit_seconds=100.0, all_frames=True)) as video:
        found = Path(f"/proc/{video._worker.child.popen.pid}/limits")
        if not found.exists():
            pytest.skip("this system does not show the limits of a process")
        rows = {line[:26].strip(): line[26:].split()[0] for line in found.read_text().splitlines()[1:]}
    assert rows["Max address space"] == str(2000 << 20)
    assert rows["Max core file size"] == "0"
    assert rows["Max open files"] == "256"
    assert 400 <= int(rows["Max cpu time"]) < 500


def test_processor_time_is_given_anew_to_each_input(clip: Path) -> None:
    for _ in range(3):
        with open_video(file_source(clip), ScanSettings(time_limit_seconds=0.9)) as video:
            assert len(list(video.frames())) == 5


def test_used_up_processor_time_is_a_timeout(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limit = "resource.setrlimit(resource.RLIMIT_CPU, (1, resource.getrlimit(resource.RLIMIT_CPU)[1]))"
    plant(monkeypatch, f"import resource; {limit}\n    while True: pass")
    with pytest.raises(SourceError) as caught:
        open_video(file_source(clip), ScanSettings(stall_seconds=60.0))
    assert caught.value.reason == "timeout"


def test_a_step_may_take_as_long_as_the_time_limit_at_most() -> None:
    assert stall_seconds(ScanSettings(time_limit_seconds=None)) == 60
    assert stall_seconds(ScanSettings()) == 60
    assert 2 < stall_seconds(ScanSettings(time_limit_seconds=2.0)) < 60


def test_only_who_lets_wait_too_long_is_killed() -> None:
    command = [sys.executable, "-c", "import time; time.sleep(600)"]
    with subprocess.Popen(command) as prompt, subprocess.Popen(command) as late:
        with awaiting(prompt, 600) as spared:
            pass
        with awaiting(late, 0.2) as killed:
            assert late.wait(60) != 0
            time.sleep(0.01)
        assert killed and not spared and prompt.poll() is None
        prompt.kill()


def test_long_videos_and_crowded_files_are_refused(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "two.mkv", frames=10, video_streams=2)
    for reason, settings in (("limit_time", {"max_duration_seconds": 0.2}), ("limit_size", {"max_streams": 1})):
        with pytest.raises(SourceError) as caught:
            read(path, **settings)
        assert caught.value.reason == reason
    assert len(read(path, max_duration_seconds=0.5, max_streams=2)[0]) == 10


def test_a_codec_that_nobody_films_with_is_not_decoded(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "old.avi", "zmbv", 3, pixel_format="bgr0")
    with pytest.raises(SourceError) as caught:
        read(path)
    assert caught.value.reason == "unsupported_codec"
    assert "zmbv" in caught.value.message


def test_a_limit_of_time_does_not_hold_for_the_next_input() -> None:
    """In a process of its own, as it limits itself."""
    code = (
        "import resource; from screener.settings import ScanSettings; from screener.video.sandbox.limits import confine\n"
        "for seconds in (5.0, None): confine(ScanSettings(time_limit_seconds=seconds)); print(resource.getrlimit(resource.RLIMIT_CPU)[0])"
    )
    limited, free = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    assert 5 < int(limited) < 100 and int(free) == hard
