"""A comparison as one self-contained web page, with the style and the security policy of the report's pages.

Decides what the page says; the template decides how it looks.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import ChoiceLoader, Environment, PackageLoader

from screener.comparison import wording
from screener.comparison.records import Comparison, Moment, Person
from screener.report.html import page_environment
from screener.report.thumbnails import data_uri
from screener.report.wording import capitalised, clock
from screener.runtime.files import write_whole

NOT_PROOF = (
    "That two recordings differ does not say which of them was changed: that must be known from where each comes from.",
    "A face that differs by less than an encoder changes it is not found, and neither is a voice that was replaced.",
    "Only faces were compared: a caption or an object that was added, changed or removed is not found.",
    "Pictures were compared at moments spread over the recordings, not at every frame.",
)


@dataclass(frozen=True)
class Beside:
    """A face in A and in B, and a heat map of the differences. a, b, heat: data URIs."""

    a: str
    b: str
    heat: str
    a_when: str
    b_when: str
    difference: float


@dataclass(frozen=True)
class PersonShown:
    """A person with the most different faces, in order of time."""

    person: Person
    line: str
    tag: str
    faces: tuple[Beside, ...]

    @property
    def tone(self) -> str:
        """The outcome whose colour the tag takes."""
        return "fake" if self.person.replaced else "genuine" if self.person.is_judged else "undecided"


def write_comparison_page(found: Comparison, path: Path) -> None:
    """Write the page atomically. Raises OutputError."""
    write_whole(path, comparison_html(found))


def comparison_html(found: Comparison) -> str:
    """The page as HTML."""
    people = sorted(found.people, key=lambda person: (not person.replaced, person.number))
    return (
        _environment()
        .get_template("faces.html.j2")
        .render(
            found=found,
            heading=wording.headline(found),
            standfirst=wording.standfirst(found),
            people=[PersonShown(person, capitalised(wording.person_line(person)), _tag(person), _faces(person)) for person in people],
            stretches=[capitalised(wording.stretch_line(stretch)) for stretch in found.stretches],
            sides=[("A", wording.side_facts(found.a)), ("B", wording.side_facts(found.b))],
            not_proof=NOT_PROOF,
            tone={"replaced": "fake", "same": "genuine", "identical": "genuine"}.get(found.outcome, "undecided"),
        )
    )


def _tag(person: Person) -> str:
    return "another face" if person.replaced else "the same face" if person.is_judged else "too brief to tell"


def _faces(person: Person) -> tuple[Beside, ...]:
    shown = [moment for moment in person.moments if moment.crops_rgb]
    if not person.replaced and shown:
        shown = [max(shown, key=lambda moment: moment.difference)]
    return tuple(map(_beside, shown))


def _beside(moment: Moment) -> Beside:
    a, b, heat = map(data_uri, moment.crops_rgb)
    return Beside(a, b, heat, clock(moment.a_seconds, 2), clock(moment.b_seconds, 2), moment.difference)


@cache
def _environment() -> Environment:
    loader = ChoiceLoader([PackageLoader("screener.comparison", "templates"), PackageLoader("screener.report", "templates")])
    return page_environment(loader, "style.css", "faces.css")
