"""The statement of a page: for every outcome, with the measured error rates and no further claims."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from importlib import resources
from pathlib import Path

import pytest
from web_pages import words

from screener.checkpoint import load_checkpoint
from screener.evaluation.methods import family_of
from screener.record_stress import Stressed, StressedPerson
from screener.records import Verdict
from screener.report.html import page_html
from screener.report.measured import measured_for
from screener.report.statement import statement_of
from screener.report.stress import stress_lines
from screener.report.wording import coverage_in_words

CARD = (Path(__file__).parents[3] / "weights" / "MODEL_CARD.md").read_text(encoding="utf-8")
KNOWN = json.loads(resources.files("screener.report").joinpath("measured.json").read_text(encoding="utf-8"))
(SHIPPED,) = KNOWN
POINT = {
    "fpr": 0.05, "genuine_below": 0.42, "real_videos": 114, "fake_videos": 41, "reals_called_fake": 5, "fakes_found": 10,
}  # fmt: skip


def of_shipped(verdict: Verdict, **changes: object) -> Verdict:
    """The same verdict by the weights that ship, as far as a report can tell."""
    return replace(verdict, **{"checkpoint": {"name": "shipped", "sha256": SHIPPED}, "operating_point": POINT, **changes})


def test_the_counts_are_those_of_the_weights_that_ship_and_of_their_card() -> None:
    assert load_checkpoint(None).sha256 == SHIPPED and SHIPPED in CARD
    found = KNOWN[SHIPPED]
    for one in found["families"]:
        row = re.search(rf"^\| {one['card']} \| (\d+) \| (\d+) \|.*\| ([\d.]+) \| ([\d.]+) \|$", CARD, re.MULTILINE)
        assert row and (int(row[1]), int(row[2])) == (one["videos"], found["real"]["videos"])
        assert round(one["called_fake"] / one["videos"], 3) == pytest.approx(float(row[3]), abs=1e-9)
        assert round(found["real"]["called_fake"] / found["real"]["videos"], 3) == float(row[4])
    for rows in found["bands"].values():
        for one in rows:
            row = re.search(rf"^\| {one['card']} \| (\d+) \| (\d+) \|.*\| ([\d.]+) \| ([\d.]+) \|$", CARD, re.MULTILINE)
            assert row and (int(row[1]), int(row[2])) == (one["fakes"], one["reals"])
            assert (float(row[3]), float(row[4])) == (
                round(one["fakes_found"] / one["fakes"], 3), round(one["reals_called_fake"] / one["reals"], 3)
            )  # fmt: skip
    for card, one in {"real": found["real"], **{one["card"]: one for one in found["families"]}}.items():
        outcome = re.search(rf"^\| {card} \| (\d+) \| (\d+) \| (\d+) \| [\d.]+ %", CARD, re.MULTILINE)
        assert outcome and (int(outcome[1]), int(outcome[3])) == (one["called_genuine"], one["called_fake"])
    named = {one["card"]: re.findall(r"[\w-]+", one["name"].partition("(")[2]) for one in found["families"]}
    assert all(family_of(method) == card for card, methods in named.items() for method in methods if "(" not in method)


def test_fake_weighs_its_finding_by_the_measured_rates(verdicts: dict[str, Verdict]) -> None:
    said = statement_of(of_shipped(verdicts["three_people"]))
    assert said.conclusion.startswith("The findings support that the face of person 2 was forged; they do not prove it.")
    assert "about 5.6 times as frequent for manipulated as for genuine ones (so few videos leave 1.4 to 21 open)" in said.conclusion
    assert "Person 2: fake, score 0.93, suspicious from 0:02.1 to 0:07.4." in said.findings and "Person 1: genuine" in said.findings
    errors = " ".join(said.known_errors)
    assert "5 of 114 genuine ones were called fake, and 10 of 41 swaps" in errors and "8 of 9 lip-syncs" in errors
    assert "whose shorter side of the picture has 720 to 1080 pixels, as here, 1 of 11 genuine" in errors
    assert "whose face has 50.1 to 105 pixels, as here, 3 of 57" in errors


def test_genuine_says_which_fakes_were_called_so_too(verdicts: dict[str, Verdict]) -> None:
    said = statement_of(of_shipped(verdicts["genuine"])).conclusion
    assert "does not show that the recording is authentic" in said
    assert "27 of 114 genuine videos, 0 of 9 lip-syncs" in said and "12 of 32 faces generated as a whole were judged genuine" in said


def test_undecided_and_not_judged_draw_no_conclusion(verdicts: dict[str, Verdict]) -> None:
    undecided = statement_of(of_shipped(verdicts["every_frame"])).conclusion
    assert undecided.startswith("No conclusion is drawn: ") and "neither at a forgery nor at a genuine" in undecided
    for name, why in (("no_face", "no face"), ("unreadable", "cannot be found")):
        said = statement_of(of_shipped(verdicts[name]))
        assert said.conclusion.startswith("No conclusion can be drawn: nothing was judged") and why in said.conclusion
        assert said.known_errors == () and said.findings.startswith("Nothing was judged")
    assert "no method was applied" in statement_of(verdicts["unreadable"]).method


def test_what_was_not_measured_is_said_so(verdicts: dict[str, Verdict]) -> None:
    fake = verdicts["three_people"]
    other = statement_of(replace(fake, operating_point=POINT))
    assert "by kind of forgery, or on videos like this one, is not on record" in other.known_errors[-1]
    by_hand = statement_of(of_shipped(fake, operating_point={}))
    assert by_hand.known_errors == ("How often a threshold set by hand is wrong was not measured.",)
    assert "How much weight that has was not measured." in by_hand.conclusion
    spotless = statement_of(of_shipped(fake, operating_point={**POINT, "reals_called_fake": 0})).conclusion
    assert "10 of 41 manipulated and 0 of 114 genuine ones got such a verdict." in spotless
    assert measured_for(of_shipped(fake, operating_point={**POINT, "fpr": 0.1})) is None
    assert "is not on record here" in statement_of(verdicts["genuine"]).conclusion
    assert "Only part of the input was judged" in statement_of(of_shipped(verdicts["partial_fake"])).conclusion


def test_a_stress_test_takes_part_in_the_findings_and_weighs(verdicts: dict[str, Verdict]) -> None:
    def after(*outcomes: str) -> tuple[Stressed, ...]:
        return tuple(
            Stressed("blur", n, f"blur, kernel {n}", outcome, 0.5, (), (StressedPerson(1, outcome, 0.5),))
            for n, outcome in enumerate(outcomes, 7)
        )

    steady, tipping = (replace(verdicts["genuine"], stress=after("genuine", second)) for second in ("genuine", "fake"))
    assert "holds after 2 of 2 slight changes" in statement_of(steady).findings
    assert "less weight" not in statement_of(steady).conclusion and "less weight" in statement_of(tipping).conclusion
    falling = replace(verdicts["genuine"], stress=after("undecided", "undecided"))
    lines = [stress_lines(one) for one in (steady, tipping, falling)]
    assert lines == [
        ["stress: stable, genuine after all 2 changes (blur)"],
        ["stress: tips: fake (p 0.50) after blur, kernel 8"],
        ["stress: tips: undecided after each of 2 changes (blur)"],
    ]
    page = words(page_html(tipping))
    assert "The outcome, genuine, does not hold: fake after blur (kernel 8). It holds after 1 of 2 changes." in page
    assert "Blur, kernel 8 0.50 fake tips" in page


def test_the_parts_stand_in_their_order(verdict: Verdict) -> None:
    text = words(page_html(verdict))
    titles = ("Statement", "1. Request and item", "2. Method", "3. Findings", "4. Limitations", "5. Conclusion")
    places = [text.index(title) for title in titles]
    assert places == sorted(places)


def test_a_watch_of_a_file_is_not_said_to_repeat(verdicts: dict[str, Verdict]) -> None:
    """The speed of the machine chose the frames, and there is no JSON that `report verify --rerun` could judge again."""
    scanned = verdicts["genuine"]
    watched = replace(scanned, video=replace(scanned.video, reader="live"))
    assert "report verify --rerun" in words(page_html(scanned))
    assert coverage_in_words(scanned) == "whole file read"
    text = words(page_html(watched))
    assert "watched in real time" in text and "--rerun" not in text
    assert coverage_in_words(watched) == "complete"


def test_a_scan_whose_time_was_limited_is_not_said_to_repeat(verdicts: dict[str, Verdict]) -> None:
    """How many frames fit into a budget, and how far a time limit reaches, depends on the speed of the machine."""
    scanned = verdicts["genuine"]
    cut = replace(scanned, outcome="undecided", coverage="partial", reasons=("limit_time",))
    for limited in (replace(scanned, settings={**scanned.settings, "budget_seconds": 20.0}), cut):
        method = statement_of(limited).method
        assert "the speed of the machine may have decided how many frames were looked at" in method
        assert "give the same result" not in method and "--rerun" not in method
    assert ", as far as its time allowed, found faces" in statement_of(cut).method
    unlimited = replace(scanned, settings={**scanned.settings, "budget_seconds": None, "time_limit_seconds": 3600.0})
    assert "give the same result" in statement_of(unlimited).method
    assert "as far as" not in statement_of(unlimited).method


def test_frames_from_all_over_the_video_are_claimed_only_where_frames_were_sought(verdicts: dict[str, Verdict]) -> None:
    """A file in which single frames cannot be sought is read in order, with `until_sure` and a budget too."""
    in_order = replace(verdicts["genuine"], settings={"frames": 32, "fps": None, "until_sure": True})
    assert "took 32 evenly spaced frames" in statement_of(in_order).method
    assert "frames from all over the video" in statement_of(replace(in_order, warnings=("sparse",))).method


def test_the_file_is_named_with_size_hash_and_time(verdicts: dict[str, Verdict]) -> None:
    text = words(page_html(replace(verdicts["genuine"], size_bytes=1234567, scanned_at="2026-11-29T02:11:03Z")))
    assert "examined on 2026-11-29 02:11 UTC" in text and "1,234,567 bytes" in text and "9f" * 32 in text
    assert "1 person was seen and 1 judged, in 32 of 32 frames looked at; coverage is complete." in text
