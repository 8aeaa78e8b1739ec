"""Passwords in addresses appear in no output, journal, page, event, message or environment of the real commands."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import run_command, run_here

PIECES = ("hunter", "zwei")
PASSWORD = "hunter/zwei@hunter#zwei?hunter"
QUIET_ADDRESSES = (
    "rtsp://admin:hunterzwei@{host}/stream",
    "rtsp://admin:{password}@{host}/stream",
    "rtsp://admin:1@hunter/zwei@{host}/stream",
    "http://admin:hunter%2Fzwei@{host}/a.mp4",
    "http://hunterzwei@{host}/a.mp4",
    "http://{host}/cgi?user=admin&pwd={password}",
    "http://{host}/cgi?u=admin&p=hunterzwei",
    "rtsp://{host}/user=admin&password={password}",
    "rtsp://{host}/user=admin_password=hunterzwei_channel=1",
    "http://{host}/a.mp4?X-Amz-Signature=hunterzwei",
    "ftp://admin:{password}@{host}/a",
    "admin:{password}@{host}/stream",
)


@pytest.fixture(scope="module")
def host() -> Iterator[str]:
    """Where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    yield f"127.0.0.1:{port}"


def addresses(host: str) -> list[str]:
    return [address.format(host=host, password=PASSWORD) for address in QUIET_ADDRESSES]


def told(text: str) -> list[str]:
    return [piece for piece in PIECES if piece in text]


@pytest.mark.parametrize("form", ["--json", "--jsonl", "--csv", ""])
def test_a_scan_tells_no_password(host: str, checkpoint: Path, tmp_path: Path, form: str, capfd: pytest.CaptureFixture[str]) -> None:
    listing = tmp_path / "list.txt"
    listing.write_text("\n".join(addresses(host)[::2]), encoding="utf-8")
    places = ["-o", tmp_path / "out" / "rows", "--report", tmp_path / "out" / "pages", "--resume"]
    (tmp_path / "out").mkdir()
    options = [*filter(None, [form]), "--allow-private", "--checkpoint", checkpoint, *places]
    run = run_command if form == "--jsonl" else run_here
    ended = run("scan", *options, f"@{listing}", *addresses(host)[1::2])
    assert ended.status == 3, ended
    written = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert len(written) >= 3 + len(QUIET_ADDRESSES) - 1
    assert not told(ended.out + ended.err + "".join(capfd.readouterr()))
    for path in written:
        assert not told(path.name) and not told(path.read_text(encoding="utf-8")), path
    if form == "--jsonl":
        rows = [json.loads(line) for line in (tmp_path / "out" / "rows").read_text(encoding="utf-8").splitlines()]
        assert len({row["source"] for row in rows}) == len(QUIET_ADDRESSES)
        assert sum("percent-encoded" in row["detail"] for row in rows) >= 3


@pytest.mark.parametrize("address", QUIET_ADDRESSES)
def test_a_watch_tells_no_password(host: str, checkpoint: Path, tmp_path: Path, address: str, capfd: pytest.CaptureFixture[str]) -> None:
    given = address.format(host=host, password=PASSWORD)
    heard = tmp_path / "heard"
    run = run_command if address == QUIET_ADDRESSES[0] else run_here
    ended = run(
        "live", given, "--jsonl", "--duration", "2", "--checkpoint", checkpoint, "--exec", f"sh -c 'cat >> {heard}; env >> {heard}'",
        "--webhook", "http://127.0.0.1:9/hunter/zwei", "--snapshot", tmp_path / "faces",
    )  # fmt: skip
    assert ended.status in (2, 3)
    assert not told(ended.out + ended.err + "".join(capfd.readouterr()))
    assert not heard.exists() or not told(heard.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "arguments",
    [
        ("live", "rtsp://a:hunter/zwei@h/s", "rtsp://a:hunter@zwei@h/s"),
        ("live", "rtsp://a:b@h/s", "--webhook", "http://a:hunter@h:zwei/x"),
        ("live", "rtsp://a:b@h/s", "--webhook", "hunter@zwei"),
        ("live", "rtsp://a:hunter@h/zwei?pwd=zwei*", "--realtime"),
    ],
)
def test_what_is_refused_at_once_tells_no_password(checkpoint: Path, arguments: tuple[str, ...]) -> None:
    ended = run_here(*arguments, "--checkpoint", checkpoint, "--quiet")
    assert ended.status == 2
    assert "hunter" not in ended.out + ended.err and "/zwei@" not in ended.err
