"""The same frames give the same scores with every reader."""

from __future__ import annotations

from pathlib import Path

import av

import screener
from screener.records import Frame
from screener.video.ledger import Complaints
from screener.video.readers.careful import CarefulReader

TOLERANCE_P_FAKE = 0.02
"""Readers turn the same decoded picture into RGB with other roundings, of a level or two."""


def carefully(path: Path, wanted: dict[int, float]) -> list[Frame]:
    """The frames with these numbers, decoded by PyAV. wanted: number -> seconds."""
    container = av.open(str(path))
    reader = CarefulReader(container, container.streams.video[0], Complaints(), shown_name=path.name, max_pixels=1 << 26)
    frames, number = [], 0
    while reader.grab():
        picture = reader.picture() if number in wanted else None
        if picture is not None:
            frames.append(Frame(picture, wanted[number], number))
        number += 1
    reader.close()
    return frames


def test_scores_of_the_same_frames_agree_between_readers(loaded: screener.Screener, media: Path) -> None:
    fast = loaded.scan(media / "one.mp4")
    assert fast.video.reader == "opencv" and len(fast.frames) > 3
    given = carefully(media / "one.mp4", {face.frame_index: face.pts_seconds for face in fast.frames})
    careful = loaded.scan_frames(given, fps=fast.video.fps)
    assert [face.frame_index for face in careful.frames] == [face.frame_index for face in fast.frames]
    apart = [abs(one.p_fake - other.p_fake) for one, other in zip(fast.frames, careful.frames, strict=True)]
    assert max(apart) <= TOLERANCE_P_FAKE, apart
    assert fast.p_fake is not None and careful.p_fake is not None and abs(fast.p_fake - careful.p_fake) <= TOLERANCE_P_FAKE
