"""A verdict in other forms: rounded numbers for the JSON, a line for a prompt, a table for a notebook, rows for pandas.

Knows plain values only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from html import escape
from math import floor
from typing import Any


def rounded_score(value: float | None) -> float | None:
    """Rounded to four places; None stays None."""
    return None if value is None else round(float(value), 4)


def rounded_interval(value: tuple[float, float] | None) -> list[float | None] | None:
    """Both ends rounded to four places; None stays None."""
    return None if value is None else [rounded_score(value[0]), rounded_score(value[1])]


def rounded_seconds(value: float) -> float:
    """Rounded to milliseconds."""
    return round(float(value), 3)


def video_dict(video: Any) -> dict[str, Any]:
    """The public JSON of a `VideoFacts`."""
    return {
        "duration_seconds": rounded_seconds(video.duration_seconds),
        "size_wh": list(video.size_wh),
        # 0 would say that it is unknown, as of a picture an hour.
        "fps": round(video.fps, 3) or float(f"{video.fps:.3g}"),
        "frame_rate": video.frame_rate,
        "codec": video.codec,
        "reader": video.reader,
        "is_still": video.is_still,
        "frames_promised": video.frames_promised,
        "frames_decoded": video.frames_decoded,
        "frames_sampled": video.frames_sampled,
        "frames_judged": video.frames_judged,
        "decode_errors": video.decode_errors,
    }


def frame_at(seconds: float, frame_rate: str) -> int | None:
    """Number of the frame that is nearest to a time, counted from 0 at `frame_rate`; None where the rate is not known."""
    return max(0, floor(Fraction(frame_rate) * Fraction(seconds) + Fraction(1, 2))) if frame_rate else None


def person_dict(person: Any, frame_rate: str) -> dict[str, Any]:
    """The public JSON of a `TrackVerdict`. frame_rate: the rate that the frames of its segments are counted at."""
    return {
        "track_id": person.track_id,
        "outcome": person.outcome,
        "p_fake": rounded_score(person.p_fake),
        "interval": rounded_interval(person.interval),
        "first_seconds": rounded_seconds(person.first_seconds),
        "last_seconds": rounded_seconds(person.last_seconds),
        "frames_seen": person.frames_seen,
        "frames_judged": person.frames_judged,
        "segments": [_segment_dict(segment, frame_rate) for segment in person.segments],
        "face_px_median": round(person.face_px_median, 1),
        "reasons": list(person.reasons),
    }


def _segment_dict(segment: Any, frame_rate: str) -> dict[str, Any]:
    return {
        "start_seconds": rounded_seconds(segment.start_seconds),
        "end_seconds": rounded_seconds(segment.end_seconds),
        "start_frame": frame_at(segment.start_seconds, frame_rate),
        "end_frame": frame_at(segment.end_seconds, frame_rate),
        "p_fake": rounded_score(segment.p_fake),
    }


def frame_dict(score: Any) -> dict[str, Any]:
    """The public JSON of a `FaceScore`."""
    return {
        "seconds": rounded_seconds(score.pts_seconds),
        "frame_index": score.frame_index,
        "track_id": score.track_id,
        "p_fake": rounded_score(score.p_fake),
        "logit": rounded_score(score.logit),
        "box_xyxy": [round(float(v), 1) for v in score.box_xyxy],
        "confidence": rounded_score(score.confidence),
        "sharpness": round(score.sharpness, 1),
    }


def verdict_line(public: Mapping[str, Any]) -> str:
    """public: what `Verdict.to_dict` gives. -> `Verdict(fake, p_fake 0.93, person 2 of 3, complete, 'clip.mp4')`."""
    people = public["people"]
    score = "" if public["p_fake"] is None else f", p_fake {public['p_fake']:.2f}"
    fakes = [number for number, person in enumerate(people, 1) if person["outcome"] == "fake"]
    who = (
        f"person {', '.join(map(str, fakes))} of {len(people)}" if fakes else f"{len(people)} {'person' if len(people) == 1 else 'people'}"
    )
    why = f", {' '.join(public['reasons'])}" if public["reasons"] else ""
    return f"Verdict({public['outcome']}{score}, {who}, {public['coverage']}{why}, {public['source']!r})"


def verdict_html(public: Mapping[str, Any]) -> str:
    """The same as an HTML fragment, with a row for each person; everything from the input is escaped."""
    head = "".join(f"<th>{name}</th>" for name in ("person", "outcome", "p_fake", "90 % interval", "seen", "suspicious", "reasons"))
    rows = "".join(_person_row(number, person) for number, person in enumerate(public["people"], 1))
    decides = f"fake from {public['threshold']}"
    caption = f"<b>{escape(public['outcome'])}</b> {escape(public['source'])}: {escape(public['coverage'])}, {decides}"
    reasons = f"<p>{escape(', '.join([*public['reasons'], *public['warnings']]))}</p>" if public["reasons"] or public["warnings"] else ""
    return f"<table><caption>{caption}</caption><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>{reasons}"


def _person_row(number: int, person: Mapping[str, Any]) -> str:
    low_high = "" if person["interval"] is None else "{} to {}".format(*person["interval"])
    stretches = ", ".join(f"{s['start_seconds']} to {s['end_seconds']} s" for s in person["segments"])
    seen = f"{person['first_seconds']} to {person['last_seconds']} s, {person['frames_judged']} frames judged"
    score = "" if person["p_fake"] is None else str(person["p_fake"])
    cells = (str(number), person["outcome"], score, low_high, seen, stretches, ", ".join(person["reasons"]))
    return "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"


def frame_table(public: Mapping[str, Any]) -> Any:
    """A pandas DataFrame with a row for each judged face, in the order of `frames`. Raises ImportError if pandas is not installed."""
    try:
        import pandas
    except ImportError as error:
        raise ImportError("to_dataframe needs pandas, which screener does not install: pip install pandas") from error
    rows: Sequence[Mapping[str, Any]] = public["frames"]
    columns = ("seconds", "frame_index", "track_id", "p_fake", "logit", "x0", "y0", "x1", "y1", "confidence", "sharpness")
    flat = [{**row, **dict(zip(("x0", "y0", "x1", "y1"), row["box_xyxy"], strict=True))} for row in rows]
    return pandas.DataFrame([{name: row[name] for name in columns} for row in flat], columns=list(columns))
