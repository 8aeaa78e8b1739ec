"""The records that stages exchange: frozen, of numpy arrays and plain values, checked at construction.

Construction raises ValueError if a field does not hold what it promises. Does not know torch, OpenCV, files or the command line.
"""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from screener import record_checks as check
from screener.errors import REASONS, WARNINGS
from screener.record_stress import ChangedCrop, Stressed, stress_dict
from screener.record_views import (
    frame_dict,
    frame_table,
    person_dict,
    rounded_interval,
    rounded_score,
    rounded_seconds,
    verdict_html,
    verdict_line,
    video_dict,
)

SCHEMA_VERSION = 1

OUTCOMES = ("fake", "genuine", "undecided")
COVERAGES = ("complete", "partial", "none")


@dataclass(frozen=True, eq=False)
class Frame:
    """One decoded picture.

    picture_rgb: (H, W, 3) uint8, upright, with square pixels.
    pts_seconds: presentation time from the container, seconds from the start of the video.
    index: number of the frame in decoding order, from 0.
    """

    picture_rgb: NDArray[np.uint8]
    pts_seconds: float
    index: int

    def __post_init__(self) -> None:
        check.picture(self, "picture_rgb")
        check.finite(self, "pts_seconds")
        check.not_negative(self, "index")

    @property
    def size_wh(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.picture_rgb.shape[1], self.picture_rgb.shape[0]


@dataclass(frozen=True, eq=False)
class FaceBox:
    """One face in one frame.

    box_xyxy: (4,) float32, pixels of the full-size frame; may reach past its edge.
    confidence: the detector's, in [0, 1].
    landmarks_xy: (5, 2) float32, pixels of the full-size frame: eyes, nose, mouth corners, the left one in the picture first; NaN if the
    detector finds none.
    """

    box_xyxy: NDArray[np.float32]
    confidence: float
    landmarks_xy: NDArray[np.float32]

    def __post_init__(self) -> None:
        check.floats(self, "box_xyxy", (4,))
        check.probability(self, "confidence")
        check.floats(self, "landmarks_xy", (5, 2), may_lack=True)

    @property
    def size_px(self) -> float:
        """Shorter side of the box in pixels."""
        x0, y0, x1, y1 = (float(v) for v in self.box_xyxy)
        return min(x1 - x0, y1 - y0)


@dataclass(frozen=True, eq=False)
class Scene:
    """A reduced copy of a whole frame, to show where in it each face is.

    picture_rgb: (h, w, 3) uint8. size_wh: of the original frame, in whose pixels boxes are given.
    """

    picture_rgb: NDArray[np.uint8]
    size_wh: tuple[int, int]
    frame_index: int
    pts_seconds: float

    def __post_init__(self) -> None:
        check.picture(self, "picture_rgb")
        check.size(self, "size_wh")
        check.not_negative(self, "frame_index")
        check.finite(self, "pts_seconds")


@dataclass(frozen=True, eq=False)
class FaceCrop:
    """A face cut from the full-size frame and resized to the network's input.

    crop_rgb: (S, S, 3) uint8. frame_index, pts_seconds: of its frame. sharpness: see `preprocessing.sharpness`.
    scene: reduced copy of its frame, shared by all faces of the frame; None if no report will show it.
    changed: the face after each change of a stress test, in their order; empty if there is none.
    """

    crop_rgb: NDArray[np.uint8]
    box: FaceBox
    frame_index: int
    pts_seconds: float
    track_id: int
    sharpness: float
    scene: Scene | None = None
    changed: tuple[ChangedCrop, ...] = ()

    def __post_init__(self) -> None:
        check.square_picture(self, "crop_rgb")
        check.finite(self, "pts_seconds")
        check.not_negative(self, "frame_index", "sharpness")


@dataclass(frozen=True, eq=False)
class FaceScore:
    """One judged face.

    logit: uncalibrated log-odds of fake. p_fake: the same after calibration, in [0, 1].
    box_xyxy: (4,) float32, pixels of the full-size frame. face_px: shorter side of the box.
    thumbnail_rgb: (s, s, 3) uint8 for the report, or None: pixels are kept only for the few most telling crops.
    blend_map: (h, w) float32, probability of blending in each cell of the crop; only beside a thumbnail, of a face that is judged fake, and
    if the checkpoint's locator is good enough to be shown. Not part of the score.
    """

    track_id: int
    frame_index: int
    pts_seconds: float
    logit: float
    p_fake: float
    box_xyxy: NDArray[np.float32]
    confidence: float
    face_px: float
    sharpness: float
    thumbnail_rgb: NDArray[np.uint8] | None = field(default=None, repr=False)
    blend_map: NDArray[np.float32] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        check.floats(self, "box_xyxy", (4,))
        check.finite(self, "pts_seconds", "logit")
        check.probability(self, "p_fake", "confidence")
        check.not_negative(self, "frame_index", "face_px", "sharpness")
        if self.thumbnail_rgb is not None:
            check.square_picture(self, "thumbnail_rgb")
        if self.blend_map is not None:
            check.floats(self, "blend_map", (None, None))


@dataclass(frozen=True)
class Segment:
    """A stretch of time in which one person looks fake. p_fake: mean over the stretch."""

    start_seconds: float
    end_seconds: float
    p_fake: float

    def __post_init__(self) -> None:
        check.finite(self, "start_seconds", "end_seconds")
        check.probability(self, "p_fake")
        if self.end_seconds < self.start_seconds:
            raise ValueError(f"Segment: expected an end after its start, got {self.start_seconds} to {self.end_seconds} seconds")


@dataclass(frozen=True)
class TrackVerdict:
    """The verdict on one person.

    p_fake and interval are None if nothing could be judged; interval is the central 90 % range of the pooled score.
    frames_judged is 0 for a passer-by who was seen but never scored. reasons: why the outcome is undecided, from `errors.REASONS`.
    """

    track_id: int
    outcome: str
    p_fake: float | None
    interval: tuple[float, float] | None
    first_seconds: float
    last_seconds: float
    frames_seen: int
    frames_judged: int
    face_px_median: float
    segments: tuple[Segment, ...] = ()
    reasons: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check.one_of(self, "outcome", OUTCOMES)
        check.probability_or_none(self, "p_fake")
        check.interval(self, "interval")
        check.finite(self, "first_seconds", "last_seconds")
        check.not_negative(self, "frames_seen", "frames_judged", "face_px_median")
        check.all_of(self, "reasons", REASONS)

    def to_dict(self) -> dict[str, Any]:
        """Plain values only, as in the JSON of a verdict."""
        return person_dict(self, "")


@dataclass(frozen=True)
class VideoFacts:
    """What the reader found out about one input; coverage is decided from it.

    frames_promised: the header's count, 0 if it states none. frames_decoded: actually decoded. frames_sampled: passed on to the later
    stages. frames_judged: of those, the ones in which at least one face was scored. decode_errors: frames or packets lost.
    duration_seconds: last presentation time plus one frame. decode_seconds: working time of the decoder. reader: name of the reader that
    delivered the frames. frame_rate: fps as an exact fraction, such as `30000/1001`, that frames are counted at; "" if unknown.
    reasons, warnings: from `errors.REASONS` and `errors.WARNINGS`.
    """

    duration_seconds: float = 0.0
    size_wh: tuple[int, int] = (0, 0)
    fps: float = 0.0
    codec: str = ""
    reader: str = ""
    is_still: bool = False
    frames_promised: int = 0
    frames_decoded: int = 0
    frames_sampled: int = 0
    frames_judged: int = 0
    decode_errors: int = 0
    decode_seconds: float = field(default=0.0, compare=False)
    reasons: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    frame_rate: str = ""

    def __post_init__(self) -> None:
        check.not_negative(self, *(one.name for one in fields(self) if isinstance(one.default, (int, float))))
        check.size(self, "size_wh")
        check.rate(self, "frame_rate")
        check.all_of(self, "reasons", REASONS)
        check.all_of(self, "warnings", WARNINGS)


@dataclass(frozen=True, repr=False)
class Verdict:
    """The answer for one input, with its evidence. `to_dict` is the public JSON, schema_version 1.

    scanned_at: when judging began, ISO 8601 in UTC, to the second; empty if unknown. scene: the frame in which the deciding person scored
    highest, for the report; None if nobody was judged, or no crops are kept.
    provenance: what the file states about its origin; it has no part in the score. Empty if the input is no file.
    stress: the verdict after each change of a stress test; empty if none was asked for, or nobody could be judged. size_bytes: of the file.
    """

    source: str
    sha256: str | None
    outcome: str
    p_fake: float | None
    interval: tuple[float, float] | None
    threshold: float
    operating_point: dict[str, float]
    coverage: str
    reasons: tuple[str, ...]
    warnings: tuple[str, ...]
    video: VideoFacts
    people: tuple[TrackVerdict, ...]
    frames: tuple[FaceScore, ...]
    checkpoint: dict[str, Any]
    settings: dict[str, Any]
    versions: dict[str, str]
    timing_seconds: dict[str, float] = field(default_factory=dict)
    detail: str = ""
    scanned_at: str = field(default="", compare=False)
    scene: Scene | None = field(default=None, repr=False, compare=False)
    provenance: dict[str, Any] = field(default_factory=dict)
    stress: tuple[Stressed, ...] = ()
    size_bytes: int | None = None

    def __post_init__(self) -> None:
        check.one_of(self, "outcome", OUTCOMES)
        check.one_of(self, "coverage", COVERAGES)
        check.probability_or_none(self, "p_fake")
        check.interval(self, "interval")
        check.probability(self, "threshold")
        check.all_of(self, "reasons", REASONS)
        check.all_of(self, "warnings", WARNINGS)

    def to_dict(self) -> dict[str, Any]:
        """The caller's own plain values, ready for JSON; seconds to the millisecond, scores to four places, boxes to a tenth of a pixel."""
        return {
            "schema_version": SCHEMA_VERSION,
            "source": self.source,
            "sha256": self.sha256,
            "size_bytes": self.size_bytes,
            "scanned_at": self.scanned_at,
            "outcome": self.outcome,
            "p_fake": rounded_score(self.p_fake),
            "interval": rounded_interval(self.interval),
            "threshold": rounded_score(self.threshold),
            "operating_point": deepcopy(self.operating_point),
            "coverage": self.coverage,
            "reasons": list(self.reasons),
            "detail": self.detail,
            "warnings": list(self.warnings),
            "video": video_dict(self.video),
            "provenance": deepcopy(self.provenance),
            "people": [person_dict(person, self.video.frame_rate) for person in self.people],
            "frames": [frame_dict(score) for score in self.frames],
            "checkpoint": deepcopy(self.checkpoint),
            **({"stress": stress_dict(self.stress, self.outcome, self.people)} if self.settings.get("stress") else {}),
            "settings": deepcopy(self.settings),
            "versions": deepcopy(self.versions),
            "timing_seconds": {name: rounded_seconds(value) for name, value in self.timing_seconds.items()},
        }

    def to_json(self, indent: int | None = None) -> str:
        """The public JSON, schema_version 1, all ASCII. indent: as in `json.dumps`; None for one line."""
        return json.dumps(self.to_dict(), ensure_ascii=True, indent=indent, allow_nan=False)

    def to_dataframe(self) -> Any:
        """A pandas DataFrame with a row for each judged face. Raises ImportError if pandas is not installed."""
        return frame_table(self.to_dict())

    def __repr__(self) -> str:
        return verdict_line(self.to_dict())

    def _repr_html_(self) -> str:
        return verdict_html(self.to_dict())
