"""The outputs of `scan`: text, JSON, JSON lines, CSV and web pages, to standard output or atomically to a file."""

from __future__ import annotations

import csv
import io
import json
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from command_line import FAILS_ALL, Ended, run_here
from face_media import portrait, write_picture
from jsonschema import Draft202012Validator

from screener.report import load_schema
from screener.report.csv_table import COLUMNS


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A picture that is judged, under a name that no format may trip over, and two inputs that cannot be."""
    folder = tmp_path_factory.mktemp("inputs")
    (folder / "[").mkdir()
    odd = write_picture(folder / "[" / 'b]<x>,"\n\U0001f3ad.png', portrait())
    (folder / "text.mp4").write_text("text\n", encoding="utf-8")
    return [odd, folder / "text.mp4", folder / "missing.mp4"]


@pytest.fixture(scope="module")
def scan_here(inputs: list[Path], checkpoint: Path) -> Any:
    def scan(*options: str | Path, of: list[Path] = inputs) -> Ended:
        return run_here("scan", *of, *options, "--threshold", str(FAILS_ALL), "--checkpoint", checkpoint)

    return scan


def validate(row: dict[str, Any]) -> None:
    Draft202012Validator(load_schema()).validate(row)


def test_text_has_a_line_for_each_input_and_the_summary(scan_here: Any, inputs: list[Path]) -> None:
    ended = scan_here()
    results, _, summary = ended.out.partition("\nSummary\n")
    heads = [line for line in results.splitlines() if not line.startswith(" ")]
    assert ended.status == 1
    assert len(heads) == len(inputs)
    assert heads[0].startswith("FAKE        " + str(inputs[0]).replace("\n", "\\n") + "  p ")
    assert [head[:12].strip() for head in heads[1:]] == ["UNREADABLE", "NOT FOUND"]
    assert "\x1b" not in ended.out
    table, _, limits = summary.partition("\n\n")
    counts = dict(line.split()[:2] for line in table.splitlines())
    # What the checkpoint says it cannot do stands under every result.
    assert limits.strip()
    assert (counts["inputs"], counts["fake"], counts["undecided"]) == ("3", "1", "2,")


def test_what_came_of_all_is_told_where_the_result_goes_into_a_file(scan_here: Any, inputs: list[Path], tmp_path: Path) -> None:
    told = f"screener: 3 inputs: 1 fake, 0 genuine, 2 undecided (2 unreadable); written to {tmp_path / 'rows.jsonl'}"
    assert scan_here("--jsonl", "-o", tmp_path / "rows.jsonl").err.splitlines()[-1] == told
    assert "inputs:" not in scan_here("--jsonl", of=inputs[1:]).err
    assert scan_here("--jsonl", "-o", tmp_path / "rows.jsonl", "--quiet", of=inputs[1:]).err == ""


def test_quiet_leaves_standard_error_empty(scan_here: Any, inputs: list[Path]) -> None:
    assert scan_here("--quiet", of=inputs[1:]).err == ""


def test_json_of_one_input_is_its_object(scan_here: Any, inputs: list[Path]) -> None:
    row = json.loads(scan_here("--json", of=inputs[:1]).out)
    validate(row)
    assert (row["source"], row["outcome"]) == (str(inputs[0]), "fake")


def test_json_of_several_inputs_is_one_document(scan_here: Any, inputs: list[Path]) -> None:
    document = json.loads(scan_here("--json").out)
    schema = load_schema()
    Draft202012Validator({"$ref": f"{schema['$id']}#/$defs/several_inputs", "$defs": {"verdict": schema}}).validate(document)
    assert [row["source"] for row in document["inputs"]] == [str(path) for path in inputs]
    assert (document["summary"]["inputs"], document["summary"]["fake"], document["summary"]["unreadable"]) == (3, 1, 2)


def test_json_lines_are_one_object_a_line(scan_here: Any, inputs: list[Path]) -> None:
    rows = [json.loads(line) for line in scan_here("--jsonl").out.splitlines()]
    for row in rows:
        validate(row)
    assert [row["source"] for row in rows] == [str(path) for path in inputs]


def test_csv_is_a_table_that_other_programs_read(scan_here: Any, inputs: list[Path]) -> None:
    header, *rows = csv.reader(io.StringIO(scan_here("--csv").out, newline=""))
    assert tuple(header) == COLUMNS
    assert [row[0] for row in rows] == [str(path) for path in inputs]
    assert [row[1] for row in rows] == ["fake", "undecided", "undecided"]
    assert [row[header.index("reasons")] for row in rows] == ["", "not_media", "not_found"]


def test_a_file_appears_whole_and_standard_output_stays_empty(scan_here: Any, inputs: list[Path], tmp_path: Path) -> None:
    ended = scan_here("--csv", "-o", tmp_path / "table.csv", of=inputs[1:])
    assert (ended.status, ended.out) == (3, "")
    with (tmp_path / "table.csv").open(encoding="utf-8", newline="") as file:
        assert len(list(csv.reader(file))) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]


def test_a_folder_that_cannot_be_written_to_ends_the_run_before_it_starts(scan_here: Any, tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    ended = scan_here("--json", "-o", tmp_path / "taken" / "result.json")
    assert (ended.status, ended.out) == (2, "")
    assert len(ended.err.splitlines()) == 1
    assert "taken" in ended.err
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_folders_that_are_missing_are_made_for_the_result(scan_here: Any, inputs: list[Path], tmp_path: Path) -> None:
    scan_here("--csv", "-o", tmp_path / "a" / "b" / "table.csv", of=inputs[1:])
    assert (tmp_path / "a" / "b" / "table.csv").is_file()


def test_a_run_that_fails_leaves_the_file_of_the_last_one(inputs: list[Path], tmp_path: Path) -> None:
    (tmp_path / "result.json").write_text("from before", encoding="utf-8")
    ended = run_here("scan", *inputs, "--json", "-o", tmp_path / "result.json", "--checkpoint", tmp_path / "none.safetensors")
    assert ended.status == 2
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]
    assert (tmp_path / "result.json").read_text(encoding="utf-8") == "from before"


class Page(HTMLParser):
    """What a page asks a browser to do: its tags, and whatever it would load or lead to."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.tags: set[str] = set()
        self.addresses: list[str] = []
        self.handlers: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "xlink:href", "data", "action")]


def test_report_has_a_page_for_each_input_and_an_index(scan_here: Any, inputs: list[Path], tmp_path: Path) -> None:
    assert scan_here("--report", tmp_path / "pages").status == 1
    paths = sorted((tmp_path / "pages").iterdir())
    assert len(paths) == len(inputs) + 1
    index = Page(tmp_path / "pages" / "index.html")
    assert {path.name for path in paths} - {"index.html"} == {address for address in index.addresses if address.endswith(".html")}
    for page in map(Page, paths):
        assert "script" not in page.tags or page.path.name == "index.html"  # which sorts and filters
        assert not page.tags & {"iframe", "object", "embed", "base", "form", "x"}
        assert not page.handlers
        assert all(address.startswith(("data:image/", "#")) or "/" not in address for address in page.addresses)
    text = "".join(path.read_text(encoding="utf-8") for path in paths)
    assert not any(word in text for word in ("@import", "url(http", "url('http", 'url("http'))
    assert "data:image/" in text


def test_a_file_where_the_report_should_go_is_named_as_that(scan_here: Any, inputs: list[Path]) -> None:
    ended = scan_here("--report", inputs[1], of=inputs[1:])
    assert (ended.status, ended.out) == (2, "")
    assert f"{inputs[1]}: cannot be written: it is there already and is no folder" in ended.err


@pytest.mark.parametrize("quiet", [(), ("--quiet",)])
def test_files_of_a_folder_that_are_no_inputs_are_told_and_counted(scan_here: Any, media: Path, quiet: tuple[str, ...]) -> None:
    told = f"screener: 1 file left out, neither video nor picture by name and first bytes: {media / 'notes.txt'}; "
    for form in ("--csv", "--jsonl"):
        ended = scan_here(form, "--frames", "1", *quiet, of=[media])
        assert told in ended.err and (not quiet or ended.err.count("\n") == 1)
    assert "left out      1 file" in scan_here("--frames", "1", *quiet, of=[media]).out
    assert json.loads(scan_here("--json", "--frames", "1", *quiet, of=[media]).out)["summary"]["left_out"] == 1


def test_a_scan_of_a_folder_that_it_writes_to_judges_the_same_when_it_is_repeated(
    scan_here: Any, media: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(media / "face.png", tmp_path)
    folders = {"--stills": "stills", "--annotate": "drawn", "--report": "pages", "--markers": "marks"}
    options = ("--jsonl", *(word for pair in folders.items() for word in pair))
    first, again = (scan_here(*options, of=[Path()]) for _ in range(2))
    assert list(Path("stills").rglob("*.*")) and list(Path("drawn").rglob("*.*")), "pictures that a scan could judge"
    for ended in (first, again):
        assert [Path(json.loads(line)["source"]).name for line in ended.out.splitlines()] == ["face.png"]
    assert "left out" not in first.err and "left out, in folders that this command writes to" in again.err
    assert "neither video nor picture" not in again.err


def test_a_folder_with_one_input_has_a_summary_where_files_were_left_out(scan_here: Any, media: Path, tmp_path: Path) -> None:
    shutil.copy(media / "face.png", tmp_path)
    assert json.loads(scan_here("--json", of=[tmp_path]).out)["source"] == str(tmp_path / "face.png")
    (tmp_path / "sound.m4a").write_bytes(b"x")
    document = json.loads(scan_here("--json", "--report", tmp_path / ".report", of=[tmp_path]).out)
    schema = load_schema()
    Draft202012Validator({"$schema": schema["$schema"], "$defs": schema["$defs"], **schema["$defs"]["summary"]}).validate(
        document["summary"]
    )
    assert (len(document["inputs"]), document["summary"]["inputs"], document["summary"]["left_out"]) == (1, 1, 1)
    assert "other file left out" in (tmp_path / ".report" / "index.html").read_text(encoding="utf-8")


def test_faces_under_the_suffixes_of_messengers_and_recorders_are_judged(scan_here: Any, media: Path, tmp_path: Path) -> None:
    shutil.copy(write_picture(tmp_path / "face.jpg", portrait()), tmp_path / "face.jfif")
    (tmp_path / "face.jpg").rename(tmp_path / "9f86d081")
    shutil.copy(media / "one.mp4", tmp_path / "video")
    (tmp_path / "notes.txt").write_text("nothing", encoding="utf-8")
    rows = json.loads(scan_here("--json", of=[tmp_path]).out)["inputs"]
    assert {Path(row["source"]).name: row["outcome"] for row in rows} == {"9f86d081": "fake", "face.jfif": "fake", "video": "fake"}


def test_no_two_formats_at_once(scan_here: Any) -> None:
    ended = scan_here("--json", "--csv")
    assert (ended.status, ended.out) == (2, "")
    assert "--json and --csv" in ended.err
