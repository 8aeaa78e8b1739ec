"""The common contract of all streaming writers, and the guarantees of each format."""

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
from screener.report.csv_table import COLUMNS, PEOPLE_COLUMNS

NAMES = st.one_of(
    st.text(st.characters(codec=None), min_size=1, max_size=260),
    st.sampled_from(
        ["[/x]", "[red]a", "a\nb", "\x1b[31mx", "\u202egpj.exe", "\udcff.mp4", "=1+1", "+1", "-1", "@x", "\tx", "\rx", 'a",b', "\x00"]
    ),
)
ANSI = re.compile(r"\x1b\[[0-9;]*m")


def report(name: str, verdicts: list[Verdict], inputs: int | None = None, colour: bool = False, columns: int | None = None) -> str:
    writer = WRITERS[name](inputs, colour, columns)
    summary = Summary()
    pieces = [writer.begin()]
    for verdict in verdicts:
        summary = summary.plus(verdict)
        pieces.append(writer.one(verdict))
    return "".join([*pieces, writer.end(summary.lasting(61.37))])


@pytest.mark.parametrize("name", WRITERS)
def test_each_verdict_is_handed_on_at_once(name: str, verdicts: dict[str, Verdict]) -> None:
    writer = WRITERS[name](None, False, None)
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
        assert lines[0] == "FAKE        clip.mp4  p 0.93 [0.86-0.97]  person 2 of 3 at 0:02.1-0:07.4  whole file read"
        assert lines[1].startswith("            person 1: GENUINE  p 0.12")
        assert lines[2].startswith("            person 2: FAKE  p 0.93 [0.86-0.97]  suspicious 0:02.1-0:07.4")
        assert "the scores are neither clearly genuine nor clearly fake" in lines[3]
        assert lines[4] == "            note: its frame rate varies"

    def test_each_outcome_is_one_line_when_there_is_no_more_to_say(self, verdicts: dict[str, Verdict]) -> None:
        assert report("text", [verdicts["genuine"]]).splitlines()[:2] == [
            "GENUINE     clip.mp4  p 0.08 [0.01-0.12]  1 person, 32 frames  whole file read",
            "",
        ]
        assert report("text", [verdicts["no_face"]]).startswith("UNDECIDED   clip.mp4  no face was found  whole file read\n\n")
        assert report("text", [verdicts["still"]]).startswith("FAKE        clip.mp4  p 0.88  person 1 of 1  whole picture read\n\n")

    def test_a_file_of_which_single_frames_were_looked_at_was_not_read_whole(self, verdicts: dict[str, Verdict]) -> None:
        sparse = replace(verdicts["genuine"], warnings=("sparse",))
        streamed = replace(verdicts["genuine"], sha256=None)
        for each in (sparse, streamed):
            assert report("text", [each]).splitlines()[0].endswith("  complete")

    def test_an_unreadable_input_says_why_and_what_to_do(self, verdicts: dict[str, Verdict]) -> None:
        said = report("text", [verdicts["unreadable"]], inputs=1)
        assert said == "NOT FOUND   gone.mp4\n            no such file; check the path\n"
        damaged = replace(verdicts["unreadable"], reasons=("corrupt",), detail="gone.mp4: no frame can be decoded")
        assert report("text", [damaged], inputs=1).startswith("UNREADABLE  gone.mp4  ")

    def test_words_of_the_reader_that_only_repeat_the_reason_are_left_out(self, verdicts: dict[str, Verdict]) -> None:
        empty = replace(verdicts["unreadable"], source="a.mp4", reasons=("empty",), detail="a.mp4: the file is empty")
        assert report("text", [empty]).startswith("UNREADABLE  a.mp4  the file is empty\n\n")

    @pytest.mark.parametrize("columns", [40, 60, 80, 120])
    def test_it_fits_a_terminal_and_breaks_no_word(self, columns: int, verdicts: dict[str, Verdict]) -> None:
        limited = [replace(v, checkpoint={**v.checkpoint, "limits": "Not for everything."}) for v in verdicts.values()]
        wide, narrow = report("text", limited), report("text", limited, columns=columns)
        assert max(map(len, narrow.splitlines())) < columns
        assert narrow.split() == wide.split()
        first = narrow.partition("\nSummary\n")[0].splitlines()
        assert all(line.startswith(" " * 12) or line[:12].strip() in ("FAKE", "GENUINE", "UNDECIDED", "NOT FOUND") for line in first)
        assert not any(line[12:].startswith(" ") for line in first)

    def test_a_long_name_is_never_broken(self, verdicts: dict[str, Verdict]) -> None:
        name = "a long name of a clip " * 6 + ".mp4"
        lines = report("text", [replace(verdicts["genuine"], source=name)], columns=60).splitlines()
        assert lines[0] == f"GENUINE     {name}" and lines[1].startswith("            p 0.08")

    @pytest.mark.parametrize(("p_fake", "shown"), [(0.34971, "p 0.3497"), (0.3471, "p 0.347"), (0.30, "p 0.30"), (0.93, "p 0.93")])
    def test_a_score_has_the_digits_that_tell_it_from_what_decides(self, p_fake: float, shown: str, verdicts: dict[str, Verdict]) -> None:
        near = replace(verdicts["genuine"], p_fake=p_fake, threshold=0.8, operating_point={"genuine_below": 0.3504, "fpr": 0.05})
        text = report("text", [near], inputs=1)
        assert f"  {shown} [" in text
        assert "fake from 0.8, genuine below 0.3504, undecided between, set for 5% false positives." in " ".join(text.split())
        rare = replace(near, operating_point={"fpr": 0.001})
        assert "set for 0.1% false positives." in " ".join(report("text", [rare], inputs=1).split())

    def test_one_input_has_no_summary_and_a_score_is_explained_once(self, verdicts: dict[str, Verdict]) -> None:
        one = report("text", [verdicts["genuine"]], inputs=1)
        several = report("text", [verdicts["genuine"], verdicts["three_people"]], inputs=2)
        assert "Summary" not in one and "Summary" in several
        assert one.count("probability that the person is fake") == several.count("probability that the person is fake") == 1
        limited = replace(verdicts["genuine"], checkpoint={**verdicts["genuine"].checkpoint, "limits": "Not for everything. " * 20})
        assert report("text", [limited], inputs=1).count("never proof") == 1
        unlimited = replace(verdicts["genuine"], checkpoint={**verdicts["genuine"].checkpoint, "limits": ""})
        assert "never proof" not in report("text", [unlimited], inputs=1)

    def test_partial_coverage_is_explained(self, verdicts: dict[str, Verdict]) -> None:
        assert "            partial: it ends before its header says it should\n" in report("text", [verdicts["partial_fake"]])

    def test_a_passer_by_is_mentioned(self, verdicts: dict[str, Verdict]) -> None:
        assert "            1 person seen but not judged: the face is too small to judge\n" in report("text", [verdicts["passer_by"]])

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

    @pytest.mark.parametrize("separator", [";", "\t"])
    def test_what_other_spreadsheets_take_as_a_separator_is_quoted(self, verdicts: dict[str, Verdict], separator: str) -> None:
        text = report("csv", [replace(verdicts["genuine"], source=f"up/clip{separator}=1+1.mp4")])
        assert f'"up/clip{separator}=1+1.mp4",genuine' in text


class TestPeopleCsv:
    def test_a_row_for_each_person_and_one_for_an_input_without_any(self, verdicts: dict[str, Verdict]) -> None:
        rows = list(csv.DictReader(io.StringIO(report("people-csv", list(verdicts.values())), newline="")))
        assert len(rows) == sum(max(1, len(verdict.people)) for verdict in verdicts.values())
        assert all(set(row) == set(PEOPLE_COLUMNS) and None not in row.values() for row in rows)
        three = [row for row in rows if row["person"] and row["source"] == verdicts["three_people"].source]
        second = verdicts["three_people"].people[1].to_dict()
        (found,) = [row for row in three if row["suspicious"] and row["person"] == "2" and row["p_fake"] == str(second["p_fake"])][:1]
        segment = second["segments"][0]
        assert found["suspicious"].split()[0] == f"{segment['start_seconds']}-{segment['end_seconds']}"
        assert (found["outcome"], found["interval_low"], found["frames_judged"]) == (
            "fake",
            str(second["interval"][0]),
            str(second["frames_judged"]),
        )
        (nobody,) = [row for row in rows if row["source"] == verdicts["unreadable"].source]
        assert (nobody["person"], nobody["outcome"], nobody["reasons"], nobody["coverage"]) == ("", "undecided", "not_found", "none")
