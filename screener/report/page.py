"""The content of an input's page, in page order: a verdict turned into sentences, rows and drawings.

All of it is plain text; the templates escape it. Does not know HTML, files or the other inputs of the run.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from screener.records import FaceScore, TrackVerdict, Verdict
from screener.report.outline import legend, outline_of
from screener.report.page_facts import Fact, checkpoint_facts, file_facts, run_facts
from screener.report.provenance import provenance_facts
from screener.report.score_chart import Timeline, timeline
from screener.report.statement import NOT_PROOF, Statement, statement_of
from screener.report.stress import StressTable, stress_table
from screener.report.thumbnails import data_uri
from screener.report.whole_frame import WholeFrame, whole_frame
from screener.report.wording import (
    by_suspicion,
    capitalised,
    clock,
    counted,
    detail,
    headline,
    is_sparse,
    listed,
    measured_limits,
    moment,
    numbered,
    person_in_words,
    score,
    spelt_out,
    visible,
    was_watched,
    when_in_words,
)

MOST_FRAME_ROWS = 5000
"""Most rows in the table of frames; the JSON has every frame."""

MOST_PORTRAYED = 12
"""Most people whose crops are shown, the most suspicious first."""

THUMBNAIL_PX = 64
"""Side of an input's thumbnail in the index, which is also the page's icon."""


@dataclass(frozen=True, slots=True)
class Scale:
    """A score in [0, 1] and the borders around it. genuine_below: lower end of the undecided range; None if unknown."""

    p_fake: float
    interval: tuple[float, float] | None
    threshold: float
    genuine_below: float | None


@dataclass(frozen=True)
class Crop:
    """A face crop. outline: SVG path data around the located region; "" if nothing was located or nothing may be shown."""

    uri: str
    when: str
    p_fake: float
    suspicious: bool
    outline: str


@dataclass(frozen=True)
class Person:
    """One person on a page, with crops, the most suspicious first."""

    number: int
    verdict: TrackVerdict
    scale: Scale | None
    seen: str
    stretches: tuple[str, ...]
    reasons: str
    crops: tuple[Crop, ...]


@dataclass(frozen=True)
class FrameRow:
    """One judged frame in the table of a page, with its time and score as text."""

    when: str
    number: str
    score: FaceScore
    suspicious: bool


@dataclass(frozen=True)
class Page:
    """Everything the template shows. gallery: people with crops, the most suspicious first; others: everyone else. legend: of the outlines.

    limits: measured accuracy of these weights. thumbnail: data URI of the most suspicious face, "" if there is none.
    """

    verdict: Verdict
    source: str
    headline: str
    standfirst: str
    limits: str
    scanned: str
    thumbnail: str
    scale: Scale | None
    certainty: tuple[str, str]
    stress: StressTable | None
    coverage: str
    remarks: tuple[str, ...]
    timeline: Timeline | None
    people: tuple[Person, ...]
    scene: WholeFrame | None
    gallery: tuple[Person, ...]
    others: tuple[Person, ...]
    legend: str
    file_facts: tuple[Fact, ...]
    provenance: tuple[Fact, ...]
    checkpoint_facts: tuple[Fact, ...]
    not_proof: tuple[str, ...]
    statement: Statement
    run_facts: tuple[Fact, ...]
    frames: tuple[FrameRow, ...]
    frames_left_out: int


def page_of(verdict: Verdict) -> Page:
    """The content of a verdict's page."""
    numbers = {person.track_id: str(number) for number, person in numbered(verdict)}
    ordered = sorted(verdict.frames, key=lambda s: (s.pts_seconds, s.frame_index, s.track_id))
    people = _people(verdict, ordered)
    gallery = tuple(sorted((person for person in people if person.crops), key=lambda person: by_suspicion(person.verdict)))[:MOST_PORTRAYED]
    return Page(
        verdict=verdict,
        source=visible(verdict.source),
        headline=headline(verdict),
        standfirst=_standfirst(verdict),
        limits=measured_limits(verdict) if verdict.frames else "",
        scanned=moment(verdict.scanned_at),
        thumbnail=thumbnail_of(verdict),
        scale=scale_of(verdict, verdict),
        certainty=_certainty(verdict),
        stress=stress_table(verdict),
        coverage=_coverage(verdict),
        remarks=tuple(capitalised(why) + "." for why in spelt_out(verdict.warnings)),
        timeline=timeline(verdict),
        people=people,
        scene=whole_frame(verdict),
        gallery=gallery,
        others=tuple(person for person in people if person not in gallery),
        legend=legend(verdict.checkpoint) if any(crop.outline for person in gallery for crop in person.crops) else "",
        file_facts=file_facts(verdict),
        provenance=provenance_facts(verdict.provenance),
        checkpoint_facts=checkpoint_facts(verdict),
        not_proof=NOT_PROOF,
        statement=statement_of(verdict),
        run_facts=run_facts(verdict),
        frames=tuple(
            FrameRow(clock(s.pts_seconds, 2), numbers.get(s.track_id, ""), s, s.p_fake >= verdict.threshold)
            for s in ordered[:MOST_FRAME_ROWS]
        ),
        frames_left_out=max(0, len(ordered) - MOST_FRAME_ROWS),
    )


def thumbnail_of(verdict: Verdict) -> str:
    """The most suspicious face as a data URI; "" if no crops were kept."""
    crops = [face for face in verdict.frames if face.thumbnail_rgb is not None]
    telling = max(crops, key=lambda face: face.p_fake, default=None)
    return "" if telling is None or telling.thumbnail_rgb is None else data_uri(telling.thumbnail_rgb, THUMBNAIL_PX)


def scale_of(judged: Verdict | TrackVerdict, verdict: Verdict) -> Scale | None:
    """The scale that a score is drawn on; None without a score."""
    if judged.p_fake is None:
        return None
    return Scale(judged.p_fake, judged.interval, verdict.threshold, verdict.operating_point.get("genuine_below"))


def _standfirst(verdict: Verdict) -> str:
    """The sentences under the headline: people that the headline does not name, and problems with the input."""
    fakes = [(number, person) for number, person in numbered(verdict) if person.outcome == "fake"]
    sentences = []
    if len(fakes) > 1 and not verdict.video.is_still:
        sentences.append("; ".join(f"person {number} {when_in_words(person)}" for number, person in fakes))
    others = [f"{len(group)} {outcome}" for outcome in ("genuine", "undecided") if (group := _with_outcome(verdict, outcome))]
    if fakes and others:
        sentences.append(f"the others: {listed(others)}")
    if verdict.outcome == "genuine" and (passing := _with_outcome(verdict, "undecided")):
        sentences.append(f"{counted(len(passing), 'person', 'people')} seen in passing could not be judged")
    if verdict.outcome == "undecided":
        sentences.extend(
            f"{person_in_words(number, len(verdict.people))} looks suspicious {when_in_words(person)}"
            for number, person in numbered(verdict)
            if person.segments
        )
    elif verdict.reasons:
        sentences.append(f"only part of it was judged: {'; '.join(spelt_out(verdict.reasons))}")
    if verdict.detail:
        sentences.append(detail(verdict).rstrip("."))
    return " ".join(capitalised(sentence) + "." for sentence in sentences)


def _with_outcome(verdict: Verdict, outcome: str) -> list[TrackVerdict]:
    return [person for person in verdict.people if person.outcome == outcome]


def _certainty(verdict: Verdict) -> tuple[str, str]:
    """Two paragraphs: the score in words, and what the threshold means."""
    if verdict.p_fake is None:
        no_one = (
            "no one in it could be judged well enough"
            if any(one.frames_judged for one in verdict.people)
            else "no one in it could be judged"
        )
        no_score = f"There is no score: {no_one}. The threshold would have been {score(verdict.threshold)}."
        return no_score, _operating_point(verdict)
    same = [number for number, person in numbered(verdict) if person.p_fake == verdict.p_fake]
    whose = f", that of person {same[0]}," if same and len(verdict.people) > 1 else ""
    side = "at or above" if verdict.p_fake >= verdict.threshold else "below"
    sentences = [
        f"The score{whose} is {score(verdict.p_fake)} on a scale from 0, looks genuine, to 1, looks fake.",
        f"That is {side} the threshold of {score(verdict.threshold)}, from which on a face counts as fake.",
    ]
    if verdict.interval is not None:
        low, high = verdict.interval
        sentences.append(
            f"Its 90\u00a0% interval runs from {score(low)} to {score(high)}: where it would likely lie had other frames been seen."
        )
    return " ".join(sentences), _operating_point(verdict)


def _operating_point(verdict: Verdict) -> str:
    point = verdict.operating_point
    if "fpr" not in point:
        return "This threshold was set by hand: how often it is wrong was not measured."
    videos = f", on {counted(int(point['real_videos']), 'genuine video')}" if "real_videos" in point else ""
    lower = point.get("genuine_below")
    undecided = (
        f" A score from {score(lower)} up to the threshold is left undecided." if lower is not None and lower < verdict.threshold else ""
    )
    return (
        f"Operating point: a false-positive rate of {_percent(point['fpr'])}. When the checkpoint was calibrated{videos}, about "
        f"{_percent(point['fpr'])} of the genuine ones were wrongly called fake at this threshold.{undecided}"
    )


def _percent(share: float) -> str:
    return f"{100 * share:.3g}\u00a0%"


def _coverage(verdict: Verdict) -> str:
    video = verdict.video
    if was_watched(verdict):
        read = "it was watched without a gap as it played; frames that newer ones overtook were not looked at"
    elif is_sparse(verdict):
        read = "frames from all over the input were picked out, and all that was asked for was looked at"
    else:
        read = "the input was read to its end, and all that was asked for was looked at"
    opening = {
        "complete": f"Complete: {read}.",
        "partial": "Partial: "
        + ("; ".join(spelt_out(verdict.video.reasons or verdict.reasons)) or "not everything that was asked for was judged")
        + ".",
        "none": "None: " + ("; ".join(spelt_out(verdict.reasons)) or "nothing was judged") + ".",
    }[verdict.coverage]
    if not video.frames_decoded:
        return f"{opening} No frame was decoded."
    promised = f" of {video.frames_promised:,} that the file\u2019s header promises" if video.frames_promised > video.frames_decoded else ""
    none = "" if "damage_unverified" in verdict.warnings else ", without decoding errors"
    errors = f"; {counted(video.decode_errors, 'decoding error')}" if video.decode_errors else none
    decoded = f"{counted(video.frames_decoded, 'frame')} decoded{promised}{errors}."
    to_judge = "was" if video.frames_sampled == 1 else "were"
    return f"{opening} {decoded} {video.frames_sampled:,} {to_judge} to be judged; a face was judged in {video.frames_judged:,}."


def _people(verdict: Verdict, ordered: Iterable[FaceScore]) -> tuple[Person, ...]:
    crops: dict[int, list[Crop]] = {}
    for face in ordered:
        if face.thumbnail_rgb is not None:
            when = "" if verdict.video.is_still else clock(face.pts_seconds)
            crop = Crop(
                data_uri(face.thumbnail_rgb), when, face.p_fake, face.p_fake >= verdict.threshold, outline_of(face, verdict.checkpoint)
            )
            crops.setdefault(face.track_id, []).append(crop)
    return tuple(
        Person(
            number=number,
            verdict=person,
            scale=scale_of(person, verdict),
            seen="" if verdict.video.is_still else _range(person.first_seconds, person.last_seconds),
            stretches=tuple(_range(segment.start_seconds, segment.end_seconds) for segment in person.segments),
            reasons="; ".join(spelt_out(person.reasons)),
            crops=tuple(sorted(crops.get(person.track_id, []), key=lambda crop: -crop.p_fake)),
        )
        for number, person in numbered(verdict)
    )


def _range(start_seconds: float, end_seconds: float) -> str:
    return f"{clock(start_seconds)}\u2013{clock(end_seconds)}"
