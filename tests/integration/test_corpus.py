"""The corpus through the real command: `tests/corpus/expected.csv` has the expected result of each input.

One run judges all inputs, like a batch of uploads; some are also run alone, for their exit status.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from command_line import PASSES_ALL, Ended, run_command, run_here
from corpus.make import INPUTS, make_corpus
from corpus.strange import ADDRESSES
from jsonschema import Draft202012Validator

from screener.errors import exit_status
from screener.report import load_schema

TABLE = Path(__file__).parents[1] / "corpus" / "expected.csv"
EXPECTED = {row["input"]: row for row in csv.DictReader(TABLE.read_text(encoding="utf-8").splitlines())}

ALONE = (
    "whole/index_end.mp4",
    "whole/av1.mp4",
    "odd/one_frame.mp4",
    "odd/pause.mp4",
    "cut_at_the_end/index_front.mp4",
    "zeros_in_the_middle/h264.mkv",
    "lies/protected.mp4",
    "lies/huge.png",
    "nothing/noise.mp4",
    "opens/playlist.mp4",
    "opens/reference.mov",
    "deep/boxes.mp4",
    "else/pickle.mp4",
    "no_file/pipe.mp4",
    "no_file/missing.mp4",
    "http://127.0.0.1:9/a.mp4",
    "file:///etc/passwd",
)


OF_FACES = ("too_short", "no_face", "too_small", "low_quality")
"""What can be made of the faces in a damaged picture depends on how it was encoded; the table says why it was not read whole."""


@dataclass(frozen=True)
class Run:
    folder: Path
    ended: Ended
    rows: dict[str, dict[str, Any]]
    options: list[str | Path]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, checkpoint: Path) -> Run:
    folder = tmp_path_factory.mktemp("c")  # short: a socket's path must be
    options: list[str | Path] = ["--frames", "4", "--threshold", str(PASSES_ALL), "--checkpoint", checkpoint, "--quiet"]
    names = make_corpus(folder)
    ended = run_command("scan", "--jsonl", *options, "--", *names, cwd=folder)
    rows = [json.loads(line) for line in ended.out.splitlines()]
    assert [row["source"] for row in rows] == names, ended.err
    return Run(folder, ended, {row["source"]: row for row in rows}, options)


def test_the_table_and_the_corpus_name_the_same_inputs() -> None:
    assert list(EXPECTED) == [*INPUTS, *ADDRESSES]
    assert len(EXPECTED) >= 120


@pytest.mark.parametrize("name", EXPECTED)
def test_input(run: Run, name: str) -> None:
    row, expected = run.rows[name], EXPECTED[name]
    found = {
        "input": name,
        "outcome": row["outcome"],
        "coverage": row["coverage"],
        "reasons": " ".join(reason for reason in row["reasons"] if row["coverage"] == "complete" or reason not in OF_FACES),
        "warnings": " ".join(row["warnings"]),
        "exit_status": str(int(exit_status([(row["outcome"], row["coverage"])]))),
    }
    assert found == expected, row.get("detail")


def test_the_run_as_a_whole(run: Run) -> None:
    assert run.ended.status == 3
    assert "Traceback" not in run.ended.err
    validator = Draft202012Validator(load_schema())
    for row in run.rows.values():
        validator.validate(row)
    assert not any({"decoder_crash", "timeout"} & set(row["reasons"]) for row in run.rows.values())
    assert not list(run.folder.rglob("a_pickle_was_run")) and not Path("a_pickle_was_run").exists()


@pytest.mark.parametrize("name", ALONE)
def test_exit_status_alone(run: Run, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(run.folder)
    ended = run_here("scan", *run.options, "--", name)
    # Where nothing that was named exists, the run could not run; among others such a name is one more row.
    assert str(ended.status) == ("2" if EXPECTED[name]["reasons"] == "not_found" else EXPECTED[name]["exit_status"]), ended.err


def test_what_was_not_read_whole_is_never_genuine(run: Run) -> None:
    for name, row in run.rows.items():
        assert row["coverage"] == "complete" or row["outcome"] == "undecided", name
        assert row["outcome"] != "genuine" or not row["reasons"], name
