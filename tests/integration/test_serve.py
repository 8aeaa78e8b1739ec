"""The server over HTTP: a clip in, the same JSON as `scan --json` out; nothing is judged twice."""

from __future__ import annotations

import http.client
import json
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from command_line import AS_MANY, JUDGED_FRAMES, run_here
from serving import Served, serving
from web_pages import words

from screener.report import load_schema
from screener.serve.ledger import Database, NewScan, Scans
from screener.serve.state_folder import StateFolder

pytest.importorskip("fastapi", reason="the extra `serve` is not installed")
jsonschema = pytest.importorskip("jsonschema")

FEW = json.dumps({"frames": JUDGED_FRAMES})


@pytest.fixture(scope="module")
def server(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("serve") / "state", checkpoint=checkpoint) as served:
        yield served


def without_timing(document: str) -> str:
    """The document with nothing but its times left out, so that what remains can be compared byte for byte."""
    values = json.loads(document)
    assert values.pop("scanned_at").endswith("Z")
    assert set(values.pop("timing_seconds")) == {"decode", "faces", "score", "total"}
    return json.dumps(values, indent=2)


def told(server: Served, path: str, last: str) -> list[tuple[str, dict[str, object]]]:
    """Server-sent events up to one of a name."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
    connection.request("GET", f"/{path}", headers={"Authorization": f"Bearer {server.token}"})
    response = connection.getresponse()
    assert response.status == 200 and response.headers["Content-Type"].startswith("text/event-stream")
    events: list[tuple[str, dict[str, object]]] = []
    name = ""
    while not events or events[-1][0] != last:
        kind, _, value = response.readline().decode().rstrip("\n").partition(": ")
        if kind == "event":
            name = value
        elif kind == "data":
            events.append((name, json.loads(value)))
    connection.close()
    return events


@pytest.mark.parametrize("name", ["one.mp4", "pair.mp4", "face.png", "notes.txt"])
def test_verdict_is_that_of_the_command_byte_for_byte(
    server: Served, media: Path, checkpoint: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = server.wait(server.send(media / name, f"settings={quote(FEW)}")["id"])
    monkeypatch.chdir(media)
    alone = run_here("scan", name, "--json", "--frames", str(JUDGED_FRAMES), "--checkpoint", checkpoint, *AS_MANY).out
    document = server.verdict(done["id"])
    assert without_timing(document) == without_timing(alone)
    raw, expected = (re.sub('"scanned_at": "[^"]*"', "", text).split('"timing_seconds"')[0] for text in (document, alone))
    assert raw == expected
    jsonschema.validate(json.loads(document), load_schema())
    public = json.loads(document)
    assert {name: done["verdict"][name] for name in ("outcome", "p_fake", "coverage", "reasons")} == {
        name: public[name] for name in ("outcome", "p_fake", "coverage", "reasons")
    }


def test_known_content_is_answered_from_the_ledger_unless_force_is_given(server: Served, media: Path, tmp_path: Path) -> None:
    first = server.wait(server.send(media / "one.mp4")["id"])
    renamed = tmp_path / "another name.mp4"
    renamed.write_bytes((media / "one.mp4").read_bytes())
    assert server.send(renamed)["id"] == first["id"]
    other_settings = server.send(renamed, f"settings={quote(json.dumps({'frames': 4}))}")
    assert other_settings["id"] != first["id"] and other_settings["settings"] == {"frames": 4}
    forced = server.wait(server.send(renamed, "force=true")["id"])
    assert forced["id"] != first["id"] and forced["name"] == "another name.mp4"
    one, two = (json.loads(server.verdict(scan["id"])) for scan in (first, forced))
    assert one["frames"] == two["frames"] and one["sha256"] == two["sha256"] == forced["sha256"]


def test_progress_is_told_and_the_stream_ends_with_the_verdict(server: Served, media: Path) -> None:
    scan = server.send(media / "pair.mp4", "force=true")
    events = told(server, f"api/v1/scans/{scan['id']}/events", "verdict")
    names = [name for name, _ in events]
    assert names[-1] == "verdict" and set(names) <= {"queued", "progress", "verdict"} and "progress" in names
    # A stream that is opened in mid-scan begins with where it stands: `progress` is null until the first frame is judged.
    frames = [data["progress"]["frames"] for name, data in events if name == "progress" and data["progress"]]
    assert frames == sorted(frames)
    assert events[-1][1]["id"] == scan["id"] and events[-1][1]["verdict"] is not None


def test_what_is_not_there_is_not_found(server: Served) -> None:
    results = ("/verdict.json", "/report.html", "/thumbnail.jpg", "/crops/", "/crops/0.jpg", "/markers/", "/markers/markers.vtt")
    for path in ("", "/events", *results):
        status, headers, body = server.request("GET", f"api/v1/scans/{'0' * 32}{path}")
        assert status == 404 and headers["content-type"] == "application/problem+json" and json.loads(body)["code"] == "not_found", path


def test_report_crops_and_thumbnail(server: Served, media: Path) -> None:
    scan = server.wait(server.send(media / "pair.mp4")["id"])
    place = f"api/v1/scans/{scan['id']}"
    status, headers, page = server.request("GET", f"{place}/report.html?download=1")
    assert status == 200 and b"<script" not in page and scan["verdict"]["words"]["headline"].encode() in page
    assert "attachment" in headers["content-disposition"] and "pair.mp4.html" in headers["content-disposition"]
    crops = json.loads(server.request("GET", f"{place}/crops/")[2])
    assert len(crops) == scan["crops"] > 0 and {crop["person"] for crop in crops} == {1, 2}
    for path in (f"{place}/crops/{crops[0]['name']}", f"{place}/thumbnail.jpg"):
        status, headers, picture = server.request("GET", path)
        assert status == 200 and headers["content-type"] == "image/jpeg" and picture.startswith(b"\xff\xd8\xff")


def test_markers_are_those_of_the_command(server: Served, media: Path, checkpoint: Path, tmp_path: Path) -> None:
    video = media / "pair.mp4"
    scan = server.wait(server.send(video)["id"])
    place = f"api/v1/scans/{scan['id']}/markers"
    listed = {file["format"]: file["name"] for file in json.loads(server.request("GET", f"{place}/")[2])}
    run_here("scan", video, "--checkpoint", checkpoint, "--markers", tmp_path, *AS_MANY)
    written = {file.suffix[1:]: file for file in tmp_path.iterdir()}
    assert listed.keys() == written.keys() and "vtt" in listed
    status, headers, text = server.request("GET", f"{place}/{listed['csv']}")
    assert status == 200 and text == written["csv"].read_bytes()
    assert "attachment" in headers["content-disposition"] and "pair.mp4.csv" in headers["content-disposition"]
    assert server.request("GET", f"{place}/markers.exe")[0] == 404


def test_a_picture_has_no_markers(server: Served, media: Path) -> None:
    scan = server.wait(server.send(media / "face.png")["id"])
    assert json.loads(server.request("GET", f"api/v1/scans/{scan['id']}/markers/")[2]) == []


def test_history_is_filtered_searched_and_paged(server: Served, media: Path) -> None:
    server.wait(server.send(media / "one.mp4")["id"])
    server.wait(server.send(media / "notes.txt")["id"])
    everything = json.loads(server.request("GET", "api/v1/scans?limit=200")[2])
    assert everything["total"] == len(everything["scans"]) and everything["next"] is None
    created = [scan["created"] for scan in everything["scans"]]
    assert created == sorted(created, reverse=True)
    found = json.loads(server.request("GET", "api/v1/scans?q=NOTES")[2])["scans"]
    assert found and all(scan["name"] == "notes.txt" for scan in found)
    undecided = json.loads(server.request("GET", "api/v1/scans?outcome=undecided&state=done")[2])["scans"]
    assert {scan["id"] for scan in found} <= {scan["id"] for scan in undecided}
    assert json.loads(server.request("GET", "api/v1/scans?q=%25")[2])["total"] == 0
    ids, cursor = [], ""
    while cursor is not None:
        page = json.loads(server.request("GET", f"api/v1/scans?limit=1{cursor}")[2])
        ids += [scan["id"] for scan in page["scans"]]
        cursor = f"&cursor={page['next']}" if page["next"] else None
    assert ids == [scan["id"] for scan in everything["scans"]]


def test_erasing_leaves_nothing_of_a_scan(server: Served, media: Path, tmp_path: Path) -> None:
    clip = tmp_path / "to be forgotten.mp4"
    clip.write_bytes((media / "one.mp4").read_bytes() + b"\0" * 7)
    scan = server.wait(server.send(clip)["id"])
    place = f"api/v1/scans/{scan['id']}"
    assert (server.state / "scans" / scan["id"] / "report.html").is_file()
    ends = time.monotonic() + 30
    while list((server.state / "uploads").iterdir()):  # removed after the verdict is told
        assert time.monotonic() < ends, "an upload outlasted its verdict"
        time.sleep(0.05)
    assert server.request("DELETE", place)[0] == 204
    assert server.request("GET", place)[0] == server.request("DELETE", place)[0] == 404
    assert not (server.state / "scans" / scan["id"]).exists()
    rows = b"".join(path.read_bytes() for path in server.state.glob("ledger.sqlite3*"))
    assert b"to be forgotten" not in rows and scan["sha256"].encode() not in rows


def test_a_scan_is_called_off_while_it_waits_or_runs(server: Served, media: Path) -> None:
    all_frames = f"force=true&settings={quote(json.dumps({'all_frames': True}))}"
    running, waiting = server.send(media / "pair.mp4", all_frames), server.send(media / "one.mp4", all_frames)
    for scan in (waiting, running):
        status, _, body = server.request("DELETE", f"api/v1/scans/{scan['id']}")
        assert status == 200 and json.loads(body)["state"] == "cancelled"
    after = server.wait(server.send(media / "face.png", "force=true")["id"])
    assert after["state"] == "done" and server.scan(running["id"])["state"] == "cancelled"
    assert list((server.state / "uploads").iterdir()) == []


def test_the_reference_names_every_route_and_needs_nothing_from_outside(server: Served) -> None:
    status, headers, page = server.request("GET", "reference")
    described = json.loads(server.request("GET", "openapi.json")[2])
    assert status == 200 and "default-src 'none'" in headers["content-security-policy"]
    text = words(page.decode())
    for path, methods in described["paths"].items():
        assert all(f"{method.upper()} {path}" in text for method in methods)
    assert "Receives the signed scan by POST once it is done" in text, "the fields of a request are not described"
    assert b"<code>Authorization: Bearer TOKEN</code>" in page and "`" not in text
    assert b"<script" not in page and b"//" not in page.replace(b"https://www", b"").replace(b"<!doctype", b"")


def test_settings_that_are_not_for_requests_are_refused_by_name(server: Served, media: Path) -> None:
    body = (media / "face.png").read_bytes()
    for settings in ({"engine": "/etc/passwd"}, {"allow_private": True}, {"frames": 0}, {"no such": 1}, {"fpr": 0.05, "threshold": 0.5}):
        path = f"api/v1/scans?settings={quote(json.dumps(settings))}"
        status, headers, answer = server.request("POST", path, data=body, headers={"Content-Type": "image/png"})
        assert status == 422 and headers["content-type"] == "application/problem+json", settings
        assert json.loads(answer)["code"] == "invalid" and next(iter(settings)) in json.loads(answer)["detail"] + str(
            json.loads(answer)["errors"]
        )


def test_settings_that_the_weights_cannot_fulfil_are_refused(server: Served, media: Path) -> None:
    body = (media / "face.png").read_bytes()
    for settings in ({"fpr": 0.02}, {"pooling": "zz"}):
        path = f"api/v1/scans?settings={quote(json.dumps(settings))}"
        status, _, answer = server.request("POST", path, data=body, headers={"Content-Type": "image/png"})
        assert status == 422 and str(*settings.values()) in json.loads(answer)["detail"], answer


def test_settings_that_other_weights_could_fulfil_are_a_verdict_and_the_queue_goes_on(
    checkpoint: Path, media: Path, tmp_path: Path
) -> None:
    face = str(media / "face.png")
    with StateFolder(tmp_path / "state") as state:
        database = Database(state.ledger)
        queued = [Scans(database).accept(NewScan("path", face, face, changes)).id for changes in ({"fpr": 0.02}, {"pooling": "zz"}, {})]
        database.close()
    with serving(tmp_path / "state", checkpoint=checkpoint) as server:
        *unfit, fit = [server.wait(scan_id) for scan_id in queued]
        for scan in unfit:
            assert (scan["attempts"], scan["verdict"]["outcome"], scan["verdict"]["coverage"]) == (1, "undecided", "none")
            assert str(*scan["settings"].values()) in json.loads(server.verdict(scan["id"]))["detail"]
        assert fit["verdict"]["coverage"] == "complete"


def test_without_the_extra_the_command_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    ended = run_here("serve", "--state", tmp_path)
    assert ended.status == 2 and "pip install" in ended.err and "[serve]" in ended.err
