"""A comparison in plain words, for a terminal and for the page. Pure text."""

from __future__ import annotations

from collections.abc import Callable

from screener.comparison.records import KINDS, Comparison, Person, Side, Span, Stretch
from screener.report.wording import capitalised, clock, counted, listed, spelt_out, visible


def headline(found: Comparison) -> str:
    """The answer in one line."""
    return _HEADLINES[found.outcome](found)


def standfirst(found: Comparison) -> str:
    """The sentences under the headline: how the pictures were encoded, and what limits the answer."""
    said = []
    if found.outcome not in ("identical", "undecided", "different") and found.reencoded is not None:
        if not found.reencoded:
            said.append("The pictures that were compared are equal, pixel for pixel.")
        elif not any(person.is_judged for person in found.people):
            said.append("Their pixels differ; whether encoding explains that is examined at faces only.")
        else:
            said.append("Changes outside of faces, such as another caption, were not looked for.")
    if found.outcome == "same":
        said.insert(0, "Neither lacks an interval that the other shows.")
    return " ".join([*said, visible(found.detail)]).strip()


def person_line(person: Person) -> str:
    """`person 2: the face differs 5.7 times as much as encoding explains, at 0:00.1-0:05.0; 17 moments compared`."""
    compared = counted(len(person.moments), "moment") + " compared"
    if person.replaced:
        when = listed([between(span) for span in person.spans])
        return f"person {person.number}: another face, {person.difference:.1f} times as much as encoding explains, at {when}; {compared}"
    if not person.is_judged:
        return f"person {person.number}: seen too briefly to tell; {compared}"
    return f"person {person.number}: the same face, {person.difference:.1f} times what encoding explains; {compared}"


def stretch_line(stretch: Stretch) -> str:
    """`0:00.0-0:05.0 of A shows the same as 0:02.0-0:07.0 of B`."""
    if stretch.a_seconds is None or stretch.b_seconds is None:
        span = stretch.a_seconds or stretch.b_seconds
        assert span is not None
        return f"{between(span)} of {'A' if stretch.a_seconds else 'B'} {KINDS[stretch.kind]}"
    return f"{between(stretch.a_seconds)} of A {_VERBS[stretch.kind]} {between(stretch.b_seconds)} of B"


def between(span: Span) -> str:
    """`0:00.0–0:05.0`."""
    return f"{clock(span[0])}\u2013{clock(span[1])}"


def side_facts(side: Side) -> tuple[tuple[str, str], ...]:
    """Name, hash and facts of one file, for a table."""
    video = side.video
    facts = [
        ("Name", visible(side.source)),
        ("SHA-256", side.sha256 or "not known"),
        ("Length", f"{clock(video.duration_seconds)} ({video.duration_seconds:.3f} s)" if video.duration_seconds else ""),
        ("Picture", f"{video.size_wh[0]} \u00d7 {video.size_wh[1]} pixels" if video.size_wh[0] else ""),
        ("Frame rate", f"{video.frame_rate} per second" if video.frame_rate else ""),
        ("Codec", visible(video.codec)),
        ("Frames", f"{video.frames_decoded:,} decoded" if video.frames_decoded else ""),
        ("Not read", capitalised("; ".join(spelt_out(video.reasons)))),
    ]
    return tuple((name, value) for name, value in facts if value)


def as_text(found: Comparison) -> str:
    """The whole answer for a terminal."""
    lines = [f"{found.outcome.upper():<12}{headline(found)}"]
    lines += [f"  A  {visible(found.a.source)}", f"  B  {visible(found.b.source)}"]
    if said := standfirst(found):
        lines.append(f"  {said}")
    lines += [f"  {person_line(person)}" for person in found.people]
    lines += [f"  {stretch_line(stretch)}" for stretch in found.stretches]
    return "\n".join(lines) + "\n"


_VERBS = {"same": "shows the same as", "replaced": "shows the scene of, with another face than,"}


def _replaced(found: Comparison) -> str:
    replaced = [person for person in found.people if person.replaced]
    who = "the only person" if len(found.people) == 1 else listed([f"person {person.number}" for person in replaced])
    return f"One scene, another face: {who} of {len(found.people)}" if len(found.people) > 1 else f"One scene, another face: {who} in it"


def _same(found: Comparison) -> str:
    if not found.people:
        return "One recording, neither file cut; no face was compared"
    which = "no face that could be compared" if found.has_unjudged_faces else "no face"
    return f"One recording, neither file cut, and {which} was replaced"


def _cut(found: Comparison) -> str:
    lacks = {"A": "only_b", "B": "only_a"}
    who = [side for side, kind in lacks.items() if any(stretch.kind == kind for stretch in found.stretches)]
    return f"One recording, cut: {listed(who)} {'lacks' if len(who) == 1 else 'each lack'} what the other shows"


_HEADLINES: dict[str, Callable[[Comparison], str]] = {
    "identical": lambda found: "The two files are the same, byte for byte",
    "same": _same,
    "replaced": _replaced,
    "cut": _cut,
    "different": lambda found: "Nothing in common: neither shows what the other shows",
    "undecided": lambda found: "Undecided",
}
