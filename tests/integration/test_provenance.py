"""Provenance beside the verdict: manifests signed here, tampered with, stripped, and stored remotely."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import av
import pytest
from command_line import PASSES_ALL, Ended, run_here
from face_media import portrait, write_clip, write_picture
from signing import Authority, authority, signed

from screener.report.provenance import provenance_facts
from screener.settings import ScanSettings
from screener.video import file_source, open_video
from screener.video.container.origin import origin_of
from screener.video.sandbox.answers import checked_origin


@pytest.fixture(scope="module")
def by() -> Authority:
    return authority()


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "clip.mp4")


def origin(path: Path, **settings: Any) -> dict[str, Any]:
    with open_video(file_source(path), ScanSettings(frames=2, **settings)) as video:
        assert list(video.frames())
        return video.origin


def scanned(checkpoint: Path, *arguments: str | Path) -> Ended:
    options = ("--threshold", str(PASSES_ALL), "--device", "cpu", "--dtype", "float32", "--frames", "5", "--checkpoint", checkpoint)
    return run_here("scan", *arguments, *options)


def test_a_manifest_is_present_intact_and_trusted_or_not(clip: Path, by: Authority, tmp_path: Path) -> None:
    path = signed(clip, tmp_path / "signed.mp4", by)
    found = origin(path)["c2pa"]
    assert (found["present"], found["intact"], found["trusted"]) == (True, True, None)
    assert (found["signer"], found["tool"]) == ("Test Camera Works", "Test Studio 3.2")
    assert found["actions"] == ["c2pa.created", "c2pa.color_adjustments"] and found["source_types"] == ["digitalCapture"]
    assert origin(path, trust_anchors=by.root_pem)["c2pa"]["trusted"] is True
    assert origin(path, trust_anchors=authority().root_pem)["c2pa"]["trusted"] is False


def test_a_file_that_was_changed_is_not_intact(by: Authority, tmp_path: Path) -> None:
    path = signed(write_picture(tmp_path / "face.png", portrait()), tmp_path / "signed.png", by)
    data = bytearray(path.read_bytes())
    # A text chunk beside the pixels, behind the signature: the picture is the same, the file is not.
    at = data.index(b"IEND") - 4
    data[at:at] = b"\x00\x00\x00\x00teXt" + bytes.fromhex("d6f3b4f2")
    path.write_bytes(data)
    found = origin(path)["c2pa"]
    assert (found["present"], found["intact"]) == (True, False) and "assertion.dataHash.mismatch" in found["problems"]


def test_a_file_without_a_manifest_has_none(clip: Path, by: Authority, tmp_path: Path) -> None:
    with av.open(str(signed(clip, tmp_path / "signed.mp4", by))) as given, av.open(str(tmp_path / "stripped.mp4"), "w") as output:
        stream = output.add_stream_from_template(given.streams.video[0])
        for packet in given.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                output.mux(packet)
    for path in (clip, tmp_path / "stripped.mp4"):
        found = origin(path)["c2pa"]
        assert (found["checked"], found["present"], found["intact"]) == (True, False, None)


def test_a_file_that_the_library_cannot_read_is_not_said_to_have_a_broken_manifest(clip: Path, tmp_path: Path) -> None:
    path = tmp_path / "junk.mp4"
    path.write_bytes(clip.read_bytes() + b"hello this is some trailing junk text\n")
    found = origin(path)["c2pa"]
    assert (found["checked"], found["present"], found["intact"], found["note"]) == (False, None, None, "not_readable")


def test_a_manifest_at_an_address_is_not_fetched(clip: Path, by: Authority, tmp_path: Path) -> None:
    found = origin(signed(clip, tmp_path / "remote.mp4", by, remote="https://127.0.0.1:9/manifest.c2pa"))["c2pa"]
    assert (found["present"], found["remote"], found["intact"], found["note"]) == (True, True, None, "remote_not_fetched")


def test_what_a_container_tells(tmp_path: Path) -> None:
    path = tmp_path / "phone.mov"
    with av.open(str(path), "w", options={"movflags": "use_metadata_tags"}) as output:
        said = {
            "creation_time": "2026-03-01T10:00:00Z",
            "com.apple.quicktime.location.ISO6709": "+48.1+011.5/",
            "com.apple.quicktime.model": "P9",
        }
        output.metadata.update(said)
        stream = output.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(8):
            output.mux(stream.encode(av.VideoFrame(64, 48, "yuv420p")))
        output.mux(stream.encode())
    found = origin(path)["container"]
    assert found["encoder"].startswith("Lavf") and found["camera"] == "P9" and found["created"].startswith("2026-03-01T10:00:00")
    assert found["has_place"] is True and found["edit_list_entries"] >= 1
    assert "48.1" not in json.dumps(found)


def test_it_stands_beside_the_verdict_and_changes_none(clip: Path, by: Authority, checkpoint: Path, tmp_path: Path) -> None:
    path = signed(clip, tmp_path / "signed.mp4", by, generated=True)
    with_it, without = (json.loads(scanned(checkpoint, one, "--json").out) for one in (path, clip))
    assert with_it["provenance"]["c2pa"]["source_types"] == ["trainedAlgorithmicMedia"]
    assert [with_it[name] for name in ("outcome", "p_fake", "interval", "coverage")] == [
        without[name] for name in ("outcome", "p_fake", "interval", "coverage")
    ]
    (tmp_path / "root.pem").write_text(f"# Müller\n{by.root_pem}", encoding="utf-8-sig")
    ended = scanned(checkpoint, path, "--trust-anchors", tmp_path / "root.pem", "--report", tmp_path / "report")
    said = "content credentials: present; intact; signer trusted; signed by Test Camera Works; states: made by generative AI"
    assert said in " ".join(ended.out.split())
    (page,) = (tmp_path / "report").glob("signed*.html")
    assert "made by generative AI" in page.read_text(encoding="utf-8") and "no part in the score" in page.read_text(encoding="utf-8")


def test_without_the_library_it_is_said_how_to_get_it(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "c2pa", None)
    found = checked_origin(origin_of(clip, None))
    assert (found["c2pa"]["checked"], found["c2pa"]["present"], found["c2pa"]["note"]) == (False, None, "not_installed")
    assert "pip install 'screener-video[provenance]'" in dict(provenance_facts(found))["Content credentials"]


@pytest.mark.parametrize(("content", "words"), [(None, "cannot be read"), ("no certificate\n", "holds no certificate")])
def test_a_list_of_signers_that_is_none_is_refused(content: str | None, words: str, clip: Path, checkpoint: Path, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "a.pem").write_text(content)
    ended = scanned(checkpoint, clip, "--trust-anchors", tmp_path / "a.pem")
    assert ended.status == 2 and words in ended.err


@pytest.mark.parametrize("way", ["file", "variable"])
def test_the_path_of_a_list_of_signers_where_its_text_belongs_is_refused(
    way: str, clip: Path, by: Authority, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "signers.pem").write_text(by.root_pem)
    monkeypatch.chdir(tmp_path)
    if way == "file":
        (tmp_path / "screener.toml").write_text('[screener]\ntrust_anchors = "signers.pem"\n')
    else:
        monkeypatch.setenv("SCREENER_TRUST_ANCHORS", "signers.pem")
    ended = scanned(checkpoint, signed(clip, tmp_path / "signed.mp4", by))
    assert ended.status == 2 and "trust_anchors: expected certificates" in ended.err and "--trust-anchors" in ended.err


def test_a_list_that_the_library_refuses_does_not_make_a_signed_file_a_changed_one(clip: Path, by: Authority, tmp_path: Path) -> None:
    for path in (clip, signed(clip, tmp_path / "signed.mp4", by)):
        found = checked_origin(origin_of(path, "signers.pem"))["c2pa"]
        assert (found["checked"], found["intact"], found["trusted"], found["note"]) == (False, None, None, "trust_anchors_not_usable")
