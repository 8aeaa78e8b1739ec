"""A verdict as plain values and back without loss: unlike the public JSON nothing is rounded, so that any report can be made from it again.

Knows the records. The pixels of thumbnails and of the scene are left out, because a page that shows them was written before the verdict is
stored.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any, TypeVar, get_args, get_type_hints

import numpy as np

from screener.record_stress import Stressed, StressedPerson
from screener.records import FaceScore, Segment, TrackVerdict, Verdict, VideoFacts

Kind = TypeVar("Kind")


def to_plain(verdict: Verdict) -> dict[str, Any]:
    """Only dictionaries, lists, texts and numbers, ready for JSON."""
    bare = replace(verdict, frames=tuple(replace(face, thumbnail_rgb=None, blend_map=None) for face in verdict.frames), scene=None)
    plain: dict[str, Any] = _plain(asdict(bare))
    return plain if verdict.stress else {name: value for name, value in plain.items() if name != "stress"}


def from_plain(values: dict[str, Any]) -> Verdict:
    """The output of `to_plain` -> an equal verdict, without thumbnails. Raises ValueError for anything else."""
    try:
        whole = dict(values)
        whole["video"] = _record(VideoFacts, whole["video"])
        whole["people"] = tuple(_person(person) for person in whole["people"])
        whole["frames"] = tuple(_face(face) for face in whole["frames"])
        whole.setdefault("size_bytes", None)
        whole["stress"] = tuple(_stressed(one) for one in whole.get("stress", ()))
        return _record(Verdict, whole)
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"no verdict: {error}") from error


def _person(values: dict[str, Any]) -> TrackVerdict:
    return _record(TrackVerdict, {**values, "segments": tuple(_record(Segment, segment) for segment in values["segments"])})


def _stressed(values: dict[str, Any]) -> Stressed:
    return _record(Stressed, {**values, "people": tuple(_record(StressedPerson, person) for person in values["people"])})


def _face(values: dict[str, Any]) -> FaceScore:
    return _record(FaceScore, {**values, "box_xyxy": np.array(values["box_xyxy"], np.float32).reshape(4)})


def _record(kind: type[Kind], values: dict[str, Any]) -> Kind:
    """A record with exactly these fields; JSON's lists become tuples again."""
    tuples = _TUPLES[kind]
    if set(values) != set(tuples):
        raise ValueError(f"no {kind.__name__}: expected the fields {', '.join(sorted(tuples))}, got {', '.join(sorted(values))}")
    return kind(**{name: tuple(value) if tuples[name] and isinstance(value, list) else value for name, value in values.items()})


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value


def _holds_tuple(hint: Any) -> bool:
    return any(getattr(part, "__origin__", part) is tuple for part in (hint, *get_args(hint)))


_TUPLES: dict[type[Any], dict[str, bool]] = {
    kind: {name: _holds_tuple(hint) for name, hint in get_type_hints(kind).items()}
    for kind in (Verdict, VideoFacts, TrackVerdict, Segment, FaceScore, Stressed, StressedPerson)
}
"""Type of record -> name of each field -> whether it holds a tuple."""
