"""Watched sources of the server: state, pictures and events, for several viewers that do not slow each other down."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from face_media import write_clip
from live_media import person
from serving import Served, serving

pytest.importorskip("fastapi", reason="the extra `serve` is not installed")


@pytest.fixture(scope="module")
def server(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("serve")
    long = write_clip(folder / "long.mp4", person, frames=8 * 300)
    short = write_clip(folder / "short.mp4", person, frames=16)
    options = ("--live", str(long), "--live", str(short), "--live", str(folder / "missing.mp4"))
    with serving(folder / "state", *options, checkpoint=checkpoint) as served:
        yield served


def sources(server: Served) -> list[dict[str, object]]:
    status, _, body = server.request("GET", "api/v1/live")
    assert status == 200
    return list(json.loads(body))


def opened(server: Served, path: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request("GET", f"/{path}", headers={"Authorization": f"Bearer {server.token}"})
    return connection.getresponse()


def until_live(server: Served) -> None:
    ends = time.monotonic() + 90
    while sources(server)[0]["state"] != "live":
        assert time.monotonic() < ends, sources(server)
        time.sleep(0.2)


def test_states_of_all_sources_are_known(server: Served) -> None:
    until_live(server)
    ends = time.monotonic() + 60
    while (found := sources(server))[1]["state"] != "ended" or found[2]["state"] != "lost":
        assert time.monotonic() < ends, found
        time.sleep(0.2)
    assert [source["id"] for source in found] == ["0", "1", "2"]
    assert "missing.mp4" in str(found[2]["message"]) and json.loads(server.request("GET", "api/v1/server")[2])["live"] == 3


def test_viewers_get_pictures_and_one_who_does_not_read_holds_up_nobody(server: Served) -> None:
    until_live(server)
    idle = opened(server, "api/v1/live/0/picture")
    for viewer in (opened(server, "api/v1/live/0/picture"), opened(server, "api/v1/live/0/picture")):
        assert viewer.status == 200 and viewer.headers["Content-Type"] == "multipart/x-mixed-replace; boundary=picture"
        began = time.monotonic()
        pictures = [part(viewer) for _ in range(4)]
        assert all(picture.startswith(b"\xff\xd8\xff") for picture in pictures) and len(set(pictures)) == 4
        assert time.monotonic() - began < 20
        viewer.close()
    idle.close()


def part(viewer: http.client.HTTPResponse) -> bytes:
    assert viewer.readline() == b"--picture\r\n"
    assert viewer.readline() == b"Content-Type: image/jpeg\r\n"
    length = int(viewer.readline().split(b": ")[1])
    assert viewer.readline() == b"\r\n"
    picture = viewer.read(length)
    assert viewer.readline() == b"\r\n"
    return picture


def test_events_tell_who_is_in_view(server: Served) -> None:
    until_live(server)
    stream = opened(server, "api/v1/live/0/events")
    ends, people = time.monotonic() + 60, []
    while not people:
        assert time.monotonic() < ends
        line = stream.readline()
        if line.startswith(b"data: "):
            data = json.loads(line[6:])
            assert data["id"] == "0"
            people = data.get("people", [])
    assert people[0]["outcome"] in ("fake", "genuine", "undecided") and "track_id" in people[0]
    stream.close()


def test_what_is_not_watched_is_not_found(server: Served) -> None:
    for path in ("api/v1/live/7/picture", "api/v1/live/7/events"):
        assert server.request("GET", path)[0] == 404


def test_asked_to_end_it_lets_go_of_viewers_and_sources_in_time(server: Served) -> None:
    until_live(server)
    viewer = opened(server, "api/v1/live/0/picture")
    part(viewer)
    began = time.monotonic()
    assert server.stop() == 143
    assert time.monotonic() - began < 5
    viewer.read()
    server.start()
