"""Two recordings as fingerprints with times -> pairs of intervals that show the same. Pure.

Within a matching interval the time offset between the recordings is constant; a cut, an insertion or a changed order starts a new one. The
few offsets that explain most of the recordings are candidates for each picture. A Viterbi path over these offsets, and a state for "no
match", penalises changes, so that one ambiguous picture does not split an interval. The offset of each interval is then refined by the
likeness of its pictures alone. Does not know pixels or faces.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from screener.comparison.fingerprints import Float32, movements

LEAST_LIKENESS = 0.85
"""Correlation from which two pictures may match: with a replaced face it is 0.9 or more, between different scenes rarely 0.8."""

LEAST_AGREEMENT = 0.25
"""Correlation of movement from which two recordings show one event; for different recordings in one studio it is near 0."""

STILL = 0.02
"""Movement, as a root mean square over fingerprints, below which its correlation is not used."""

SHORTEST_SECONDS = 0.4
MOST_OFFSETS = 12
APART_SECONDS = 0.2
"""Of time offsets closer together than this, only the best is kept."""

REFINED_SECONDS = 1.5
"""How far from a time offset the exact one is looked for: where little moves, the offsets near it score nearly as well."""

_CHANGE_COST = 2.0
_MOVEMENT_WEIGHT = 0.5

Float64 = NDArray[np.float64]
Pairing = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Indices of pictures of A, and of the matching pictures of B."""


@dataclass(frozen=True)
class Run:
    """Matching pictures of A and B. a, b: (n,) their indices, in pairs. likeness: median correlation.

    agreement: correlation of movement; None if nothing moves.
    """

    a: NDArray[np.int64]
    b: NDArray[np.int64]
    likeness: float
    agreement: float | None


@dataclass(frozen=True, eq=False)
class Recording:
    """One recording. seconds: (n,) ascending. fingerprints: (n, d)."""

    seconds: Float64
    fingerprints: Float32


def matching_runs(a: Recording, b: Recording) -> list[Run]:
    """The intervals that match, in the order of A; empty if the recordings have nothing in common.

    Which of the two is A makes no difference: pictures of the one that `_comes_first` are always looked up in the other.
    """
    if not len(a.seconds) or not len(b.seconds):
        return []
    step = _step(a, b)
    if _comes_first(a, b, step):
        return _runs(a, b, step)
    return sorted((_mirrored(run) for run in _runs(b, a, step)), key=lambda run: int(run.a[0]))


def _comes_first(a: Recording, b: Recording, step: float) -> bool:
    """The shorter recording, because all of an excerpt has a partner; of two equally long ones that with more pictures."""
    longer = (a.seconds[-1] - a.seconds[0]) - (b.seconds[-1] - b.seconds[0])
    if abs(longer) > step:
        return bool(longer < 0)
    if len(a.seconds) != len(b.seconds):
        return len(a.seconds) > len(b.seconds)
    return a.fingerprints.tobytes() <= b.fingerprints.tobytes()


def _mirrored(run: Run) -> Run:
    """The same with A and B exchanged; of several pictures with one partner, the first is kept."""
    columns, first = np.unique(run.b, return_index=True)
    return Run(columns, run.a[first], run.likeness, run.agreement)


def _runs(a: Recording, b: Recording, step: float) -> list[Run]:
    looks = a.fingerprints @ b.fingerprints.T
    moving = (movements(one.seconds, one.fingerprints) for one in (a, b))
    scores = looks - LEAST_LIKENESS + _MOVEMENT_WEIGHT * _movement_likeness(*moving)
    offsets = _offsets(a.seconds, b.seconds, scores, step)
    partners = (
        np.stack([_partners(a.seconds, b.seconds, offset, step) for offset in offsets])
        if offsets
        else np.zeros((0, len(a.seconds)), np.int64)
    )
    path = _path(scores, partners)
    stretches = [
        _refined(a, b, looks, (np.arange(first, after), partners[state, first:after]), offsets[state], step)
        for state, first, after in _stretches(path)
    ]
    least = min(SHORTEST_SECONDS, step * len(a.seconds) / 2)
    runs = [_run(looks, a.fingerprints, b.fingerprints, rows, columns) for rows, columns in _each_once(stretches, scores)]
    return [run for run in runs if a.seconds[run.a[-1]] - a.seconds[run.a[0]] + step >= least and _is_one(run)]


def _refined(a: Recording, b: Recording, looks: Float32, given: Pairing, offset: float, step: float) -> Pairing:
    """The pairing whose pictures are most alike, at offsets near the given one: faces are compared at exactly the same moment."""
    rows, columns = given
    used = columns >= 0
    best = float(looks[rows[used], columns[used]].mean()) if used.any() else -1.0
    found = columns
    for shift in range(-round(REFINED_SECONDS / step), round(REFINED_SECONDS / step) + 1):
        moved = _partners(a.seconds, b.seconds, offset + shift * step, step)[rows]
        if (moved[used] >= 0).all() and (mean := float(looks[rows[used], moved[used]].mean())) > best:
            best, found = mean, moved
    return rows, found


def _is_one(run: Run) -> bool:
    return run.likeness >= LEAST_LIKENESS and (run.agreement is None or run.agreement >= LEAST_AGREEMENT)


def _each_once(stretches: Sequence[Pairing], scores: Float32) -> list[Pairing]:
    """Assign each picture of B to one picture of A at most: the interval with the best score gets it. In the order of A."""
    taken = np.zeros(scores.shape[1], np.bool_)
    kept: list[Pairing] = []
    for rows, columns in sorted(stretches, key=lambda pairing: -float(scores[pairing[0], pairing[1]].sum())):
        free = (columns >= 0) & ~taken[columns]
        taken[columns[free]] = True
        if free.any():
            kept.append((rows[free], columns[free]))
    return sorted(kept, key=lambda pairing: int(pairing[0][0]))


def _step(a: Recording, b: Recording) -> float:
    """Seconds between two pictures of the recording with the higher frame rate."""
    steps = [float(np.median(np.diff(one.seconds))) for one in (a, b) if len(one.seconds) > 1]
    return max(1e-3, min(steps, default=0.04))


def _movement_likeness(a: Float32, b: Float32) -> Float32:
    """(n, m) correlation of movement, damped where hardly anything moves."""
    strength_a, strength_b = np.linalg.norm(a, axis=1), np.linalg.norm(b, axis=1)
    return np.asarray((a @ b.T) / (strength_a[:, None] * strength_b[None, :] + STILL**2), np.float32)


def _offsets(a_seconds: Float64, b_seconds: Float64, scores: Float32, step: float) -> list[float]:
    """The time offsets (B minus A) that explain most of the recordings."""
    bins = np.rint((b_seconds[None, :] - a_seconds[:, None]) / step).astype(np.int64)
    low = int(bins.min())
    gained = np.bincount((bins - low).ravel(), weights=np.maximum(scores, 0).ravel().astype(np.float64))
    lost = np.bincount((bins - low).ravel(), weights=np.minimum(scores, 0).ravel().astype(np.float64))
    # Even if most of a diagonal does not match, the rest may be a real interval, so mismatches have a low weight.
    worth = gained + 0.1 * lost
    found: list[float] = []
    for place in np.argsort(-worth, kind="stable"):
        offset = float((place + low) * step)
        if worth[place] <= 0 or len(found) == MOST_OFFSETS:
            break
        if all(abs(offset - known) >= APART_SECONDS for known in found):  # neighbours of a good offset score nearly as well
            found.append(offset)
    return found


def _partners(a_seconds: Float64, b_seconds: Float64, offset: float, step: float) -> NDArray[np.int64]:
    """(n,) index of B's picture at the time of each of A's, -1 if B has none."""
    wanted = a_seconds + offset
    right = np.clip(np.searchsorted(b_seconds, wanted), 0, len(b_seconds) - 1)
    left = np.maximum(right - 1, 0)
    nearest = np.where(np.abs(b_seconds[left] - wanted) <= np.abs(b_seconds[right] - wanted), left, right)
    own = np.median(np.diff(b_seconds)) if len(b_seconds) > 1 else step
    return np.asarray(np.where(np.abs(b_seconds[nearest] - wanted) <= max(step, own) * 0.75, nearest, -1), np.int64)


def _path(scores: Float32, partners: NDArray[np.int64]) -> NDArray[np.int64]:
    """(n,) offset of each picture of A, -1 for no match: the path with the highest score, minus `_CHANGE_COST` per change."""
    count, rows = len(partners), np.arange(scores.shape[0])
    gains = np.zeros((scores.shape[0], count + 1))
    for state, columns in enumerate(partners):
        gains[:, state] = np.where(columns >= 0, scores[rows, np.maximum(columns, 0)], -1.0)
    best, came_from = gains[0], np.zeros(gains.shape, np.int64)
    for row in range(1, len(gains)):
        leader = int(best.argmax())
        stays = best >= best[leader] - _CHANGE_COST
        came_from[row] = np.where(stays, np.arange(count + 1), leader)
        best = np.where(stays, best, best[leader] - _CHANGE_COST) + gains[row]
    path = np.zeros(len(gains), np.int64)
    path[-1] = int(best.argmax())
    for row in range(len(gains) - 1, 0, -1):
        path[row - 1] = came_from[row, path[row]]
    return np.where(path == count, -1, path)


def _stretches(path: NDArray[np.int64]) -> list[tuple[int, int, int]]:
    """(state, first index, index after the last) of each run of equal offsets."""
    edges = np.flatnonzero(np.diff(path)) + 1
    starts, ends = [0, *edges.tolist()], [*edges.tolist(), len(path)]
    return [(int(path[start]), start, end) for start, end in zip(starts, ends, strict=True) if path[start] >= 0]


def _run(looks: Float32, prints_a: Float32, prints_b: Float32, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> Run:
    here, there = prints_a[rows], prints_b[columns]
    here, there = here - here.mean(0), there - there.mean(0)
    energy_a, energy_b = float((here**2).sum()), float((there**2).sum())
    is_still = min(energy_a, energy_b) < len(rows) * STILL**2
    agreement = None if is_still else float((here * there).sum()) / float(np.sqrt(energy_a * energy_b))
    return Run(rows, columns, float(np.median(looks[rows, columns])), agreement)
