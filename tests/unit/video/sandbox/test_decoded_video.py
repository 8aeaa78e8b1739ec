"""The decoding process: what it contains, and that it is otherwise invisible."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from PIL import Image
from video_media import number_of, write_clip

from screener.errors import SourceError
from screener.settings import ScanSettings
from screener.video import open_video
from screener.video.sandbox import child
from screener.video.sandbox.decoded_video import Video, _Worker
from screener.video.sandbox.protocol import STALLED_STATUS
from screener.video.sources import file_source


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "clip.mp4", options={"bf": "2"})


@pytest.fixture(autouse=True)
def _no_idle_processes() -> None:
    _Worker.kill_idle()


EVERY = ScanSettings(all_frames=True)


def process_of(video: Video) -> subprocess.Popen[bytes]:
    return video._worker.child.popen


def test_frames_and_facts(clip: Path) -> None:
    with open_video(file_source(clip), ScanSettings(frames=8)) as video:
        assert video.expected_frames == 8
        assert video.facts.codec == "h264" and video.facts.frames_sampled == 0
        frames = video.frames()
        next(frames)
        assert video.facts.frames_sampled == 1
        rest = list(frames)
    assert [number_of(frame.picture_rgb) for frame in rest] == [7, 12, 17, 22, 27, 32, 37]
    facts = video.facts
    assert (facts.frames_decoded, facts.frames_sampled, facts.frames_judged, facts.reasons) == (40, 8, 0, ())
    assert facts.size_wh == (96, 64) and facts.duration_seconds == pytest.approx(1.6)


def test_failures_have_a_reason_and_spare_the_process(tmp_path: Path, clip: Path) -> None:
    (tmp_path / "noise.mp4").write_bytes(bytes(range(256)) * 40)
    with open_video(file_source(clip), EVERY) as video:
        first = process_of(video)
        list(video.frames())
    with pytest.raises(SourceError) as caught:
        open_video(file_source(tmp_path / "noise.mp4"), EVERY)
    assert caught.value.reason == "not_media"
    with open_video(file_source(clip), EVERY) as video:
        assert process_of(video) is first


def test_a_crash_is_a_reason_and_not_the_end(clip: Path) -> None:
    with open_video(file_source(clip), EVERY) as video:
        frames = video.frames()
        next(frames)
        process_of(video).send_signal(signal.SIGSEGV)
        list(frames)
    assert "decoder_crash" in video.facts.reasons
    with open_video(file_source(clip), EVERY) as video:
        assert len(list(video.frames())) == 40


@pytest.mark.parametrize(("status", "reason"), [(STALLED_STATUS, "timeout"), (139, "decoder_crash")])
def test_a_decoder_that_dies_before_the_first_frame(clip: Path, monkeypatch: pytest.MonkeyPatch, status: int, reason: str) -> None:
    monkeypatch.setattr("screener.video.sandbox.child.START", f"import sys; sys.stdin.buffer.read(8); sys.exit({status})")
    with pytest.raises(SourceError) as caught:
        open_video(file_source(clip), EVERY)
    assert caught.value.reason == reason


def test_a_step_that_hangs_ends_the_process_with_the_status_of_a_stall() -> None:
    hang = "import time; from screener.video.sandbox.worker import _Watchdog; w = _Watchdog(0.1); w.alive(); time.sleep(60)"
    root = Path(__file__).parents[4]
    done = subprocess.run([sys.executable, "-c", hang], cwd=root, stderr=subprocess.DEVNULL, timeout=50, check=False)
    assert done.returncode == STALLED_STATUS


def test_close_from_another_thread_ends_the_iteration(clip: Path) -> None:
    video = open_video(file_source(clip), EVERY)
    delivered = threading.Event()
    counts: list[int] = []

    def consume() -> None:
        indices = []
        for frame in video.frames():
            indices.append(frame.index)
            delivered.set()
            closed.wait(30)
        counts.append(len(indices))

    closed = threading.Event()
    thread = threading.Thread(target=consume)
    thread.start()
    assert delivered.wait(30)
    video.close()
    video.close()
    closed.set()
    thread.join(30)
    assert not thread.is_alive()
    assert counts and counts[0] < 40
    assert process_of(video).poll() is not None


def test_closing_after_the_end_spares_the_process_for_the_next(clip: Path) -> None:
    with open_video(file_source(clip), EVERY) as video:
        list(video.frames())
    with open_video(file_source(clip), EVERY) as other:
        video.close()
        assert len(list(other.frames())) == 40


def test_leaving_early_leaves_no_process(clip: Path) -> None:
    with open_video(file_source(clip), EVERY) as video:
        next(video.frames())
    assert process_of(video).poll() is not None


def test_frames_can_be_read_once(clip: Path) -> None:
    with open_video(file_source(clip), EVERY) as video:
        list(video.frames())
        with pytest.raises(RuntimeError, match="already iterated"):
            list(video.frames())


def test_several_at_once(tmp_path: Path, clip: Path) -> None:
    other = write_clip(tmp_path / "other.mp4", frames=20)
    with open_video(file_source(clip), EVERY) as one, open_video(file_source(other), EVERY) as two:
        pairs = list(zip(one.frames(), two.frames(), strict=False))
    assert len(pairs) == 20
    assert all(number_of(a.picture_rgb) == number_of(b.picture_rgb) for a, b in pairs)


def test_nothing_is_printed(tmp_path: Path, clip: Path, capfd: pytest.CaptureFixture[str]) -> None:
    data = clip.read_bytes()
    (tmp_path / "cut.mp4").write_bytes(data[: len(data) // 2])
    (tmp_path / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(50))
    av1 = write_clip(tmp_path / "av1.mp4", "libsvtav1", 5, options={"preset": "12"})
    capfd.readouterr()
    for path in (clip, av1, tmp_path / "cut.mp4", tmp_path / "bad.png"):
        try:
            with open_video(file_source(path), EVERY) as video:
                list(video.frames())
        except SourceError:
            pass
    assert capfd.readouterr() == ("", "")


def test_the_environment_and_the_folder_are_left_alone(tmp_path: Path, clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cv2.py").write_text("raise SystemExit('imported from the folder of the user')")
    monkeypatch.chdir(tmp_path)
    before = dict(os.environ)
    with open_video(file_source("clip.mp4"), EVERY) as video:
        assert len(list(video.frames())) == 40
    assert dict(os.environ) == before


def test_the_scanning_process_loads_no_decoder() -> None:
    check = "import sys, screener.video; sys.exit(bool({'cv2', 'av', 'torch'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", check], cwd=Path(__file__).parents[4], check=False).returncode == 0


LEAVES_A_COMPLAINT = """
import os, screener.video.sandbox.worker as w
decode = w.decode
def first(*given):
    w.decode = decode
    os.write(2, b"error while decoding MB 1 1")
    raise w.SourceError("corrupt", "given up")
w.decode = first
main()
"""


def test_complaints_of_one_input_are_not_counted_on_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "START", child.START.replace("main()", LEAVES_A_COMPLAINT))
    picture = tmp_path / "a.png"
    Image.new("RGB", (64, 64)).save(picture)
    with pytest.raises(SourceError, match="given up"):
        open_video(file_source(picture), EVERY)
    (kept,) = _Worker._idle
    with open_video(file_source(picture), EVERY) as video:
        assert len(list(video.frames())) == 1 and process_of(video) is kept.child.popen
    assert (video.facts.decode_errors, video.facts.reasons) == (0, ())


SAYS = """
import struct, sys
from screener.video.sandbox.protocol import LENGTH
sys.stdin.buffer.read(8)
for text in {texts!r}:
    sys.stdout.buffer.write(LENGTH.pack(len(text)) + text)
sys.stdout.buffer.flush()
sys.stdin.buffer.read()
"""
OPENED = b'{"expected_frames": 1, "facts": {"codec": "h264"}}'


@pytest.mark.parametrize(
    "texts",
    [
        [b"7"], [b"[]"], [b"null"], [b'"opening"'], [b"not JSON"], [b"\xff"], [b'{"facts": 7}'], [b'{"facts": {"fps": "x"}}'],
        [b'{"facts": {"reasons": ["none"]}}'], [b'{"failed": "no reason of ours", "message": ""}'], [b'{"failed": "corrupt"}'],
        [b"[" * 9000],
        [OPENED, b"7"], [OPENED, b'{"frame": 7}'], [OPENED, b'{"frame": {}}'], [OPENED, b'{"frame": {"size_wh": [1, 1], "slot": 1e400}}'],
    ],
)  # fmt: skip
def test_an_answer_that_makes_no_sense_is_a_reason(clip: Path, monkeypatch: pytest.MonkeyPatch, texts: list[bytes]) -> None:
    monkeypatch.setattr(child, "START", child.START.split("from screener")[0] + SAYS.format(texts=texts))
    with pytest.raises(SourceError, match="decoder") as caught, open_video(file_source(clip), EVERY) as video:
        list(video.frames())
    assert caught.value.reason == "decoder_crash"
