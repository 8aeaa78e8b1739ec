"""`scan --markers`: real files in, files for players and editing programs out."""

from __future__ import annotations

import csv
import json
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import opentimelineio as otio
import pytest
from command_line import FAILS_ALL, PASSES_ALL, Ended, run_here
from face_media import pair

FRAMES = 48


def clip(path: Path, rate: str) -> Path:
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=Fraction(rate), options={"preset": "ultrafast", "crf": "18"})
        stream.width, stream.height, stream.pix_fmt = 352, 176, "yuv420p"
        for number in range(FRAMES):
            output.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(pair(number // 4)), format="rgb24")))
        output.mux(stream.encode())
    return path


def scanned(folder: Path, checkpoint: Path, *sources: Path, threshold: float = FAILS_ALL) -> Ended:
    options = ("--frames", "12", "--threshold", str(threshold), "--device", "cpu", "--dtype", "float32", "--json")
    return run_here("scan", *sources, "--markers", folder, "--checkpoint", checkpoint, *options)


@pytest.mark.parametrize("rate", ["24000/1001", "30000/1001", "25"])
def test_markers_are_where_the_json_says(rate: str, tmp_path: Path, checkpoint: Path) -> None:
    ended = scanned(tmp_path / "m", checkpoint, clip(tmp_path / "two people.mp4", rate))
    document = json.loads(ended.out)
    assert ended.status == 1 and document["video"]["frame_rate"] == rate
    stretches = sorted(
        (segment["start_frame"], segment["end_frame"], number)
        for number, person in enumerate(document["people"], 1)
        for segment in person["segments"]
    )
    assert len(document["people"]) == 2 and len(stretches) >= 2
    files = {path.suffix: path for path in (tmp_path / "m").iterdir()}
    assert set(files) == {".vtt", ".csv", ".edl", ".fcpxml", ".xml"}
    rows = list(csv.DictReader(files[".csv"].open(encoding="utf-8", newline="")))
    assert sorted((int(row["start_frame"]), int(row["end_frame"]), int(row["person"])) for row in rows) == stretches
    timeline = otio.adapters.read_from_file(str(files[".xml"]), adapter_name="fcp_xml")
    if isinstance(timeline, otio.schema.SerializableCollection):
        timeline = timeline[0]
    assert sorted(round(marker.marked_range.start_time.value) for marker in timeline.tracks.markers) == [start for start, _, _ in stretches]


def test_a_genuine_video_has_files_without_markers_and_a_picture_none(tmp_path: Path, checkpoint: Path, media: Path) -> None:
    ended = scanned(tmp_path / "m", checkpoint, media / "one.mp4", media / "face.png", media / "gone.mp4", threshold=PASSES_ALL)
    assert "markers of 1 video: " in ended.err
    assert sorted(path.suffix for path in (tmp_path / "m").iterdir()) == [".csv", ".edl", ".fcpxml", ".vtt", ".xml"]
    assert all("one.mp4" in path.name for path in (tmp_path / "m").iterdir())


def test_a_folder_that_cannot_be_made_is_said_before_anything_is_judged(tmp_path: Path, checkpoint: Path, media: Path) -> None:
    (tmp_path / "m").write_text("a file\n")
    ended = scanned(tmp_path / "m", checkpoint, media / "one.mp4")
    assert ended.status == 2 and "is no folder" in ended.err and ended.out == ""
