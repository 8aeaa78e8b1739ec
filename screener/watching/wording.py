"""The results of a live watch in plain words: the whole picture, a person, an event, the rates. Pure text, for terminal and log.

Does not know colours or where the text goes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from screener.records import TrackVerdict
from screener.report.wording import clock, counted, listed, score, spelt_out, visible
from screener.watching.records import LiveEvent, LivePerson, LiveStats, LiveUpdate

SOME_LOOK_FAKE = "some frames in a row look fake, not enough to decide"


def live_headline(update: LiveUpdate) -> str:
    """The outcome of the whole picture and why, such as `FAKE: persons 1 and 4`; empty while the state is not `live`."""
    if update.state != "live":
        return ""
    if not update.people:
        return "NO FACE IN VIEW" if update.stats.frames_judged else "NO FACE YET"
    if update.outcome == "fake":
        fakes = [str(p.verdict.track_id) for p in update.people if p.verdict.outcome == "fake"]
        return f"FAKE: {'person' if len(fakes) == 1 else 'persons'} {listed(fakes)}" if fakes else "FAKE"
    if update.outcome == "genuine":
        genuine = sum(person.verdict.outcome == "genuine" for person in update.people)
        others = len(update.people) - genuine
        return f"GENUINE: {counted(genuine, 'person', 'people')}" + (f", {others} undecided" if others else "")
    why = spelt_out(update.reasons)
    if "near_threshold" in update.reasons and any(_some_look_fake(p.verdict.reasons, p.verdict.segments) for p in update.people):
        why[update.reasons.index("near_threshold")] = SOME_LOOK_FAKE
    return ": ".join(["UNDECIDED", *filter(None, ["; ".join(why)])])


def person_line(person: LivePerson) -> str:
    """`person 1: FAKE  p 0.93 [0.87-0.97]  96 frames, seen 48 s`, with the reason if undecided."""
    verdict = person.verdict
    parts = [verdict.outcome.upper(), p_in_words(verdict), evidence(person), why_undecided(verdict)]
    return f"person {verdict.track_id}: {'  '.join(filter(None, parts))}"


def why_undecided(verdict: TrackVerdict) -> str:
    """The reasons in words; empty if there is an outcome. Frames that look fake are named, whatever the pooled score."""
    if verdict.outcome != "undecided":
        return ""
    return _reasons_in_words(verdict.reasons, verdict.segments)


def _some_look_fake(reasons: Sequence[str], segments: Sequence[object]) -> bool:
    return bool(segments) and list(reasons) == ["near_threshold"]


def _reasons_in_words(reasons: Sequence[str], segments: Sequence[object]) -> str:
    return SOME_LOOK_FAKE if _some_look_fake(reasons, segments) else "; ".join(spelt_out(reasons))


def p_in_words(verdict: TrackVerdict) -> str:
    """`p 0.93 [0.87-0.97]`; empty without a score."""
    if verdict.p_fake is None:
        return ""
    spread = interval_in_words(verdict)
    return f"p {score(verdict.p_fake)}" + (f" [{spread}]" if spread else "")


def interval_in_words(verdict: TrackVerdict) -> str:
    """`0.29-0.30`; empty if there is none."""
    return "" if verdict.interval is None else f"{score(verdict.interval[0])}-{score(verdict.interval[1])}"


def evidence(person: LivePerson) -> str:
    """`96 frames, seen 48 s`: number of frames behind the present verdict, and how long the person has been in view."""
    verdict = person.verdict
    if not verdict.frames_judged:
        return "nothing judged"
    seconds = max(0.0, verdict.last_seconds - verdict.first_seconds)
    span = f"{seconds:.0f} s" if seconds < 100 else clock(seconds, 0)
    return f"{counted(verdict.frames_judged, 'frame')}, seen {span}"


def state_line(update: LiveUpdate) -> str:
    """`STALE: no new frame for 2.4 s`, `LOST: connection refused; next attempt in 4 s`."""
    retry = "" if update.retry_seconds is None else f"next attempt in {max(0.0, update.retry_seconds):.0f} s"
    why = "; ".join(filter(None, [visible(update.message), retry]))
    return f"{update.state.upper()}: {why}" if why else update.state.upper()


def rates(stats: LiveStats) -> list[str]:
    """Rates and delays of the watch, a few words each."""
    delay = []
    if stats.delay_median_seconds is not None and stats.delay_p95_seconds is not None:
        delay = [f"delay {stats.delay_median_seconds:.2f} s, 95 % within {stats.delay_p95_seconds:.2f} s"]
    segments = [f"segment {stats.segments}"] if stats.segments > 1 else []
    return [
        f"received {stats.received_fps:.1f}/s",
        f"judged {stats.judged_fps:.1f}/s",
        f"dropped {stats.frames_dropped:,} of {stats.frames_received:,}",
        *delay,
        *segments,
    ]


def event_in_words(event: LiveEvent) -> str:
    """One line without its time. Missing details are left out."""
    return _EVENTS[event.kind](event.details)


def time_of_day(time: str) -> str:
    """ISO 8601 -> HH:MM:SS; anything else is returned unchanged."""
    try:
        return datetime.fromisoformat(time).strftime("%H:%M:%S")
    except ValueError:
        return visible(time)


def _person(details: Mapping[str, Any]) -> str:
    outcome = str(details.get("outcome", ""))
    p_fake = details.get("p_fake")
    number = f"person {details.get('track_id', '')}".rstrip()
    says = outcome.upper() if outcome else "seen"
    if isinstance(p_fake, (int, float)) and math.isfinite(p_fake):
        says += f"  p {score(p_fake)}"
    why = _reasons_in_words(details.get("reasons", ()), details.get("segments", ())) if outcome == "undecided" else ""
    return f"{number}: {says}" + (f"  {why}" if why else "")


def _with_message(word: str, details: Mapping[str, Any]) -> str:
    message = visible(str(details.get("message", "")))
    return f"{word}: {message}" if message else word


def _reconnected(details: Mapping[str, Any]) -> str:
    lost = details.get("lost_seconds")
    return f"reconnected after {clock(lost)}" if isinstance(lost, (int, float)) else "reconnected"


_EVENTS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "start": lambda details: f"watching {visible(str(details.get('source', '')))}".rstrip(),
    "person": _person,
    "alarm": lambda details: f"ALARM  {_person(details)}",
    "cleared": lambda details: f"cleared  {_person(details)}",
    "lost": lambda details: _with_message("lost", details),
    "reconnected": _reconnected,
    "stale": lambda details: _with_message(str(details.get("state", "stale")), details),
    "heartbeat": lambda details: f"going on: {details.get('state', '')}, {str(details.get('outcome', '')).upper()}",
    "summary": lambda details: f"ended: {str(details.get('outcome', '')).upper()}",
}
