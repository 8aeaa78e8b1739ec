"""Scans of the ledger as objects of the API. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, Field

from screener.serve.ledger import Scan


class Words(BaseModel):
    """Sentences of the report."""

    headline: str
    standfirst: str
    certainty: list[str]
    coverage: str
    remarks: list[str]
    not_proof: list[str]


class Finding(BaseModel):
    """The verdict without people and frames, which are in `verdict.json`."""

    outcome: str = Field(description="`fake`, `genuine` or `undecided`")
    p_fake: float | None = Field(description="Probability that the most suspicious person is fake; null if nobody could be judged")
    interval: list[float] | None
    threshold: float
    genuine_below: float | None = Field(description="Below it genuine, from there to the threshold undecided; null if unknown")
    coverage: str = Field(description="`complete`, `partial` or `none`: how much of the requested input was judged")
    reasons: list[str] = Field(description="Why it is undecided, or why coverage is not complete")
    warnings: list[str]
    people: int
    duration_seconds: float
    words: Words


class Progress(BaseModel):
    """Progress of a running scan."""

    frames: int
    of: int | None = Field(description="Expected total; null if unknown")
    seconds_left: float | None


class ScanView(BaseModel):
    """A scan: queued, running, done or cancelled."""

    id: str
    state: str = Field(description="`queued`, `running`, `done` or `cancelled`")
    name: str
    kind: str = Field(description="`upload`, `url` or `path`")
    size_bytes: int | None
    sha256: str | None
    created: str = Field(description="ISO 8601, UTC")
    started: str | None
    finished: str | None
    attempts: int = Field(description="Number of starts: one, unless a worker or the server ended meanwhile")
    settings: dict[str, Any] = Field(description="Settings changed by the request")
    position: int | None = Field(description="Position in the queue, from 1")
    progress: Progress | None
    verdict: Finding | None
    thumbnail: bool
    crops: int
    video_kept: bool


class ScanPage(BaseModel):
    """Some scans, the newest first."""

    scans: list[ScanView]
    next: str | None = Field(description="Value of `cursor` for the next page; null on the last page")
    total: int = Field(description="Number of scans that match the filters")


class CropView(BaseModel):
    """A face picture that the verdict is based on."""

    name: str
    person: int
    track_id: int
    seconds: float
    p_fake: float
    box_xyxy: list[float]


class MarkerView(BaseModel):
    """A file with markers of the suspicious intervals."""

    name: str
    format: str = Field(description="`vtt` (WebVTT), `csv`, `edl` (CMX 3600), `fcpxml`, or `xml` (xmeml, which Premiere Pro reads)")


def view_of(scan: Scan, position: int | None = None, progress: dict[str, Any] | None = None) -> dict[str, Any]:
    """The scan object of the API, as plain values."""
    return {
        "id": scan.id,
        "state": scan.state,
        "name": scan.name,
        "kind": scan.kind,
        "size_bytes": scan.size_bytes,
        "sha256": scan.sha256,
        "created": iso(scan.created),
        "started": iso(scan.started),
        "finished": iso(scan.finished),
        "attempts": scan.attempts,
        "settings": scan.changes,
        "position": position,
        "progress": progress if scan.state == "running" else None,
        "verdict": scan.summary,
        "thumbnail": scan.thumbnail,
        "crops": scan.crops,
        "video_kept": scan.kept,
    }


def iso(moment: float | None) -> str | None:
    """Seconds since 1970 -> ISO 8601 to the millisecond, UTC."""
    if moment is None:
        return None
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
