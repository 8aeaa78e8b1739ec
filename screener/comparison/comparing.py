"""`compare`: two files -> whether both show the same, which intervals one of them lacks, and whose face differs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray

from screener.comparison.alignment import Recording, Run, matching_runs
from screener.comparison.faces_compared import FacesCompared
from screener.comparison.reading import Progress, as_source, pictures, read
from screener.comparison.records import LEAST_MOMENTS, Comparison, Moment, Person, Side, Span, Stretch
from screener.errors import SourceError
from screener.faces import DETECTORS
from screener.records import VideoFacts
from screener.report.wording import listed
from screener.runtime.versions import versions
from screener.settings import ScanSettings
from screener.video import Source

THRESHOLD = 2.2
"""A face whose difference is this many times the expected one counts as replaced. Measured in docs/measurements.md."""

FEWEST_MOMENTS, MOST_MOMENTS, MOMENTS_PER_SECOND = 12, 48, 3.0
"""Most moments at which pictures are compared."""

SHOWN_MOMENTS = 3
SINGLE_FRAME_SECONDS = 0.04

LEAST_LACK_SECONDS = 0.5
"""Missing intervals shorter than this are ignored, because copies lose a few pictures at their ends."""


def compare(
    a: Source | str | Path, b: Source | str | Path, settings: ScanSettings | None = None, on_progress: Progress = lambda name, frames: None
) -> Comparison:
    """Compare two files: a suspected fake and its presumed original, in either order.

    Raises SettingsError if an argument is not a single file. An unreadable file is a result: undecided, with the reason in `detail`.
    """
    settings = settings or ScanSettings()
    names = [one.name if isinstance(one, Source) else str(one) for one in (a, b)]
    try:
        sources = as_source(a), as_source(b)
        names = [source.name for source in sources]
        (side_a, seen_a), (side_b, seen_b) = (read(source, settings, on_progress) for source in sources)
    except SourceError as error:
        first, second = (Side(name, None, VideoFacts()) for name in names)
        return Comparison("undecided", first, second, THRESHOLD, detail=error.message, versions=versions())
    runs = matching_runs(seen_a, seen_b)
    faces = FacesCompared(DETECTORS["mtcnn"](device="cpu"), side_a.video.size_wh[0])
    _hold_against_each_other(faces, sources, settings, (seen_a, seen_b), runs)
    found = faces.by_person(SHOWN_MOMENTS)
    people = tuple(_person(number, moments, faces.moments == 1) for number, moments in enumerate(found, 1))
    stretches = _stretches(runs, seen_a, seen_b, people)
    return Comparison(
        outcome=_outcome(side_a, side_b, stretches, people, faces.has_faces),
        a=side_a,
        b=side_b,
        threshold=THRESHOLD,
        reencoded=not faces.is_exact if faces.moments else None,
        stretches=stretches,
        people=people,
        detail=_limits(side_a, side_b, runs, people, faces.has_faces),
        versions=versions(),
        has_unjudged_faces=faces.has_small_faces or not all(person.is_judged for person in people),
    )


def _hold_against_each_other(
    faces: FacesCompared, sources: tuple[Source, Source], settings: ScanSettings, seen: tuple[Recording, Recording], runs: Sequence[Run]
) -> None:
    partners = dict(_moments(seen[0], runs))
    near = {
        number_a: [number for number in (number_b - 1, number_b, number_b + 1) if 0 <= number < len(seen[1].seconds)]
        for number_a, number_b in partners.items()
    }
    kept = dict(pictures(sources[1], settings, {number for numbers in near.values() for number in numbers}))
    for number_a, frame in pictures(sources[0], settings, near):
        partner = partners[number_a]
        if partner in kept:
            faces.add(frame, kept[partner], [kept[number] for number in near[number_a] if number in kept and number != partner])


def _moments(a: Recording, runs: Sequence[Run]) -> list[tuple[int, int]]:
    """Indices of the pictures of A and of B to compare: evenly spaced over the matching intervals."""
    matched = [(int(i), int(j)) for run in runs for i, j in zip(run.a, run.b, strict=True)]
    if not matched:
        return []
    seconds = len(matched) * _step(a.seconds)
    wanted = min(len(matched), round(np.clip(seconds * MOMENTS_PER_SECOND, FEWEST_MOMENTS, MOST_MOMENTS)))
    places = ((np.arange(wanted) + 0.5) * len(matched) / wanted).astype(np.int64)
    return [matched[place] for place in places]


def _person(number: int, moments: list[Moment], is_still: bool) -> Person:
    """A face is replaced where the running median over three moments exceeds the threshold, so that a single outlier has no effect.

    is_still: there is only one moment.
    """
    differences = [moment.difference for moment in moments]
    padded = [differences[0], *differences, differences[-1]]
    high = [median(padded[place : place + 3]) >= THRESHOLD for place in range(len(differences))]
    usual = median(differences)
    spans = _spans([moment.a_seconds for moment in moments], high)
    if is_still and usual >= THRESHOLD:
        spans = ((moments[0].a_seconds, moments[-1].a_seconds),)
    return Person(number, usual, bool(spans), spans, tuple(moments), is_still)


def _spans(seconds: Sequence[float], high: Sequence[bool]) -> tuple[Span, ...]:
    found, start = [], None
    for place, is_high in enumerate([*high, False]):
        if is_high and start is None:
            start = place
        elif not is_high and start is not None:
            if place - start >= LEAST_MOMENTS:
                begin = seconds[0] if start == 0 else (seconds[start - 1] + seconds[start]) / 2
                end = seconds[place - 1] if place == len(seconds) else (seconds[place - 1] + seconds[place]) / 2
                found.append((begin, end))
            start = None
    return tuple(found)


def _stretches(runs: Sequence[Run], a: Recording, b: Recording, people: Sequence[Person]) -> tuple[Stretch, ...]:
    """Matching intervals, split where faces start or stop differing, and intervals that one file lacks; by A's time, then B's."""
    replaced = sorted(span for person in people for span in person.spans)
    found: list[Stretch] = []
    for run in runs:
        offset = float(np.median(b.seconds[run.b] - a.seconds[run.a]))
        start, end = float(a.seconds[run.a[0]]), float(a.seconds[run.a[-1]]) + _step(a.seconds)
        edges = sorted({start, end, *(_within(edge, start, end) for span in replaced for edge in span)})
        for first, last in pairwise(edges):
            middle = (first + last) / 2
            kind = "replaced" if any(_within(low, start, end) <= middle <= _within(high, start, end) for low, high in replaced) else "same"
            found.append(Stretch(kind, (first, last), (first + offset, last + offset), run.likeness))
    found = _joined(found)
    found += [Stretch("only_a", span, None) for span in _lacks(a.seconds, [run.a for run in runs])]
    found += [Stretch("only_b", None, span) for span in _lacks(b.seconds, [run.b for run in runs])]
    return tuple(sorted(found, key=lambda stretch: (stretch.a_seconds or stretch.b_seconds or (0.0, 0.0), stretch.kind)))


def _within(seconds: float, start: float, end: float) -> float:
    """A time inside a run, snapped to the run's end if it is close, since nothing was compared in between."""
    near = 1.5 / MOMENTS_PER_SECOND
    return start if seconds < start + near else end if seconds > end - near else seconds


def _joined(stretches: Sequence[Stretch]) -> list[Stretch]:
    """Merge neighbours of one kind that have no jump in either recording."""
    joined: list[Stretch] = []
    for one in stretches:
        last = joined[-1] if joined else None
        if last and one.a_seconds and one.b_seconds and last.a_seconds and last.b_seconds and last.kind == one.kind:
            jumps = abs(one.a_seconds[0] - last.a_seconds[1]) + abs(one.b_seconds[0] - last.b_seconds[1])
            if jumps < 1e-3:
                joined[-1] = Stretch(one.kind, (last.a_seconds[0], one.a_seconds[1]), (last.b_seconds[0], one.b_seconds[1]), one.likeness)
                continue
        joined.append(one)
    return joined


def _lacks(seconds: NDArray[np.float64], matched: Sequence[NDArray[np.int64]]) -> list[Span]:
    """Intervals of a recording that no run covers."""
    lacks = np.ones(len(seconds), np.bool_)
    for numbers in matched:
        lacks[numbers.min() : numbers.max() + 1] = False
    edges = np.flatnonzero(np.diff(np.concatenate([[False], lacks, [False]]).astype(np.int8)))
    step = _step(seconds)
    spans = [(float(seconds[start]), float(seconds[stop - 1]) + step) for start, stop in zip(edges[::2], edges[1::2], strict=True)]
    return [span for span in spans if span[1] - span[0] >= LEAST_LACK_SECONDS]


def _step(seconds: NDArray[np.float64]) -> float:
    """How long a frame is shown. A single one has a length too, or what it shares with another recording would be nothing."""
    return float(np.median(np.diff(seconds))) if len(seconds) > 1 else SINGLE_FRAME_SECONDS


def _outcome(a: Side, b: Side, stretches: Sequence[Stretch], people: Sequence[Person], has_faces: bool) -> str:
    kinds = {stretch.kind for stretch in stretches}
    if a.sha256 is not None and a.sha256 == b.sha256:
        return "identical"
    if not kinds & {"same", "replaced"}:
        return "different"
    if any(person.replaced for person in people):
        return "replaced"
    if _doubtful(people):
        return "undecided"
    if kinds & {"only_a", "only_b"}:
        return "cut"
    return "undecided" if has_faces and not _judged(people) else "same"


def _judged(people: Sequence[Person]) -> list[Person]:
    return [person for person in people if person.is_judged]


def _doubtful(people: Sequence[Person]) -> list[str]:
    """Numbers of people whose face differs, but in too few moments to decide."""
    return [str(person.number) for person in people if not person.is_judged and person.difference >= THRESHOLD]


def _limits(a: Side, b: Side, runs: Sequence[Run], people: Sequence[Person], has_faces: bool) -> str:
    """Limits of the answer that a reader must know."""
    said = []
    if not runs:
        said.append(
            "No part of one shows what the other shows. A copy that was cropped, mirrored, rotated, sped up or inserted into another "
            "picture is not recognised."
        )
    elif not has_faces:
        said.append("No face was found in what both show, so none was compared.")
    elif not _judged(people):
        said.append("The faces in what both show are too small, or were seen too briefly, to tell whether one was replaced.")
    if doubtful := _doubtful(people):
        said.append(f"Different, but seen too briefly to tell: person {listed(doubtful)}.")
    if any(one.video.reasons for one in (a, b)):
        said.append("Parts of a file could not be read, and were not compared.")
    return " ".join(said)
