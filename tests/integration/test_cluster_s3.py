"""A run whose inputs and results lie in S3, judged by workers without a launcher: the rows of a plain scan, whatever the store does."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from cluster_runs import Failing, by_name
from command_line import run_here
from face_media import write_clip
from s3_store import BUCKET, KEY_ID, S3, SECRET, s3_store

pytestmark = pytest.mark.skipif(
    any(find_spec(name) is None for name in ("moto", "obstore", "pyarrow")), reason="moto or the extra `cluster` is not installed"
)
FEW = ("--frames", "5")


@pytest.fixture(scope="module")
def s3(media: Path) -> Iterator[S3]:
    """A bucket with clips, a picture, a copy, a text that is called a video, and what is none."""
    with s3_store() as running:
        for path in media.iterdir():
            running.put(f"in/{path.name}", path.read_bytes())
        running.put("in/deep/copy.mp4", (media / "one.mp4").read_bytes())
        running.put("in/text.mp4", b"no video\n" * 30)
        yield running


@pytest.fixture(scope="module")
def plain(media: Path, checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """Rows of an ordinary scan of the same files."""
    folder = tmp_path_factory.mktemp("plain")
    for path in media.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / "deep").mkdir()
    (folder / "deep" / "copy.mp4").write_bytes((media / "one.mp4").read_bytes())
    (folder / "text.mp4").write_bytes(b"no video\n" * 30)
    ended = run_here("scan", folder, "--jsonl", "--checkpoint", checkpoint, *FEW)
    assert ended.status in (1, 3)
    return by_name(json.loads(line) for line in ended.out.splitlines())


def in_place(row: dict[str, object], s3_row: dict[str, object]) -> dict[str, object]:
    """A row of the plain scan under the name that the input has in the bucket, which its details repeat."""
    return {**row, "source": s3_row["source"], "detail": str(row["detail"]).replace(str(row["source"]), str(s3_row["source"]))}


def rows_in(out: str) -> dict[str, object]:
    from screener.cluster.opening import opened
    from screener.cluster.results import finished_shards, verdicts

    run = opened(out)
    done, missing = finished_shards(run.ledger)
    assert missing == 0
    return by_name(verdict.to_dict() for _, verdict in verdicts(run.store, run.ledger, done))


def test_rows_are_those_of_a_plain_scan_though_every_tenth_request_fails(
    s3: S3, plain: dict[str, dict[str, object]], checkpoint: Path
) -> None:
    out = f"s3://{BUCKET}/out/run/"
    s3.failing = Failing()
    planned = run_here(
        "scan", f"s3://{BUCKET}/in/", "-o", out, "--cluster", "plan", "--shard-videos", "2", "--checkpoint", checkpoint, *FEW
    )
    assert planned.status == 0, planned.err
    assert "1 file left out, named like neither video nor picture: s3://videos/in/notes.txt" in planned.err
    assert run_here("cluster", "status", out).out.splitlines()[0] == f"inputs    0 of {len(plain)} judged"
    worked = run_here("cluster", "work", out, "--max-shards", "1")
    assert worked.status == 3, worked.err
    worked = run_here("cluster", "work", out)
    assert worked.status == 0, worked.err
    assert s3.failing.failed > 5
    s3.failing = None
    found = rows_in(out)
    assert set(found) == set(plain)
    for name, row in plain.items():
        assert found[name] == in_place(row, found[name])
    status = json.loads(run_here("cluster", "status", out, "--json").out)
    assert (status["judged"], status["shards_done"], status["quarantined"]) == (len(plain), status["shards"], 0)
    assert run_here("cluster", "quarantine", out).out == ""
    assert run_here("cluster", "compact", out).out == "s3://videos/out/run/table-00000.parquet\n"
    kept = s3.objects("out/")
    assert not [key for key, data in kept.items() if SECRET.encode() in data or KEY_ID.encode() in data]


def test_a_manifest_says_which_objects_are_judged_and_a_trial_writes_nothing(s3: S3, tmp_path: Path) -> None:
    keys = tmp_path / "keys.txt"
    keys.write_text("one.mp4\nface.png\n")
    ended = run_here("scan", f"s3://{BUCKET}/in/", "-o", f"s3://{BUCKET}/none/", "--cluster", "auto", "--dry-run", "--manifest", keys)
    assert (ended.status, ended.out) == (0, "2 inputs, 0.0 GB as listed, in 1 shard; 0 files left out\n")
    assert s3.objects("none/") == {}


def test_an_object_that_is_gone_is_a_row_with_that_reason(s3: S3, tmp_path: Path, checkpoint: Path) -> None:
    keys, out = tmp_path / "keys.txt", tmp_path / "out"
    keys.write_text("face.png\ngone.mp4\n")
    options = ("--cluster", "plan", "--manifest", keys, "--checkpoint", checkpoint)
    assert run_here("scan", f"s3://{BUCKET}/in/", "-o", out, *options).status == 0
    assert run_here("cluster", "work", out).status == 0
    rows = rows_in(str(out))
    assert rows["gone.mp4"]["reasons"] == ["not_found"]  # type: ignore[index]
    assert rows["face.png"]["coverage"] == "complete"  # type: ignore[index]


def test_a_bucket_that_is_lost_ends_with_2_and_what_was_entered_stays(
    tmp_path: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("screener.cluster.stores.TRIES", 2)
    out = tmp_path / "out"
    with s3_store() as lost:
        lost.put("lost/a.mp4", write_clip(tmp_path / "a.mp4").read_bytes())
        lost.put("lost/b.mp4", b"no video")
        options = ("--cluster", "plan", "--shard-videos", "1", "--checkpoint", checkpoint, *FEW)
        assert run_here("scan", f"s3://{BUCKET}/lost/", "-o", out, *options).status == 0
        assert run_here("cluster", "work", out, "--max-shards", "1").status == 3
        lost.stop()
        started = time.monotonic()
        ended = run_here("cluster", "work", out)
        assert ended.status == 2
        assert "s3://videos/lost: does not answer" in ended.err
        assert time.monotonic() - started < 60
    status = run_here("cluster", "status", out)
    assert status.out.startswith("inputs    1 of 2 judged\n")
    assert "0 workers heard of lately" in status.out  # the shard was given back
