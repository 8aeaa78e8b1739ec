"""Large objects get through slow links, a store that is slow is told from one that is silent, and nobody sees half an object."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cluster_runs import rows_named

from screener.cluster import store_answers, stores
from screener.cluster.plans import Wanted, fetch_checkpoint, make_plan
from screener.cluster.stores import Store, StoreLost, open_store
from screener.settings import ClusterSettings, ScanSettings

pytest.importorskip("obstore", reason="the extra `cluster` is not installed")
pytest.importorskip("pyarrow", reason="the extra `cluster` is not installed")

KB = 1000
LARGE = bytes(range(251)) * 12 * KB
"""3 MB. No piece of it is like another."""


class Bucket:
    """One that can be slow. sends: bytes of an answer until it falls silent. part_seconds: for each part that is written."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.uploads: dict[str, dict[int, bytes]] = {}
        self.sends = len(LARGE)
        self.part_seconds = 0.0
        self.forgets_answers = 0
        self.parts = self.at_once = self.most_at_once = 0
        self.asked: list[str] = []
        self.silent = threading.Event()
        self.lock = threading.Lock()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    bucket: Bucket

    def log_message(self, *arguments: object) -> None:
        pass

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content_Length": str(len(body)), "ETag": '"x"', **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[: self.bucket.sends])
        if len(body) > self.bucket.sends:
            self.wfile.flush()
            self.bucket.silent.wait(30)
            self.close_connection = True

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except OSError:
            self.close_connection = True

    @property
    def key(self) -> str:
        return self.path.partition("?")[0].removeprefix("/bucket/")

    def do_GET(self) -> None:
        self.bucket.asked.append(f"{self.command} {self.headers.get('Range', '')}".strip())
        data = self.bucket.objects.get(self.key)
        if data is None:
            return self.answer(404)
        told = {"Last_Modified": "Mon, 30 Nov 2026 10:00:00 GMT"}
        if asked := re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", "")):
            start, end = int(asked[1]), min(int(asked[2]) + 1, len(data))
            return self.answer(206, data[start:end], Content_Range=f"bytes {start}-{end - 1}/{len(data)}", **told)
        if self.command == "HEAD":
            told["Content_Length"] = str(len(data))
        return self.answer(200, b"" if self.command == "HEAD" else data, **told)

    do_HEAD = do_GET

    def do_PUT(self) -> None:
        data = self.rfile.read(int(self.headers["Content-Length"]))
        asked = re.search(r"partNumber=(\d+)&uploadId=(\w+)", self.path)
        if asked is None:
            self.bucket.objects[self.key] = data
            return self.answer(200)
        with self.bucket.lock:
            self.bucket.parts += 1
            self.bucket.at_once += 1
            self.bucket.most_at_once = max(self.bucket.most_at_once, self.bucket.at_once)
        self.bucket.silent.wait(self.bucket.part_seconds)
        with self.bucket.lock:
            self.bucket.at_once -= 1
        self.bucket.uploads.get(asked[2], {})[int(asked[1])] = data
        return self.answer(200)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if "uploadId=" not in self.path:
            name = f"u{len(self.bucket.uploads)}"
            self.bucket.uploads[name] = {}
            told = f"<InitiateMultipartUploadResult><UploadId>{name}</UploadId></InitiateMultipartUploadResult>"
            return self.answer(200, told.encode())
        parts = self.bucket.uploads.pop(self.path.partition("uploadId=")[2], None)
        if parts is None:
            return self.answer(404, b"<Error><Code>NoSuchUpload</Code></Error>")
        self.bucket.objects[self.key] = b"".join(parts[number] for number in sorted(parts))
        if self.bucket.forgets_answers:
            self.bucket.forgets_answers -= 1
            return self.answer(503)
        return self.answer(200, b"<CompleteMultipartUploadResult><ETag>x</ETag></CompleteMultipartUploadResult>")

    def do_DELETE(self) -> None:
        self.bucket.uploads.pop(self.path.partition("uploadId=")[2], None)
        self.answer(204)


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    """A bucket on this machine, and limits that are as much smaller as its objects are."""
    found = Bucket()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Here", (Handler,), {"bucket": found}))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b",
        "AWS_REGION": "us-east-1",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(stores, "TRIES", 2)
    monkeypatch.setattr(stores, "PART_BYTES", 250 * KB)
    for module in (stores, store_answers):
        monkeypatch.setattr(module, "CHUNK_BYTES", 100 * KB)
    yield found
    found.silent.set()
    server.shutdown()
    server.server_close()


def opened(monkeypatch: pytest.MonkeyPatch, request_seconds: float) -> Store:
    monkeypatch.setattr(stores, "REQUEST_SECONDS", request_seconds)
    return open_store("s3://bucket")


@pytest.mark.parametrize("way", ["read", "download"])
def test_what_came_of_a_slow_answer_is_kept_however_often_it_breaks_off(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, way: str
) -> None:
    bucket.objects["weights"], bucket.sends = LARGE, 250 * KB
    bucket.silent.set()  # it breaks off at once, where a slow one would when its time is over
    store = opened(monkeypatch, 20)
    if way == "read":
        found = store.read("weights")
    else:
        store.download("weights", tmp_path / "weights")
        found = (tmp_path / "weights").read_bytes()
    assert found == LARGE
    starts = [int(asked.partition("=")[2].partition("-")[0]) for asked in bucket.asked if "=" in asked]
    assert starts[-1] > 2_000 * KB  # it went on where it was, and did not begin again
    assert starts == sorted(starts)


def test_a_small_object_costs_one_request(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket.objects |= {"small": b"{}", "empty": b"", "large": LARGE}
    store = opened(monkeypatch, 20)
    assert [store.read(key) for key in ("small", "empty", "large")] == [b"{}", b"", LARGE]
    assert bucket.asked == ["GET"] * 3


def test_a_large_object_takes_longer_to_write_than_any_request_may(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket.part_seconds = 0.35
    began = time.monotonic()
    opened(monkeypatch, 4).write("weights", LARGE)
    assert time.monotonic() - began > 4
    assert bucket.objects["weights"] == LARGE
    assert bucket.most_at_once == 1  # parts that share a slow link are all late


def test_an_upload_that_fails_leaves_what_was_there_and_says_that_the_link_is_slow(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket.objects["table"], bucket.part_seconds = b"old", 30.0
    store = opened(monkeypatch, 1)
    with pytest.raises(StoreLost, match=r"s3://bucket/table: too slow: 0\.2 MB did not get through in 1 seconds"):
        store.write("table", LARGE)
    assert store.read("table") == b"old"
    assert bucket.uploads == {}


def test_a_store_that_is_silent_is_not_called_slow(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket.objects["weights"], bucket.sends = LARGE, 0
    store = opened(monkeypatch, 1)
    with pytest.raises(StoreLost, match=r"s3://bucket: does not answer"):
        store.read("weights")


@pytest.mark.parametrize("lost", [1, 2])
def test_an_upload_whose_last_answer_is_lost_is_whole(bucket: Bucket, monkeypatch: pytest.MonkeyPatch, lost: int) -> None:
    bucket.forgets_answers = lost
    monkeypatch.setattr(stores, "TRIES", 3)
    opened(monkeypatch, 20).write("weights", LARGE)
    assert bucket.objects["weights"] == LARGE


def test_weights_of_ones_own_are_written_in_parts_and_not_again(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tiny_checkpoint: Path
) -> None:
    monkeypatch.setattr(stores, "PART_BYTES", tiny_checkpoint.stat().st_size // 3)
    store = opened(monkeypatch, 20)
    asked = Wanted(["memory:///in"], ScanSettings(), ClusterSettings(), tiny_checkpoint)
    make_plan(store, asked, rows_named(["a.mp4"]), [])
    (name,) = (key for key in bucket.objects if key.startswith("checkpoint-"))
    assert bucket.parts >= 3
    assert bucket.objects[name] == tiny_checkpoint.read_bytes()
    written = bucket.parts
    del bucket.objects["run.json"]  # its planning was stopped before it was done
    plan = make_plan(store, asked, rows_named(["a.mp4"]), [])
    assert bucket.parts == written
    assert fetch_checkpoint(store, plan, tmp_path) is not None
