"""What a generated file contains, what was read from it, and whether they match. Pure: knows no files and no decoder."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from truth.pictures import Label

ALIKE = 1.08
"""How far the proportions of a picture may be from its own before it counts as squeezed."""

CLOCK_SECONDS = 0.003
"""Rounding of timestamps to milliseconds and ticks, on top of a frame's length."""

FAILURES = ("crash", "hang", "false complete", "wrong times", "no reason")
"""In falling weight: a file is counted under the first that applies."""

MUTE = "mute damage"
"""Pictures that a decoder garbles without a word, in a container that is in order: no reader can know of them. Counted, and no failure."""

WIDEST_GAP = 3.0
"""Slices of an even sample that may lie between two frames of it: less than two, and room for frames that do not divide evenly."""


@dataclass(frozen=True)
class Shot:
    """One frame that was written. seconds: when it is shown, from the start; several where more than one answer is right, none where
    nothing says. size_wh: as it is to be shown."""

    label: Label
    seconds: tuple[float, ...]
    size_wh: tuple[int, int]


@dataclass(frozen=True)
class Made:
    """One file. path: of the file, or of a folder of pictures.

    must: `all` where a complete answer owes every frame that was written, `visible` where it owes what an independent decoder sees (the
    rest was cut off on purpose, or cannot be decoded), `end` where that holds only if it warns that nothing says where the file ends, and
    the independent decoder does not complain either.
    frame_seconds: by how much a time may be wrong. any_origin: time may count from another frame than the first.
    harmed: pictures are missing or damaged; a decoder may show an older one again in their place, or garble one without a word.
    """

    path: Path
    kind: str
    container: str
    codec: str
    shots: tuple[Shot, ...]
    must: str = "all"
    frame_seconds: float = 0.04
    any_origin: bool = False
    harmed: bool = False


@dataclass(frozen=True)
class Look:
    """One frame that was judged: what could be read off it (None: nothing), the time it was given, how it lay, its size."""

    label: Label | None
    seconds: float
    turn: int = 0
    size_wh: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Reading:
    """The answer for one file, in one way of sampling. failure: `crash`, `hang` or nothing. samples: frames asked for, 0 for all."""

    way: str
    coverage: str
    reasons: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    looks: tuple[Look, ...] = field(default=(), repr=False)
    failure: str = ""
    samples: int = 0


@dataclass(frozen=True)
class Evidence:
    """What an independent decoder says of a file. visible: numbers that it sees. complains: whether it says a word of damage."""

    visible: frozenset[Label] = frozenset()
    complains: bool = True


def verdict_on(made: Made, evidence: Evidence, readings: Sequence[Reading]) -> tuple[str, str]:
    """(column of the table, what was wrong in words). The first reading is that of all frames, and gives the column where nothing is."""
    found: dict[str, str] = {}
    mute = _is_mute(made, evidence, readings[0])
    for reading in readings:
        for name, words in _faults(made, evidence, reading):
            found.setdefault(MUTE if mute and name == "false complete" else name, words)
    for name in (*FAILURES, MUTE):
        if name in found:
            return name, found[name]
    return {"complete": "complete", "partial": "partial", "none": "refused"}[readings[0].coverage], ""


def _faults(made: Made, evidence: Evidence, reading: Reading) -> Iterable[tuple[str, str]]:
    said = f"{reading.way}: {reading.coverage} {','.join(reading.reasons) or '-'} ({','.join(reading.warnings) or '-'})"
    if reading.failure:
        yield reading.failure, said
        return
    if reading.coverage != "complete" and not reading.reasons:
        yield "no reason", said
    if reading.coverage == "complete":
        missing = (_unseen_in_sample if reading.samples else _unseen)(made, evidence, reading)
        garbled = _garbled(reading)
        if missing or garbled:
            words = [missing] * bool(missing) + [f"{garbled} pictures without a number were judged"] * bool(garbled)
            yield "false complete", f"{said}: {'; '.join(words)}"
    if wrong := _wrong_times(made, reading):
        yield "wrong times", f"{said}: {wrong}"


def _is_mute(made: Made, evidence: Evidence, reading: Reading) -> bool:
    """Whether a picture stands in the place of every missing frame, some of them garbled, and the independent decoder sees none of the
    missing and says nothing."""
    missing = owed(made, evidence) - seen_right(made, reading.looks)
    in_place = _garbled(reading) > 0 and len(reading.looks) >= len(owed(made, evidence)) and not missing & evidence.visible
    return made.harmed and not evidence.complains and in_place


def _garbled(reading: Reading) -> int:
    """Pictures that were judged although nothing could be read off them: every one that was written has its number."""
    return sum(look.label is None for look in reading.looks)


def owed(made: Made, evidence: Evidence, warnings: Sequence[str] = ()) -> frozenset[Label]:
    """The frames that a complete answer must have seen."""
    untold = made.must == "end" and "end_unverified" in warnings and not evidence.complains
    if made.must == "visible" or untold:
        return evidence.visible
    return evidence.visible | {shot.label for shot in made.shots}


def seen_right(made: Made, looks: Iterable[Look]) -> frozenset[Label]:
    """What was seen upright and in its own proportions."""
    sizes = {shot.label: shot.size_wh for shot in made.shots}
    return frozenset(look.label for look in looks if look.label in sizes and _shown_right(look, sizes[look.label]))


def _shown_right(look: Look, size_wh: tuple[int, int]) -> bool:
    if 0 in look.size_wh:
        return False
    off = math.log(look.size_wh[0] / look.size_wh[1] * size_wh[1] / size_wh[0])
    return look.turn == 0 and abs(off) < math.log(ALIKE)


def _unseen(made: Made, evidence: Evidence, reading: Reading) -> str:
    must = owed(made, evidence, reading.warnings)
    missing = must - seen_right(made, reading.looks)
    if not missing:
        return ""
    misshown = missing & {look.label for look in reading.looks}
    words = f"{len(missing)} of {len(must)} frames not seen: {ranges(missing)}"
    words += f"; of these {len(misshown)} were turned or squeezed" if misshown else ""
    hidden = len(missing - evidence.visible)
    return words + (f"; {hidden} of the missing are not seen by a plain decode either" if hidden else "")


def _unseen_in_sample(made: Made, evidence: Evidence, reading: Reading) -> str:
    """A run of frames of one part that lasts longer than the slices of the sample, and of which none was looked at."""
    must, seen = owed(made, evidence, reading.warnings), seen_right(made, reading.looks)
    parts: dict[int, list[Shot]] = {}
    for shot in sorted((shot for shot in made.shots if shot.label in must), key=lambda shot: shot.label):
        parts.setdefault(shot.label.part, []).append(shot)
    longest = WIDEST_GAP * sum(_lasting(made, shots) for shots in parts.values()) / reading.samples
    for shots in parts.values():
        run: list[Shot] = []
        for shot in shots:
            run = [] if shot.label in seen else [*run, shot]
            if run and _lasting(made, run) > max(longest, WIDEST_GAP * made.frame_seconds):
                return f"none was sampled of the {_lasting(made, run):.2f} s from {ranges([run[0].label])} to {ranges([run[-1].label])}"
    return ""


def _lasting(made: Made, shots: Sequence[Shot]) -> float:
    first, last = ((shot.seconds or (shot.label.number * made.frame_seconds,))[0] for shot in (shots[0], shots[-1]))
    return last - first + made.frame_seconds


def _wrong_times(made: Made, reading: Reading) -> str:
    """Each look is held against the time of its frame, also in an answer that calls itself partial.

    Where a part is named as unread nobody knows how long it lasts: each of the others is then held to itself.
    """
    times = {shot.label: shot.seconds for shot in made.shots if shot.seconds}
    apart = "unread_part" in reading.reasons
    groups: dict[int, list[tuple[Label, float]]] = {}
    for label, said in _said(made, reading):
        if label in times:
            groups.setdefault(label.part if apart else 0, []).append((label, said))
    wrong = [each for group in groups.values() for each in _misplaced(group, times, made, made.any_origin or apart)]
    if not wrong:
        return ""
    distance, label, said = max(wrong, key=lambda each: abs(each[0]))
    of = sum(map(len, groups.values()))
    return f"{len(wrong)} of {of} times wrong, the worst {distance:+.3f} s at {label.part}:{label.number}, said {said:.3f}"


def _said(made: Made, reading: Reading) -> list[tuple[Label, float]]:
    """The looks whose times count. Of a harmed file, where older pictures are shown again and others come out of order, the first at each
    in an answer that takes all of it for sound; a sample may hold the later one alone."""
    looks = sorted(((look.label, look.seconds) for look in reading.looks if look.label), key=lambda each: each[1])
    if not made.harmed:
        return looks
    return [] if reading.samples or reading.coverage != "complete" else list(dict(reversed(looks)).items())


def _misplaced(
    said: Sequence[tuple[Label, float]], times: Mapping[Label, tuple[float, ...]], made: Made, any_origin: bool
) -> list[tuple[float, Label, float]]:
    """(how far off, label, the time it was given) of those that are more than a frame off, from the origin that suits most of them."""
    off = [([given - right for right in times[label]], label, given) for label, given in said]
    origins = {round(distance, 3) for distances, _, _ in off for distance in distances} if any_origin else {0.0}
    allowed = made.frame_seconds + CLOCK_SECONDS

    def beyond(origin: float) -> list[tuple[float, Label, float]]:
        nearest = ((min((distance - origin for distance in distances), key=abs), label, given) for distances, label, given in off)
        return [each for each in nearest if abs(each[0]) > allowed]

    return min(map(beyond, origins), key=len, default=[])


def ranges(labels: Iterable[Label]) -> str:
    """`0:3-7 1:0-9`: part, then numbers."""
    runs: list[list[Label]] = []
    for label in sorted(labels):
        if runs and (label.part, label.number - 1) == (runs[-1][-1].part, runs[-1][-1].number):
            runs[-1].append(label)
        else:
            runs.append([label])
    words = [f"{run[0].part}:{run[0].number}" + (f"-{run[-1].number}" if len(run) > 1 else "") for run in runs]
    return " ".join(words[:8]) + (" ..." if len(words) > 8 else "")
