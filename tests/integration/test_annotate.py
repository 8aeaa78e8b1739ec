"""`scan --annotate` and `--stills` on files with and without sound, on pictures, and on inputs that cannot be read again."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from builders import face_score, person, verdict
from command_line import FAILS_ALL, Ended, run_here
from face_media import FRAMES, RATE, SIDE_PX, portrait
from PIL import Image

from screener.annotation import copies
from screener.annotation.annotated_picture import annotated
from screener.annotation.copies import CopyFolder, StillsFolder
from screener.annotation.people import COLOURS, Shown
from screener.errors import SourceError
from screener.records import VideoFacts
from screener.settings import ScanSettings
from screener.video import file_source


def with_tone(path: Path, sound: str, rate: int = 24000) -> Path:
    """The portrait with a tone under it, as long as the picture."""
    with av.open(str(path), "w") as output:
        video = output.add_stream("libx264", rate=RATE, options={"preset": "ultrafast", "crf": "18"})
        video.width, video.height, video.pix_fmt = SIDE_PX, SIDE_PX, "yuv420p"
        audio = output.add_stream(sound, rate=rate, layout="mono")
        tone = np.sin(np.arange(rate * FRAMES // RATE) / 9).astype(np.float32)[None] / 2
        for number in range(FRAMES):
            output.mux(video.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(portrait(number)), format="rgb24")))
        output.mux(video.encode())
        frame = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
        frame.sample_rate = rate
        for piece in av.AudioResampler(
            format=audio.codec_context.format, layout="mono", rate=rate, frame_size=audio.codec_context.frame_size or 960
        ).resample(frame):
            output.mux(audio.encode(piece))
        output.mux(audio.encode())
    return path


def scanned(checkpoint: Path, *arguments: str | Path) -> Ended:
    options = ("--threshold", str(FAILS_ALL), "--device", "cpu", "--dtype", "float32", "--frames", "16", "--checkpoint", checkpoint)
    return run_here("scan", *arguments, *options)


def sounds(path: Path) -> bytes:
    with av.open(str(path)) as container:
        return b"".join(bytes(packet) for packet in container.demux(audio=0) if packet.size)


def pictures(path: Path) -> list[tuple[float, np.ndarray]]:
    with av.open(str(path)) as container:
        return [(frame.time, frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]


@pytest.mark.parametrize(("name", "sound", "suffix"), [("a.mp4", "aac", ".mp4"), ("a.mkv", "mp2", None), ("a.mov", "pcm_s16le", None)])
def test_a_copy_has_every_picture_at_its_time_and_the_sound_as_it_was(
    name: str, sound: str, suffix: str | None, tmp_path: Path, checkpoint: Path
) -> None:
    path = with_tone(tmp_path / name, sound)
    ended = scanned(checkpoint, path, "--annotate", tmp_path / "copies")
    (copy,) = (tmp_path / "copies").iterdir()
    assert ended.status == 1 and "1 annotated: " in ended.err
    assert copy.suffix in ({suffix} if suffix else {".mp4", ".mkv"})
    assert sounds(copy) == sounds(path)
    given, made = pictures(path), pictures(copy)
    assert [round(seconds, 2) for seconds, _ in made] == [round(seconds, 2) for seconds, _ in given]
    for (_, before), (_, after) in zip(given, made, strict=True):
        beside = np.abs(after[-12:].astype(int) - before[-12:]).mean()  # below the face, and below its label
        assert beside < 3
        orange = np.abs(after.astype(int) - COLOURS["fake"]).max(2) < 40
        assert orange.sum() > 100


def test_a_picture_is_copied_without_loss_beside_what_is_drawn(tmp_path: Path, checkpoint: Path, media: Path) -> None:
    scanned(checkpoint, media / "face.png", "--annotate", tmp_path / "copies")
    (copy,) = (tmp_path / "copies").iterdir()
    before, after = (cv2.imread(str(path)) for path in (media / "face.png", copy))
    assert copy.suffix == ".png" and before.shape == after.shape
    assert (before[-12:] == after[-12:]).all() and not (before == after).all()


def test_the_frames_that_decided_are_whole_and_named_by_person_and_time(tmp_path: Path, checkpoint: Path, media: Path) -> None:
    ended = scanned(checkpoint, media / "pair.mp4", "--stills", tmp_path / "stills")
    (folder,) = (tmp_path / "stills").iterdir()
    names = sorted(path.name for path in folder.iterdir())
    assert len(names) == 6 and "6 stills: " in ended.err
    assert {name[:9] for name in names} == {"person-1-", "person-2-"}
    assert cv2.imread(str(folder / names[0])).shape == (SIDE_PX, 2 * SIDE_PX, 3)


def test_what_cannot_be_read_has_no_copy_and_stops_nothing(tmp_path: Path, checkpoint: Path, media: Path) -> None:
    ended = scanned(
        checkpoint, media / "gone.mp4", media / "notes.txt", media / "one.mp4", "--annotate", tmp_path / "c", "--stills", tmp_path / "s"
    )
    assert ended.status == 1 and "Traceback" not in ended.err
    assert [path.name[:7] for path in (tmp_path / "c").iterdir()] == ["one.mp4"]


@pytest.mark.parametrize("suffix", ["webp", "gif", "avif"])
def test_an_animation_has_a_copy_without_sound(suffix: str, tmp_path: Path, checkpoint: Path) -> None:
    frames = [Image.fromarray(portrait(number)) for number in range(8)]
    frames[0].save(tmp_path / f"moving.{suffix}", save_all=True, append_images=frames[1:], duration=40)
    ended = scanned(checkpoint, tmp_path / f"moving.{suffix}", "--annotate", tmp_path / "c")
    (copy,) = (tmp_path / "c").iterdir()
    assert ended.status == 1 and "cannot" not in ended.err
    assert copy.suffix == ".mp4" and len(pictures(copy)) == 8


def slowly_copied(media: Path, folder: Path, limit_seconds: float, monkeypatch: pytest.MonkeyPatch) -> CopyFolder:
    """Copy a judged clip under a time limit; drawing its first picture takes longer than a second."""
    waits = [1.5]

    def slowly(*arguments: Any) -> np.ndarray:
        if waits:
            time.sleep(waits.pop())
        return annotated(*arguments)

    monkeypatch.setattr(copies, "annotated", slowly)
    made = CopyFolder(folder, ScanSettings(time_limit_seconds=limit_seconds))
    judged = verdict(source="one.mp4", video=VideoFacts(frames_decoded=FRAMES, fps=float(RATE)))
    made.add(judged, file_source(media / "one.mp4"))
    return made


def test_the_time_limit_of_judging_does_not_shorten_the_copy(tmp_path: Path, media: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slowly_copied(media, tmp_path, 1.0, monkeypatch)
    (copy,) = tmp_path.iterdir()
    assert len(pictures(copy)) == FRAMES


def test_a_copy_that_would_be_cut_short_is_not_made(tmp_path: Path, media: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copies, "READING_SECONDS", 1.0)
    with pytest.raises(SourceError, match=r"one\.mp4: reading it again was not finished: the time limit was reached"):
        slowly_copied(media, tmp_path, 60.0, monkeypatch)
    assert not list(tmp_path.iterdir())


def test_a_still_says_of_a_person_what_the_verdict_says(tmp_path: Path, media: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the score of the face in it: a score below the threshold does not make anyone genuine."""
    drawn: list[Shown] = []

    def noting(picture: np.ndarray, shown: list[Shown], *rest: Any) -> np.ndarray:
        drawn.extend(shown)
        return annotated(picture, shown, *rest)

    monkeypatch.setattr(copies, "annotated", noting)
    people = (person("undecided", 0.5, track_id=1, reasons=("near_threshold",)), person("fake", 0.9, track_id=2))
    frames = (face_score(0.55, track_id=1), face_score(0.45, track_id=2))
    judged = verdict(source="one.mp4", outcome="fake", people=people, frames=frames, video=VideoFacts(frames_decoded=FRAMES))
    StillsFolder(tmp_path, ScanSettings()).add(judged, file_source(media / "one.mp4"))
    assert [(one.number, one.outcome, one.p_fake, one.why) for one in sorted(drawn, key=lambda one: one.number)] == [
        (1, "undecided", 0.55, ("near_threshold",)),
        (2, "fake", 0.45, ()),
    ]
