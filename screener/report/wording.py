"""Results in plain words: names made safe to show, times, scores, people, reasons. Pure text, shared by every human-readable report.

Does not know colours, HTML or the output: the caller escapes the text for the format it writes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from screener.errors import REASONS, WARNINGS
from screener.records import TrackVerdict, Verdict
from screener.verdict.proportion import wilson_interval

_COVERAGE_WORDS: dict[str, str] = {"complete": "complete", "partial": "partial", "none": "nothing judged"}


def visible(text: str) -> str:
    """`text` on one line, with non-printable characters escaped, such as \\n, \\x1b, \\u202e or \\udcff.

    Non-printable (`str.isprintable`) are control characters, line and paragraph separators, bidirectional and other format characters,
    lone surrogates, unassigned characters, and spaces other than U+0020.
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def shortened(text: str, width: int) -> str:
    """`text` in at most `width` characters (3 or more); an ellipsis replaces the middle of a longer one, so that its ending stays."""
    if len(text) <= width:
        return text
    head = (width - 1) // 2
    return f"{text[:head]}\u2026{text[len(text) - (width - 1 - head) :]}"


def clock(seconds: float, decimals: int = 1) -> str:
    """Seconds -> m:ss.s, or h:mm:ss.s from an hour on."""
    unit = 10**decimals
    ticks = round(abs(seconds) * unit)
    whole, fraction = divmod(ticks, unit)
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    text = f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"
    sign = "-" if seconds < 0 and ticks else ""
    return f"{sign}{text}.{fraction:0{decimals}}" if decimals else f"{sign}{text}"


def score(p_fake: float) -> str:
    """A probability to two places, or up to four if two would round a value that is not certain to 0.00 or 1.00."""
    for places in (2, 3, 4):
        text = f"{p_fake:.{places}f}"
        if float(text) not in (0.0, 1.0):
            return text
    return f"{p_fake:.2f}"


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """`1 frame`, `2 frames`, `1,234 frames`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def listed(items: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, [", ".join(items[:-1]), items[-1]])) if items else ""


def spelt_out(names: Iterable[str]) -> list[str]:
    """Reasons or warnings -> their descriptions; an unknown name is returned unchanged."""
    return [REASONS.get(name) or WARNINGS.get(name) or visible(name) for name in names]


def capitalised(sentence: str) -> str:
    """With a capital first letter, otherwise unchanged."""
    return sentence[:1].upper() + sentence[1:]


def detail(verdict: Verdict) -> str:
    """The reader's message without the input's name that it starts with, which the line above already shows."""
    words = visible(verdict.detail.removeprefix(f"{verdict.source}: "))
    return "" if words in spelt_out(verdict.reasons) else words


def is_unreadable(verdict: Verdict) -> bool:
    """True if no frame of the input could be decoded."""
    return verdict.outcome == "undecided" and verdict.video.frames_decoded == 0


def label(verdict: Verdict) -> str:
    """The outcome, or why there is none: `not found`, `unreadable`."""
    if is_unreadable(verdict):
        return "not found" if verdict.reasons == ("not_found",) else "unreadable"
    return verdict.outcome


def coverage_in_words(verdict: Verdict) -> str:
    """How much of an input was read, in words. A file of which only single frames were decoded, or that was played in real time, may hold
    frames that nobody looked at.
    """
    if verdict.coverage != "complete" or verdict.sha256 is None or is_sparse(verdict) or was_watched(verdict):
        return _COVERAGE_WORDS[verdict.coverage]
    return "whole picture read" if verdict.video.is_still else "whole file read"


def score_beside(p_fake: float, borders: Iterable[float]) -> str:
    """A score with enough decimals to tell it from the thresholds: 0.347 next to 0.350, where 0.35 would be ambiguous."""
    plain = score(p_fake)
    for places in (2, 3, 4):
        text = f"{p_fake:.{places}f}"
        if all(text != f"{border:.{places}f}" for border in borders if border != p_fake):
            break
    return text if len(text) > len(plain) else plain


def was_watched(verdict: Verdict) -> bool:
    """True if the input was played in real time, so that the speed of the machine decided which frames were looked at."""
    return verdict.video.reader == "live"


def is_sparse(verdict: Verdict) -> bool:
    """True if only some frames were decoded, so that their number is part of the answer."""
    return "sparse" in verdict.warnings


def numbered(verdict: Verdict) -> list[tuple[int, TrackVerdict]]:
    """People with their numbers in reports: the position in the verdict, from 1, because track ids may have gaps."""
    return list(enumerate(verdict.people, 1))


def moment(scanned_at: str) -> str:
    """`2026-11-29T02:11:03Z` -> `2026-11-29 02:11 UTC`; "" if it is unknown."""
    return f"{scanned_at[:10]} {scanned_at[11:16]} UTC" if scanned_at else ""


def measured_limits(verdict: Verdict) -> str:
    """The measured accuracy of these weights on labelled videos, in a sentence; "" if it was not measured."""
    point = verdict.operating_point
    if "fakes_found" not in point or not point["fake_videos"]:
        return ""
    found, missed = _of_a_hundred(point["fakes_found"], point["fake_videos"])
    called, spread = _of_a_hundred(point["reals_called_fake"], point["real_videos"])
    return (
        f"These weights find about {found} of 100 manipulated videos of the kinds they were measured on ({missed}), "
        f"and call about {called} of 100 genuine ones fake ({spread})."
    )


def _of_a_hundred(count: float, videos: float) -> tuple[str, str]:
    """The count scaled to a hundred videos, and its 95 % interval."""
    low, high = wilson_interval(count / videos, int(videos))
    return f"{100 * count / videos:.0f}", f"{100 * low:.0f} to {100 * high:.0f}"


def by_suspicion(person: TrackVerdict) -> tuple[bool, float]:
    """Sort key: fake first, then the highest score."""
    return person.outcome != "fake", -(person.p_fake or 0.0)


def spans(person: TrackVerdict) -> list[tuple[float, float]]:
    """Start and end in seconds of each suspicious interval of a person; if there is none, of the person's whole time on screen."""
    return [(s.start_seconds, s.end_seconds) for s in person.segments] or [(person.first_seconds, person.last_seconds)]


def person_in_words(number: int, people: int) -> str:
    """`person 2`, or `the only person in it`."""
    return "the only person in it" if people == 1 else f"person {number}"


def when_in_words(person: TrackVerdict) -> str:
    """`from 0:02.1 to 0:07.4`, with the number of further intervals if there are any."""
    (start, end), *more = spans(person)
    seen = "" if person.segments else "seen "
    further = f" and {counted(len(more), 'more time', 'more times')}" if more else ""
    return f"{seen}from {clock(start)} to {clock(end)}{further}"


def headline(verdict: Verdict) -> str:
    """The verdict in one line, without scores."""
    return _HEADLINES[verdict.outcome](verdict)


def _fake_headline(verdict: Verdict) -> str:
    fakes = [(number, person) for number, person in numbered(verdict) if person.outcome == "fake"]
    if not fakes:
        return "Judged fake"
    if len(fakes) > 1:
        return f"Judged fake: persons {listed([str(number) for number, _ in fakes])}"
    number, person = fakes[0]
    who = person_in_words(number, len(verdict.people))
    return f"Judged fake: {who}" if verdict.video.is_still else f"Judged fake: {who}, {when_in_words(person)}"


def _genuine_headline(verdict: Verdict) -> str:
    if verdict.video.is_still:
        return "Genuine: nothing suspicious in the picture"
    frames = counted(verdict.video.frames_judged, "frame")
    if is_sparse(verdict):
        return f"Genuine: nothing suspicious in {frames} from all over the file"
    read = coverage_in_words(verdict)
    return f"Genuine: nothing suspicious in {frames}" + (f", {read}" if read not in _COVERAGE_WORDS.values() else "")


def _undecided_headline(verdict: Verdict) -> str:
    reasons = "; ".join(spelt_out(verdict.reasons))
    return f"Undecided: {reasons}" if reasons else "Undecided"


_HEADLINES = {"fake": _fake_headline, "genuine": _genuine_headline, "undecided": _undecided_headline}
