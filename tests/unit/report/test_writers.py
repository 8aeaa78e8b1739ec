"""One contract for every streaming writer, and what each format promises beyond it."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from screener.records import Verdict
from screener.report import WRITERS, Summary, load_schema
from screener.report.csv_table import COLUMNS

NAMES = st.one_of(
    st.text(st.characters(codec=None), min_size=1, max_size=260),
    st.sampled_from(
        ["[/x]", "[red]a", "a\nb", "\x1b[31mx", "\u202egpj.exe", "\udcff.mp4", "=1+1", "+1", "-1", "@x", "\tx", "\rx", 'a",b', "\x00"]
    ),
)
ANSI = re.compile(r"\x1b\[[0-9;]*m")


def report(name: str, verdicts: list[Verdict], inputs: int | None = None, colour: bool = False) -> str:
    writer = WRITERS[name](inputs, colour)
    summary = Summary()
    pieces = [writer.begin()]
    for verdict in verdicts:
        summary = summary.plus(verdict)
        pieces.append(writer.one(verdict))
    return "".join([*pieces, writer.end(summary.lasting(61.37))])


@pytest.mark.parametrize("name", WRITERS)
def test_each_verdict_is_handed_on_at_once(name: str, verdicts: dict[str, Verdict]) -> None:
    writer = WRITERS[name](None, False)
    writer.begin()
    for verdict in verdicts.values():
        assert verdict.source in writer.one(verdict)


@pytest.mark.parametrize("name", WRITERS)
def test_a_report_ends_with_a_line_break_and_has_no_colours_unless_asked(name: str, verdicts: dict[str, Verdict]) -> None:
    text = report(name, list(verdicts.values()))
    assert text.endswith("\n")
    assert "\x1b" not in text


@pytest.mark.parametrize("name", ["text", "jsonl"])
@settings(deadline=None, max_examples=50)
@given(source=NAMES)
def test_a_name_never_breaks_a_line_or_hides(name: str, verdicts: dict[str, Verdict], source: str) -> None:
    plain = report(name, [replace(verdicts["genuine"], source="x")])
    text = report(name, [replace(verdicts["genuine"], source=source)])
    assert text.count("\n") == plain.count("\n")
    assert all(c.isprintable() or c == "\n" for c in text)
    text.encode("utf-8")


class TestText:
    def test_a_fake_among_three(self, verdicts: dict[str, Verdict]) -> None:
        lines = report("text", [verdicts["three_people"]]).splitlines()
        assert lines[0] == "clip.mp4: FAKE  p 0.93 [0.86-0.97]  person 2 of 3 at 0:02.1-0:07.4  complete"
        assert lines[1].startswith("    person 1: GENUINE  p 0.12")
        assert lines[2].startswith("    person 2: FAKE  p 0.93 [0.86-0.97]  suspicious 0:02.1-0:07.4")
        assert "the scores are neither clearly genuine nor clearly fake" in lines[3]
        assert lines[4] == "    note: its frame rate varies"

    def test_each_outcome_is_one_line_when_there_is_no_more_to_say(self, verdicts: dict[str, Verdict]) -> None:
        assert report("text", [verdicts["genuine"]]).splitlines()[:2] == [
            "clip.mp4: GENUINE  p 0.08 [0.01-0.12]  1 person, 32 frames  complete",
            "",
        ]
        assert report("text", [verdicts["no_face"]]).startswith("clip.mp4: UNDECIDED  no face was found  complete\n\n")
        assert report("text", [verdicts["still"]]).startswith("clip.mp4: FAKE  p 0.88  person 1 of 1  complete\n\n")

    def test_an_unreadable_input_says_why_and_what_to_do(self, verdicts: dict[str, Verdict]) -> None:
        assert report("text", [verdicts["unreadable"]]).startswith(
            "gone.mp4: UNDECIDED  it cannot be found  nothing judged\n    no such file; check the path\n"
        )

    def test_words_of_the_reader_that_only_repeat_the_reason_are_left_out(self, verdicts: dict[str, Verdict]) -> None:
        empty = replace(verdicts["unreadable"], source="a.mp4", reasons=("empty",), detail="a.mp4: the file is empty")
        assert report("text", [empty]).startswith("a.mp4: UNDECIDED  the file is empty  nothing judged\n\n")

    def test_what_the_weights_cannot_do_fits_a_terminal_of_eighty_columns(self, verdicts: dict[str, Verdict]) -> None:
        told = replace(verdicts["genuine"], checkpoint={**verdicts["genuine"].checkpoint, "limits": "Not for everything. " * 20})
        limits = report("text", [told]).rpartition("\n\n")[2]
        assert limits.count("Not for") == 20
        assert max(map(len, limits.splitlines())) < 80

    def test_partial_coverage_is_explained(self, verdicts: dict[str, Verdict]) -> None:
        assert "    partial: it ends before its header says it should\n" in report("text", [verdicts["partial_fake"]])

    def test_a_passer_by_is_mentioned(self, verdicts: dict[str, Verdict]) -> None:
        assert "    1 person seen but not judged: the face is too small to judge\n" in report("text", [verdicts["passer_by"]])

    def test_colour_adds_nothing_but_colour(self, verdicts: dict[str, Verdict]) -> None:
        coloured = report("text", list(verdicts.values()), colour=True)
        assert "\x1b[" in coloured
        assert ANSI.sub("", coloured) == report("text", list(verdicts.values()))

    def test_the_summary_counts(self, verdicts: dict[str, Verdict]) -> None:
        block = report("text", list(verdicts.values())).split("\nSummary\n")[1]
        rows = {name.strip(): value for name, value in re.findall(r"^  (.{14})(.*)$", block, re.M)}
        assert rows == {
            "inputs": "8",
            "fake": "3",
            "genuine": "2",
            "undecided": "3, of which 1 could not be read",
            "partly judged": "1",
            "frames judged": str(sum(v.video.frames_judged for v in verdicts.values())),
            "time": "1:01.4",
        }


class TestJson:
    def test_one_input_is_its_object(self, verdict: Verdict) -> None:
        assert json.loads(report("json", [verdict], inputs=1)) == json.loads(verdict.to_json())

    @pytest.mark.parametrize("inputs", [None, 0, 2, 8])
    def test_several_inputs_are_one_valid_document(self, verdicts: dict[str, Verdict], inputs: int | None) -> None:
        judged = [verdict for name, verdict in verdicts.items() if name != "every_frame"]
        document = json.loads(report("json", judged, inputs))
        schema = load_schema()
        registry = Registry().with_resource(schema["$id"], Resource.from_contents(schema))
        several = Draft202012Validator({"$ref": f"{schema['$id']}#/$defs/several_inputs"}, registry=registry)
        assert [error.message for error in several.iter_errors(document)] == []
        assert not several.is_valid({**document, "inputs": [{**document["inputs"][0], "outcome": "real"}]})
        assert document["inputs"] == [json.loads(v.to_json()) for v in judged]
        assert document["summary"]["unreadable"] == 1

    @pytest.mark.parametrize("inputs", [None, 1, 5])
    def test_a_run_cut_short_before_its_first_verdict_is_still_json(self, inputs: int | None) -> None:
        assert json.loads(report("json", [], inputs))["inputs"] == []

    def test_a_second_input_where_one_was_announced_is_refused(self, verdicts: dict[str, Verdict]) -> None:
        with pytest.raises(ValueError, match="second"):
            report("json", list(verdicts.values()), inputs=1)

    @settings(deadline=None, max_examples=50)
    @given(source=NAMES)
    def test_names_survive(self, verdicts: dict[str, Verdict], source: str) -> None:
        text = report("json", [replace(verdicts["no_face"], source=source)], inputs=1)
        assert text.isascii()
        assert json.loads(text)["source"] == json.loads(json.dumps(source))


class TestJsonLines:
    def test_one_line_per_input(self, verdicts: dict[str, Verdict]) -> None:
        lines = report("jsonl", list(verdicts.values())).splitlines()
        assert [json.loads(line) for line in lines] == [json.loads(v.to_json()) for v in verdicts.values()]


class TestCsv:
    def test_round_trip(self, verdicts: dict[str, Verdict]) -> None:
        text = report("csv", list(verdicts.values()))
        assert text.splitlines()[0] == ",".join(COLUMNS)
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
        for row, verdict in zip(rows, verdicts.values(), strict=True):
            public = verdict.to_dict()
            assert row["source"] == verdict.source
            assert (row["outcome"], row["coverage"]) == (verdict.outcome, verdict.coverage)
            assert row["p_fake"] == ("" if public["p_fake"] is None else str(public["p_fake"]))
            assert [row["interval_low"], row["interval_high"]] == [str(v) for v in public["interval"] or ("", "")]
            assert float(row["threshold"]) == public["threshold"]
            assert tuple(row["reasons"].split()) == verdict.reasons
            assert tuple(row["warnings"].split()) == verdict.warnings
            assert int(row["people"]) == len(verdict.people)
            for name in ("duration_seconds", "frames_decoded", "frames_judged", "decode_errors"):
                assert float(row[name]) == public["video"][name]
            assert row["sha256"] == (verdict.sha256 or "")

    @settings(deadline=None, max_examples=50)
    @given(source=NAMES)
    def test_any_name_stays_in_its_cell_and_is_no_formula(self, verdicts: dict[str, Verdict], source: str) -> None:
        text = report("csv", [replace(verdicts["genuine"], source=source), verdicts["no_face"]])
        header, row, after = csv.reader(io.StringIO(text, newline=""))
        spelt_out = source.encode("utf-8", "backslashreplace").decode("utf-8")
        assert row[0] in (spelt_out, "'" + spelt_out)
        assert not row[0].startswith(("=", "+", "-", "@", "\t", "\r"))
        assert len(header) == len(row) == len(after) == len(COLUMNS)
        assert after[0] == verdicts["no_face"].source

    @pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
    def test_formulas_are_disarmed(self, verdicts: dict[str, Verdict], start: str) -> None:
        text = report("csv", [replace(verdicts["genuine"], source=f"{start}cmd|' /C calc'!A0")])
        assert list(csv.reader(io.StringIO(text, newline="")))[1][0] == f"'{start}cmd|' /C calc'!A0"
