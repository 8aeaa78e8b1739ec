"""The tables at the foot of a page: facts about the file, the weights and the run.

Plain text: the templates escape it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from screener.records import Verdict
from screener.report.outline import LOCALISATION
from screener.report.wording import capitalised, clock, visible

Fact = tuple[str, str]
"""Name and value, in words."""

_NAMES = {"sha256": "SHA-256", "licence": "Licence", "training_data": "Trained on", "limits": "Limits", "name": "Name"}


def file_facts(verdict: Verdict) -> tuple[Fact, ...]:
    """What the reader found out about the input; unknown facts are left out."""
    video = verdict.video
    width, height = video.size_wh
    facts = [
        ("Name", visible(verdict.source)),
        ("SHA-256", verdict.sha256 or "not known"),
        ("Size", "" if verdict.size_bytes is None else f"{verdict.size_bytes:,} bytes"),
        ("Kind", "still picture" if video.is_still else "video" if video.frames_decoded else ""),
        (
            "Length",
            f"{clock(video.duration_seconds)} ({video.duration_seconds:.3f} s)" if video.duration_seconds and not video.is_still else "",
        ),
        ("Picture", f"{width} \u00d7 {height} pixels" if width else ""),
        ("Frame rate", f"{video.fps:.4g} per second" if video.fps and not video.is_still else ""),
        ("Codec", visible(video.codec)),
        ("Reader", visible(video.reader)),
        ("Frames", f"{video.frames_decoded:,} decoded, {video.frames_sampled:,} sampled, {video.frames_judged:,} judged"),
        ("Decoding errors", f"{video.decode_errors:,}"),
    ]
    return tuple((name, value) for name, value in facts if value)


def checkpoint_facts(verdict: Verdict) -> tuple[Fact, ...]:
    """The weights that produced the verdict."""
    return tuple(_flat({key: value for key, value in verdict.checkpoint.items() if key != LOCALISATION}))


def run_facts(verdict: Verdict) -> tuple[Fact, ...]:
    """Settings, versions and times."""
    timing = {name: f"{seconds:.2f} s" for name, seconds in verdict.timing_seconds.items()}
    return (*_flat(verdict.settings, "Setting"), *_flat(verdict.versions, "Version"), *_flat(timing, "Time"))


def _flat(values: Mapping[str, Any], kind: str = "") -> Iterable[Fact]:
    for key, value in values.items():
        name = f"{kind}: {visible(str(key))}" if kind else _NAMES.get(key) or capitalised(visible(str(key)).replace("_", " "))
        yield name, visible(_plain(value))


def _plain(value: Any) -> str:
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(_plain(item) for item in value) or "none"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_plain(item)}" for key, item in value.items()) or "none"
    return " ".join(value.split()) if isinstance(value, str) else json.dumps(value, default=str)
