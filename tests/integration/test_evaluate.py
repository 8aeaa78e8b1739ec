"""The evaluate command: scanning, killed and resumed, from results, comparing two checkpoints, and bad data."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from builders import tiny_contract, tiny_network
from command_line import JUDGED_FRAMES, PASSES_ALL, Ended, run_here
from face_media import landscape, portrait, stranger, write_clip, write_picture
from prepared_command import start_prepared
from sklearn.metrics import roc_auc_score

from screener.checkpoint import OperatingPoint, save_checkpoint
from screener.scoring import choose_dtype

PICTURES = 3
"""Of each class, besides a clip of each."""

TIMEOUT_SECONDS = 240.0


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `real/` and `fake/`: pictures and a clip of two people, and a picture without a face."""
    folder = tmp_path_factory.mktemp("data") / "labelled"
    for label, person in (("real", portrait), ("fake", stranger)):
        (folder / label).mkdir(parents=True)
        for number in range(PICTURES):
            write_picture(folder / label / f"{number}.png", person(4 * number))
        write_clip(folder / label / "clip.mp4", person)
    write_picture(folder / "real" / "nobody.png", landscape())
    return folder


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Other random weights."""
    path = tmp_path_factory.mktemp("other") / "other.safetensors"
    save_checkpoint(path, tiny_contract(operating_points=(OperatingPoint(0.05, 0.6, 0.4, 100, 100),)), tiny_network(1).state_dict())
    return path


@pytest.fixture(scope="module")
def finished(data: Path, checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ended]:
    """The folder of a whole evaluation, and how its command ended."""
    folder = tmp_path_factory.mktemp("finished")
    return folder, evaluate(data, checkpoint, "-o", folder)


def evaluate(data: Path, checkpoint: Path, *options: str | Path) -> Ended:
    return run_here("evaluate", data, "--checkpoint", checkpoint, "--frames", str(JUDGED_FRAMES), *options)


def results_of(folder: Path, name: str = "results.jsonl") -> list[dict[str, Any]]:
    """Rows of a file of results without what differs from run to run."""
    rows = [json.loads(line) for line in (folder / name).read_text(encoding="utf-8").splitlines()]
    return [{key: value for key, value in row.items() if key not in ("timing_seconds", "scanned_at")} for row in rows]


def evaluation_of(folder: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((folder / "evaluation.json").read_text(encoding="utf-8"))
    return document


def test_table_json_page_and_results(data: Path, finished: tuple[Path, Ended]) -> None:
    folder, ended = finished
    assert ended.status == 0, ended.err
    assert sorted(path.name for path in folder.iterdir()) == ["evaluation.html", "evaluation.json", "results.jsonl"]
    found = evaluation_of(folder)
    assert (found["data"]["name"], found["data"]["items"], found["data"]["reals"], found["data"]["fakes"]) == ("labelled", 9, 5, 4)
    assert ended.out.startswith("labelled: 9 items, 5 real and 4 fake, in ")
    assert "8 of 9 scored, 9 read completely" in ended.out
    assert found["not_scored"] == [{"reason": "no_face", "names": ["real/nobody.png"]}]
    assert found["headline"]["figures"]["coverage"]["value"] == pytest.approx(8 / 9, abs=1e-6)
    assert len(results_of(folder)) == 9
    page = (folder / "evaluation.html").read_text(encoding="utf-8")
    assert "<svg" in page
    assert "real/nobody.png" in page


def test_figures_are_those_of_the_verdicts(finished: tuple[Path, Ended]) -> None:
    """From the pooled scores that the verdicts themselves give, by an independent implementation."""
    folder, _ = finished
    rows = results_of(folder)
    scored = [(Path(row["source"]).parent.name == "fake", row["people"][0]["p_fake"], row) for row in rows if row["people"]]
    labels, p_fake = [label for label, _, _ in scored], [p for _, p, _ in scored]
    figures = evaluation_of(folder)["headline"]["figures"]
    assert figures["video_auc"]["value"] == pytest.approx(roc_auc_score(labels, p_fake), abs=1e-6)
    frames = [(label, frame["p_fake"]) for label, _, row in scored for frame in row["frames"]]
    assert figures["frame_auc"]["value"] == pytest.approx(roc_auc_score(*zip(*frames, strict=True)), abs=0.02)
    assert figures["brier"]["value"] == pytest.approx(
        np.mean([(label - p) ** 2 for label, p in zip(labels, p_fake, strict=True)]), abs=2e-4
    )
    outcomes = [row["outcome"] for row in rows if Path(row["source"]).parent.name == "real"]
    tally = evaluation_of(folder)["headline"]["real_outcomes"]
    assert tally == {name: outcomes.count(name) for name in ("genuine", "undecided", "fake")}


def test_repeating_scans_nothing_and_says_the_same(data: Path, checkpoint: Path, finished: tuple[Path, Ended]) -> None:
    folder, first = finished
    before = (folder / "results.jsonl").read_bytes()
    document = (folder / "evaluation.json").read_bytes()
    again = evaluate(data, checkpoint, "-o", folder, "--json")
    assert (again.status, again.err) == (0, "9 of 9 are judged already; 0 to go\n")
    assert json.loads(again.out) == json.loads(document)
    assert (folder / "results.jsonl").read_bytes() == before
    assert (folder / "evaluation.json").read_bytes() == document
    assert evaluate(data, checkpoint, "-o", folder).out == first.out


def wait_for_lines(path: Path, count: int) -> None:
    started = time.monotonic()
    while not path.exists() or path.read_bytes().count(b"\n") < count:
        assert time.monotonic() - started < TIMEOUT_SECONDS
        time.sleep(0.05)


def test_killed_at_any_moment_it_goes_on(data: Path, checkpoint: Path, finished: tuple[Path, Ended], tmp_path: Path) -> None:
    options = ["evaluate", data, "-o", tmp_path, "--checkpoint", checkpoint, "--frames", str(JUDGED_FRAMES)]
    process = start_prepared(*options)
    try:
        wait_for_lines(tmp_path / "results.jsonl", 2)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=30)
    assert process.returncode == -signal.SIGKILL
    kept = (tmp_path / "results.jsonl").read_bytes().count(b"\n")
    assert kept < 9
    assert not (tmp_path / "evaluation.json").exists()
    ended = run_here(*options)
    assert ended.status == 0, ended.err
    assert ended.err.startswith(f"{kept} of 9 are judged already; {9 - kept} to go\n[1/{9 - kept}] ")
    # Threads may differ between the two processes, and with them the last digits.
    for row, whole in zip(results_of(tmp_path), results_of(finished[0]), strict=True):
        assert (row["source"], row["outcome"], row["sha256"]) == (whole["source"], whole["outcome"], whole["sha256"])
        assert [f["logit"] for f in row["frames"]] == pytest.approx([f["logit"] for f in whole["frames"]], abs=2e-3)


def test_interrupted_it_keeps_what_was_judged_and_says_so(data: Path, checkpoint: Path, tmp_path: Path) -> None:
    process = start_prepared("evaluate", data, "-o", tmp_path, "--checkpoint", checkpoint, "--frames", str(JUDGED_FRAMES))
    try:
        wait_for_lines(tmp_path / "results.jsonl", 1)
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert (process.returncode, out) == (130, "")
    assert f"what was judged is kept in {tmp_path / 'results.jsonl'}; the same command goes on from there" in err
    assert "Traceback" not in err
    assert all(json.loads(line) for line in (tmp_path / "results.jsonl").read_text(encoding="utf-8").splitlines())


def test_from_the_results_of_a_scan(data: Path, checkpoint: Path, finished: tuple[Path, Ended], tmp_path: Path) -> None:
    lines = tmp_path / "scan.jsonl"
    scanned = run_here("scan", data, "--jsonl", "-o", lines, "--checkpoint", checkpoint, "--frames", str(JUDGED_FRAMES), "-q")
    assert scanned.status in (0, 1, 3)
    folder = tmp_path / "out"
    ended = run_here("evaluate", data, "--results", lines, "-o", folder)
    assert ended.status == 0, ended.err
    assert sorted(path.name for path in folder.iterdir()) == ["evaluation.html", "evaluation.json"]
    ours, theirs = evaluation_of(folder), evaluation_of(finished[0])
    assert {**ours, "settings": {}} == {**theirs, "settings": {}}
    lines.write_text(lines.read_text(encoding="utf-8").split("\n", 1)[1], encoding="utf-8")
    lacking = run_here("evaluate", data, "--results", lines)
    assert lacking.status == 2
    assert "lacks 1 of 9 videos" in lacking.err


def test_two_checkpoints(data: Path, checkpoint: Path, other: Path, finished: tuple[Path, Ended], tmp_path: Path) -> None:
    ended = run_here("evaluate", data, "--compare", finished[0], other, "-o", tmp_path, "--frames", str(JUDGED_FRAMES), "-q")
    assert ended.status == 0, ended.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["comparison.html", "comparison.json", "results-b.jsonl"]
    found = json.loads((tmp_path / "comparison.json").read_text(encoding="utf-8"))
    auc = next(one for one in found["differences"] if (one["kind"], one["figure"]) == ("headline", "video_auc"))
    assert auc["a"] == evaluation_of(finished[0])["headline"]["figures"]["video_auc"]["value"]
    assert auc["difference"] == pytest.approx(auc["b"] - auc["a"], abs=2e-6)
    assert found["scored_by_both"] == 8
    assert f"A: {finished[0]}: tiny" in ended.out
    assert f"B: {other}: tiny" in ended.out
    again = run_here(
        "evaluate", data, "--compare", other, finished[0] / "results.jsonl", "-o", tmp_path / "turned", "--frames", "5", "--json"
    )
    turned = next(one for one in json.loads(again.out)["differences"] if (one["kind"], one["figure"]) == ("headline", "video_auc"))
    assert turned["difference"] == pytest.approx(-auc["difference"], abs=2e-3)
    assert (tmp_path / "turned" / "results-a.jsonl").exists()


def test_the_model_card(data: Path, checkpoint: Path, other: Path, finished: tuple[Path, Ended], tmp_path: Path) -> None:
    card = tmp_path / "CARD.md"
    ended = evaluate(data, checkpoint, "-o", finished[0], "--model-card", card, "-q")
    assert (ended.status, ended.err) == (0, "")
    text = card.read_text(encoding="utf-8")
    assert text.startswith("# tiny\n")
    assert f"{evaluation_of(finished[0])['headline']['figures']['video_auc']['value']:.3f}" in text
    wrong = run_here("evaluate", data, "--results", finished[0], "--checkpoint", other, "--model-card", tmp_path / "no.md")
    assert wrong.status == 2
    assert "was made with the checkpoint 'tiny'" in wrong.err
    assert not (tmp_path / "no.md").exists()


def test_one_class_gives_the_rest_with_reasons(data: Path, checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "fake").mkdir()
    for number in range(2):
        shutil.copy(data / "real" / f"{number}.png", tmp_path / "real")
    ended = evaluate(tmp_path, checkpoint, "--json", "-q")
    assert (ended.status, ended.err) == (0, "")
    figures = json.loads(ended.out)["headline"]["figures"]
    assert figures["video_auc"] == {"value": None, "interval": None, "note": "no fake video could be scored"}
    assert figures["coverage"]["value"] == 1.0
    assert figures["false_positive_rate"]["value"] is not None


def manifest(folder: Path, rows: list[str]) -> Path:
    path = folder / "list.csv"
    path.write_text("\n".join(["path,label,group,split,method", *rows]) + "\n", encoding="utf-8")
    return path


def test_bad_files_lower_coverage_and_the_rest_is_done(data: Path, checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.mp4").write_bytes(b"no video at all")
    (tmp_path / "empty.png").touch()
    listed = [f"{data / label / '0.png'},{label},{label},test,x" for label in ("real", "fake")]
    rows = [*listed, "broken.mp4,fake,b,test,x", "empty.png,real,e,test,x", "gone.mp4,real,g,test,x", "also.mp4,real,h,train,x"]
    ended = evaluate(manifest(tmp_path, rows), checkpoint, "--split", "test", "--json", "-q", "--threshold", str(PASSES_ALL))
    assert (ended.status, ended.err) == (0, "")
    found = json.loads(ended.out)
    assert {short["reason"]: short["names"] for short in found["not_scored"]} == {
        "not_media": ["broken.mp4"],
        "empty": ["empty.png"],
        "not_found": ["gone.mp4"],
    }
    assert found["headline"]["figures"]["coverage"]["value"] == 0.4
    assert found["operating_point"] == {}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--results", "RESULTS", "--frames", "3"], "--frames: was settled when the results were made"),
        (["--results", "RESULTS", "--threshold", "0.3"], "--threshold: was settled when the results were made"),
        (["--compare", "RESULTS", "RESULTS", "--results", "RESULTS"], "choose one of --compare and --results, not both"),
        (["--compare", "RESULTS", "none.safetensors"], "none.safetensors: cannot be read: No such file or directory"),
        (["--results", "none.jsonl"], "none.jsonl: cannot be read as results"),
        (["--results", "RESULTS", "--split", "test"], "split test: no item is in it; the splits of the 9 items are none"),
        (["--results", "RESULTS", "--split", "tset"], "split: expected one of train, validation, test, got 'tset'"),
        (["--results", "RESULTS", "--limit-per-method", "0"], "--limit-per-method: expected at least 1, got 0"),
        (["--results", "RESULTS", "--layout", "dfdc"], "does not look like the layout dfdc"),
        (["--fpr", "0.01", "--threshold", "0.5"], "choose one of --fpr and --threshold, not both"),
        (["--checkpoint", "none.safetensors"], "none.safetensors"),
    ],
)
def test_wrong_options_say_what_is_wrong(
    data: Path, finished: tuple[Path, Ended], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = run_here("evaluate", data, *(str(finished[0]) if option == "RESULTS" else option for option in options))
    assert (ended.status, ended.out) == (2, "")
    assert message in ended.err
    assert "Traceback" not in ended.err
    assert list(tmp_path.iterdir()) == []


def test_bad_data_says_what_is_wrong(checkpoint: Path, finished: tuple[Path, Ended], data: Path, tmp_path: Path) -> None:
    gone = evaluate(tmp_path / "nowhere", checkpoint)
    assert (gone.status, gone.out) == (2, "")
    assert "nowhere: there is no such file or folder" in gone.err
    unread = evaluate(manifest(tmp_path, ["a.mp4,real,a,,", "b.mp4,fake,b,,"]), checkpoint)
    assert unread.status == 2
    assert "none of the 2 files is there" in unread.err
    usual = choose_dtype("auto", torch.device("cpu"))
    settled = evaluate(data, checkpoint, "-o", finished[0], "--dtype", "float32" if usual is torch.bfloat16 else "bfloat16")
    assert settled.status == 2
    assert "results.jsonl: was made with another setting dtype" in settled.err


def test_a_place_that_cannot_be_written_is_said_at_once(data: Path, checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ended = evaluate(data, checkpoint, "-o", tmp_path / "file")
    assert ended.status == 2
    assert "file: cannot be written" in ended.err


def test_a_few_of_each_method(data: Path, finished: tuple[Path, Ended]) -> None:
    ended = run_here("evaluate", data, "--results", finished[0], "--limit-per-method", "2", "--json")
    assert ended.status == 0, ended.err
    found = json.loads(ended.out)
    assert (found["data"]["reals"], found["data"]["fakes"]) == (2, 2)
