"""The statement on a page, in the order of a forensic report: request, method, findings, known errors, conclusion.

Turns a verdict into sentences; plain text, which the template escapes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from screener.records import TrackVerdict, Verdict
from screener.report.measured import Band, Kind, Measured, measured_for
from screener.report.wording import (
    counted,
    is_sparse,
    is_unreadable,
    listed,
    moment,
    numbered,
    score,
    spelt_out,
    visible,
    was_watched,
    when_in_words,
)
from screener.verdict.proportion import wilson_interval

MOST_NAMED = 12
"""Most people whose findings are listed individually, the most suspicious first."""

NOT_PROOF = (
    "A score is not proof. It is a machine\u2019s estimate, and it can be wrong in both directions.",
    "Only faces were judged: not the voice, the caption, the setting, or whether the recording shows what it is said to show.",
    "\u201cGenuine\u201d means that this checkpoint found nothing suspicious, not that the recording is authentic.",
    "The interval covers chance in the frames looked at. It does not cover kinds of forgery that the checkpoint never learned from.",
)


@dataclass(frozen=True)
class Statement:
    """The parts of a statement, in reading order, a few sentences each. known_errors: one entry per point."""

    request: str
    method: str
    findings: str
    known_errors: tuple[str, ...]
    not_proof: tuple[str, ...]
    conclusion: str


def statement_of(verdict: Verdict) -> Statement:
    """The statement on a verdict."""
    judged = any(person.frames_judged for person in verdict.people)
    measured = measured_for(verdict)
    return Statement(
        request=_request(verdict),
        method=_method(verdict),
        findings=_findings(verdict),
        known_errors=_known_errors(verdict, measured) if judged else (),
        not_proof=NOT_PROOF,
        conclusion=(_CONCLUSIONS[verdict.outcome] if judged else _nothing_judged)(verdict, measured),
    )


def _request(verdict: Verdict) -> str:
    item = "one file" if verdict.sha256 is not None else "one input, of which no copy with a hash was kept,"
    if is_unreadable(verdict):
        item = "one input"
    when = f" on {moment(verdict.scanned_at)}" if verdict.scanned_at else ""
    return (
        f"The question was whether a face in {'this picture' if verdict.video.is_still else 'this recording'} was forged: swapped, "
        f"edited, or moved by a machine. {item[0].upper()}{item[1:]} was examined{when}; who is shown was no part of the question."
    )


def _method(verdict: Verdict) -> str:
    settings, checkpoint = verdict.settings, verdict.checkpoint
    version = verdict.versions.get("screener", "")
    if not verdict.video.frames_decoded:
        return f"screener{f' {visible(version)}' if version else ''} tried to read it and came to no picture, so no method was applied."
    pooling = str(settings.get("pooling") or checkpoint.get("pooling", "")).replace("_", " ")
    device = f" on {visible(str(settings['device']))} in {visible(str(settings['dtype']))}" if "dtype" in settings else ""
    sentences = [
        f"screener{f' {visible(version)}' if version else ''} took {_sampling(verdict)}, found faces, followed "
        f"each person, and had a neural network, {visible(str(checkpoint.get('name', 'of unknown name')))}, score every face{device}.",
        f"A person\u2019s scores are pooled{f' ({visible(pooling)})' if pooling else ''} and held against the threshold of "
        f"{score(verdict.threshold)}. No person took part, and nothing that the file says of itself.",
    ]
    if was_watched(verdict):
        sentences.append(
            "It was watched in real time: the speed of the machine chose the frames looked at, so another watch may look at others."
        )
    elif _was_limited(verdict):
        sentences.append(
            "Its time was limited, so the speed of the machine may have decided how many frames were looked at: another scan with the same "
            "settings may give another result."
        )
    elif verdict.sha256 is not None:
        sentences.append(
            "The same file, weights, version and settings give the same result; with the JSON of this scan, "
            "\u201cscreener report verify --rerun\u201d repeats it."
        )
    return " ".join(sentences)


def _was_limited(verdict: Verdict) -> bool:
    """Whether a faster machine may look at more frames: there was a time budget, or the time limit was reached."""
    return verdict.settings.get("budget_seconds") is not None or "limit_time" in verdict.reasons


def _sampling(verdict: Verdict) -> str:
    """How frames were sampled, in words; the settings are tried in order of precedence."""
    if verdict.video.is_still:
        return "the picture"
    settings = verdict.settings
    ways = (
        (settings.get("all_frames"), "every frame"),
        (is_sparse(verdict), "frames from all over the video, more where the outcome was open"),
        (settings.get("fps"), f"{settings.get('fps')} frames per second"),
        (settings.get("frames"), f"{settings.get('frames')} evenly spaced frames"),
    )
    words = next((words for chosen, words in ways if chosen), "frames of the video")
    return f"{words}, as far as its time allowed" if "limit_time" in verdict.reasons else words


def _findings(verdict: Verdict) -> str:
    people = numbered(verdict)
    judged = [(number, person) for number, person in people if person.frames_judged]
    if not judged:
        return f"Nothing was judged: {_why(verdict)}."
    named = sorted(judged, key=lambda one: (one[1].outcome != "fake", -(one[1].p_fake or 0.0)))[:MOST_NAMED]
    sentences = [
        f"{counted(len(people), 'person was', 'people were')} seen and {len(judged)} judged, in {verdict.video.frames_judged:,} of "
        f"{counted(verdict.video.frames_sampled, 'frame')} looked at; coverage is {verdict.coverage}.",
        *(_of_person(number, person, verdict.video.is_still) for number, person in sorted(named)),
    ]
    if len(judged) > len(named):
        sentences.append(f"{counted(len(judged) - len(named), 'less suspicious person is', 'less suspicious people are')} listed above.")
    return " ".join([*sentences, *_stressed(verdict)])


def _stressed(verdict: Verdict) -> list[str]:
    held = sum(one.outcome == verdict.outcome for one in verdict.stress)
    return [f"Its outcome holds after {held} of {counted(len(verdict.stress), 'slight change')} to the picture."] if verdict.stress else []


def _of_person(number: int, person: TrackVerdict, is_still: bool) -> str:
    scored = "" if person.p_fake is None else f", score {score(person.p_fake)}"
    when = f", suspicious {when_in_words(person)}" if person.segments and not is_still else ""
    why = f" ({'; '.join(spelt_out(person.reasons))})" if person.reasons else ""
    return f"Person {number}: {person.outcome}{scored}{when}{why}."


def _known_errors(verdict: Verdict, measured: Measured | None) -> tuple[str, ...]:
    point = verdict.operating_point
    if "fpr" not in point:
        return ("How often a threshold set by hand is wrong was not measured.",)
    points = []
    if "fakes_found" in point:
        points.append(
            f"On labelled videos that calibration and threshold were not fitted to, {int(point['reals_called_fake'])} of "
            f"{int(point['real_videos'])} genuine ones were called fake, and {int(point['fakes_found'])} of {int(point['fake_videos'])} "
            "swaps, lip-syncs and reenactments were found."
        )
    if measured is None:
        points.append("How these weights fare by kind of forgery, or on videos like this one, is not on record here.")
        return tuple(points)
    kinds = listed([f"{one.called_fake} of {one.videos} {one.name}" for one in measured.families])
    points.append(
        f"By kind, {kinds} were called fake. These are of {measured.population}; the threshold was chosen on them, so this flatters."
    )
    points += [_beside(band) for band in measured.bands]
    return (*points, "Videos of other origin, and kinds of forgery that are not among these, may fare worse.")


def _beside(band: Band) -> str:
    size = f"below {band.high:g}" if not band.low else f"{band.low:g} to {band.high:g}"
    return (
        f"Among those of them whose {band.of} has {size} pixels, as here, {band.reals_called_fake} of {band.reals} genuine ones were "
        f"called fake and {band.fakes_found} of {band.fakes} swaps and lip-syncs found."
    )


def _nothing_judged(verdict: Verdict, measured: Measured | None) -> str:
    return f"No conclusion can be drawn: nothing was judged ({_why(verdict)}). This says nothing about whether the recording is genuine."


def _fake(verdict: Verdict, measured: Measured | None) -> str:
    fakes = [number for number, person in numbered(verdict) if person.outcome == "fake"]
    who = f"the face of person {listed([str(number) for number in fakes])}" if fakes else "a face"
    partly = " Only part of the input was judged; the rest is not covered by this." if verdict.coverage != "complete" else ""
    return f"The findings support that {who} was forged; they do not prove it.{_weight(verdict)}{_holds(verdict)}{partly}"


def _holds(verdict: Verdict) -> str:
    tipped = any(one.outcome != verdict.outcome for one in verdict.stress)
    return " As the outcome tips after slight changes to the picture, it should carry less weight." if tipped else ""


def _weight(verdict: Verdict) -> str:
    """The likelihood ratio of a fake verdict, and its range when the opposite ends of both rates' intervals are combined."""
    point = verdict.operating_point
    if "fakes_found" not in point or not point["fake_videos"]:
        return " How much weight that has was not measured."
    fakes, reals = (int(point["fakes_found"]), int(point["fake_videos"])), (int(point["reals_called_fake"]), int(point["real_videos"]))
    if not fakes[0] or not reals[0]:
        return (
            f" On the videos these weights were measured on, {fakes[0]} of {fakes[1]} manipulated and {reals[0]} of {reals[1]} genuine "
            "ones got such a verdict."
        )
    (low, high), (low_real, high_real) = (wilson_interval(count / videos, videos) for count, videos in (fakes, reals))
    ratio = (fakes[0] / fakes[1]) / (reals[0] / reals[1])
    return (
        f" On the videos these weights were measured on, such a verdict was about {ratio:.2g} times as frequent for manipulated as for "
        f"genuine ones (so few videos leave {low / high_real:.2g} to {high / low_real:.2g} open)."
    )


def _genuine(verdict: Verdict, measured: Measured | None) -> str:
    where = "picture" if verdict.video.is_still else "frames that were looked at"
    found = f"Nothing that suggests a forged face was found in the {where}. This does not show that the recording is authentic."
    if measured is None:
        return f"{found} How often these weights call a forgery genuine is not on record here.{_holds(verdict)}"
    kinds = listed([_as_genuine(one) for one in (measured.real, *measured.families)])
    return f"{found} On the videos these weights were measured on, {kinds} were judged genuine as well.{_holds(verdict)}"


def _as_genuine(kind: Kind) -> str:
    return f"{kind.called_genuine} of {kind.videos} {kind.name}"


def _undecided(verdict: Verdict, measured: Measured | None) -> str:
    suspicious = [number for number, person in numbered(verdict) if person.segments]
    more = f" What looks suspicious in person {listed([str(number) for number in suspicious])} is a lead to follow." if suspicious else ""
    return f"No conclusion is drawn: {_why(verdict)}. That is a hint neither at a forgery nor at a genuine recording.{more}"


def _why(verdict: Verdict) -> str:
    reasons = spelt_out(verdict.reasons)
    return "; ".join(reasons) if reasons else "not everything that was asked for was judged"


_CONCLUSIONS: dict[str, Callable[[Verdict, Measured | None], str]] = {"fake": _fake, "genuine": _genuine, "undecided": _undecided}
