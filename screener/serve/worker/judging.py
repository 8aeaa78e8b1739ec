"""One scan in, its verdict, report and pictures out, by the same code as `screener scan`, so that the verdict is the same.

Runs in a worker. Knows models, reports and the folder of the scan; does not know the server or its ledger.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from screener.errors import CheckpointError, OutputError, SettingsError
from screener.markers import write_markers
from screener.records import SCHEMA_VERSION, FaceScore, Frame, Verdict
from screener.report.html import rendered
from screener.report.json_document import JsonWriter
from screener.report.page import page_of
from screener.report.progress import QuietProgress
from screener.report.thumbnails import jpeg_of
from screener.report.wording import by_suspicion, numbered
from screener.runtime.file_hash import sha256_of
from screener.runtime.files import make_folder, write_whole
from screener.scanning.batch import FAILED_HERE, Batch, Judged
from screener.scanning.screener import Screener
from screener.scanning.single_pass import OnProgress
from screener.scanning.stages import FrameTransform
from screener.settings import ScanSettings
from screener.verdict.judging import POOLING
from screener.video import Source, SourceFailure
from screener.video.sources import file_source

PROGRESS_SECONDS = 0.2
THUMBNAIL_PX = 320
KEPT_SCREENERS = 3
"""Most model sets that are kept, one per combination of settings. They share the loaded weights and are quick to create."""


class Server(Protocol):
    """The part of the connection to the server that judging uses."""

    def say(self, **message: Any) -> None:
        """Send a message."""
        ...

    def is_cancelled(self, scan_id: str) -> bool:
        """Whether the server has cancelled a scan."""
        ...


class Cancelled(BaseException):
    """The scan was cancelled. A BaseException, like KeyboardInterrupt, so that no code in between swallows it."""


class Judging:
    """Judges scans with loaded models. facts: what every verdict depends on besides input and settings. choices: `fpr` and `pooling` -> the
    values that each may have with these models.
    """

    def __init__(self, settings: ScanSettings, checkpoint: Path | None, scans: Path, workers: int) -> None:
        """Raises CheckpointError, SettingsError and DeviceError."""
        self._scans, self._workers, self._settings = scans, workers, settings
        first = _Seeing(settings, checkpoint)
        self._checkpoint = first.checkpoint
        self._kept: OrderedDict[str, _Seeing] = OrderedDict()
        self._keep(settings, first)
        self.choices = {"fpr": [point.fpr for point in self._checkpoint.contract.operating_points], "pooling": list(POOLING)}
        self.facts = facts_of(first.scan(SourceFailure("nothing", "not_found", "")))

    def judge(self, job: dict[str, Any], server: Server) -> dict[str, Any]:
        """The reply for a scan: `judged`, `cancelled`, or `postponed` if its files cannot be written.

        Raises errors that affect every scan, such as a failed device.
        """
        scan_id = str(job["id"])
        source = source_of(job)
        try:
            screener = self._screener(ScanSettings.from_mapping(job["settings"]))
        except (CheckpointError, SettingsError) as error:  # it was accepted by a server with other weights, or before they were loaded
            screener = self._screener(self._settings)
            job = {**job, "given_up": str(error)}
        screener.first_picture = None
        try:
            if job.get("given_up"):
                verdict = _given_up(screener, source, str(job["given_up"]))
            else:
                verdict = _judged(screener, source, _Telling(scan_id, server))
        except Cancelled:
            return {"cancelled": scan_id}
        try:
            shown = show(verdict, screener.first_picture, self._scans / scan_id)
        except OutputError as error:  # a full disk is not the scan's fault
            return {"postponed": scan_id, "why": str(error)}
        return {"judged": scan_id, "document": JsonWriter(1).one(verdict), "facts": self.facts, "summary": {**summary_of(verdict), **shown}}

    def _screener(self, settings: ScanSettings) -> _Seeing:
        key = json.dumps(settings.to_dict())
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        return self._keep(settings, _Seeing(settings, self._checkpoint))

    def _keep(self, settings: ScanSettings, screener: _Seeing) -> _Seeing:
        screener.cores = max(1, screener.cores // self._workers)
        self._kept[json.dumps(settings.to_dict())] = screener
        while len(self._kept) > KEPT_SCREENERS:
            self._kept.popitem(last=False)
        return screener


class _Seeing(Screener):
    """A Screener that keeps a small copy of the first picture it judges."""

    first_picture: NDArray[np.uint8] | None = None

    def scan(self, source: Any, on_progress: OnProgress | None = None, frame_transform: FrameTransform | None = None) -> Verdict:
        return super().scan(source, on_progress, self._look)

    def _look(self, frame: Frame) -> Frame:
        if self.first_picture is None:
            step = max(1, max(frame.size_wh) // (2 * THUMBNAIL_PX))
            self.first_picture = np.ascontiguousarray(frame.picture_rgb[::step, ::step])
        return frame


class _Telling(QuietProgress):
    """Sends progress to the server, a few times a second, and stops a cancelled scan."""

    def __init__(self, scan_id: str, server: Server) -> None:
        self._scan_id, self._server = scan_id, server
        self._begun = self._told = time.monotonic()

    def advance(self, frames_done: int, expected_frames: int | None = None) -> None:
        """Frames judged so far, and how many are expected, None if unknown."""
        if self._server.is_cancelled(self._scan_id):
            raise Cancelled
        now = time.monotonic()
        if now - self._told < PROGRESS_SECONDS and frames_done > 1:
            return
        self._told = now
        left = (expected_frames - frames_done) * (now - self._begun) / frames_done if expected_frames and frames_done else None
        self._server.say(
            progress=self._scan_id,
            frames=frames_done,
            of=expected_frames or None,
            seconds_left=None if left is None else round(max(0.0, left), 1),
        )


def source_of(job: dict[str, Any]) -> Source:
    """The input of a scan. The verdict uses the name of the scan, not that of the stored file; addresses in it are masked already."""
    if job["kind"] == "url":
        return Source(str(job["target"]), "url", str(job["name"]))
    return file_source(str(job["target"]), str(job["name"]))


def facts_of(verdict: Verdict) -> str:
    """A hash of everything that a verdict depends on besides the input and the settings."""
    rests_on = {"schema_version": SCHEMA_VERSION, "checkpoint": verdict.checkpoint["sha256"], "versions": verdict.versions}
    return hashlib.sha256(json.dumps(rests_on, sort_keys=True, default=str).encode()).hexdigest()


def summary_of(verdict: Verdict) -> dict[str, Any]:
    """The summary of a verdict for lists of scans, with sentences of its page."""
    public, page = verdict.to_dict(), page_of(replace(verdict, frames=()))
    taken = ("sha256", "outcome", "p_fake", "interval", "threshold", "coverage", "reasons", "warnings")
    words = {
        "headline": page.headline, "standfirst": page.standfirst, "certainty": list(page.certainty), "coverage": page.coverage,
        "remarks": list(page.remarks), "not_proof": list(page.not_proof),
    }  # fmt: skip
    numbers = {
        "genuine_below": verdict.operating_point.get("genuine_below"), "people": len(verdict.people),
        "duration_seconds": public["video"]["duration_seconds"],
    }  # fmt: skip
    return {**{name: public[name] for name in taken}, **numbers, "words": words}


def show(verdict: Verdict, first_picture: NDArray[np.uint8] | None, folder: Path) -> dict[str, Any]:
    """Write a scan's report and pictures. Returns the number of crops, and whether there is a thumbnail. Raises OutputError."""
    make_folder(folder / "crops")
    make_folder(folder / "markers")
    write_markers(folder / "markers", "markers", verdict, None)  # an upload has no path that an editing program could open
    write_whole(folder / "report.html", rendered(page_of(verdict)), follow=False)
    listed = []
    for number, (person, score) in enumerate(telling_crops(verdict)):
        assert score.thumbnail_rgb is not None
        write_whole(folder / "crops" / f"{number}.jpg", jpeg_of(score.thumbnail_rgb), follow=False)
        listed.append({"name": f"{number}.jpg", "person": person, **_of_crop(score)})
    write_whole(folder / "crops.json", json.dumps(listed), follow=False)
    if first_picture is not None:
        write_whole(folder / "thumbnail.jpg", jpeg_of(first_picture, THUMBNAIL_PX), follow=False)
    return {"crops": len(listed), "thumbnail": first_picture is not None}


def telling_crops(verdict: Verdict) -> list[tuple[int, FaceScore]]:
    """(person number, score) of the faces whose pictures are kept: the most suspicious person first, then the highest score."""
    kept: dict[int, list[FaceScore]] = {}
    for score in verdict.frames:
        if score.thumbnail_rgb is not None:
            kept.setdefault(score.track_id, []).append(score)
    people = sorted(numbered(verdict), key=lambda one: by_suspicion(one[1]))
    return [(number, score) for number, person in people for score in sorted(kept.get(person.track_id, []), key=lambda s: -s.p_fake)]


def _of_crop(score: FaceScore) -> dict[str, Any]:
    box = [round(float(value), 1) for value in score.box_xyxy]
    return {"track_id": score.track_id, "seconds": round(score.pts_seconds, 3), "p_fake": round(score.p_fake, 4), "box_xyxy": box}


def _judged(screener: Screener, source: Source, progress: _Telling) -> Verdict:
    """Judge as a batch of one input, which returns a verdict even if screener fails on the input."""
    rows: list[Judged] = []
    keep: Callable[[Judged], None] = rows.append
    Batch([source], screener, progress).run(keep)
    return rows[0].verdict


def _given_up(screener: Screener, source: Source, words: str) -> Verdict:
    row = screener.scan(SourceFailure(source.name, FAILED_HERE, f"{source.name}: {words}"))
    return row if source.path is None else replace(row, sha256=sha256_of(source.path))
