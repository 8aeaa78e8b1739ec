"""The user's arguments -> inputs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from screener.errors import SettingsError
from screener.video import Source, SourceFailure, expand_sources
from screener.video.sources import paths_printed_as, printable_name


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def names(found: list[Source | SourceFailure]) -> list[str]:
    return [os.path.basename(source.name) for source in found]


def test_a_named_file_is_an_input_whatever_its_suffix(tmp_path: Path) -> None:
    touch(tmp_path / "clip.xyz")
    (source,) = expand_sources([tmp_path / "clip.xyz"])
    assert source == Source(os.fsencode(tmp_path / "clip.xyz"), "file", str(tmp_path / "clip.xyz"), tmp_path / "clip.xyz")


@pytest.mark.parametrize("name", ["-clip.mp4", "[/x].mp4", "a\nb.mp4", "\U0001f600.mp4", "@clip.mp4", "7", "http:x.mp4", "*.mp4"])
def test_odd_names_of_files_that_exist_are_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    path = Path(name)
    if name == "[/x].mp4":
        path.parent.mkdir()
    path.write_bytes(b"x")
    (source,) = expand_sources([name])
    assert isinstance(source, Source)
    assert (source.kind, source.name) == ("file", name)
    assert source.path is not None and source.path.is_absolute()


def test_bytes_that_are_not_text_show_as_escapes(tmp_path: Path) -> None:
    raw = os.fsencode(tmp_path) + b"/\xff\xfe.mp4"
    Path(os.fsdecode(raw)).write_bytes(b"x")
    (source,) = expand_sources([os.fsdecode(raw)])
    assert isinstance(source, Source)
    assert source.target == raw
    assert source.name == f"{tmp_path}/\\xff\\xfe.mp4"
    assert list(paths_printed_as(source.name)) == [Path(source.name), Path(os.fsdecode(raw))]
    for name in ("é \\x41.mp4", "\ud800x"):
        assert list(paths_printed_as(name)) == [Path(name)]
    assert printable_name("\ud800x").encode() == b"\\ud800x"


def test_a_folder_is_walked_in_order_without_hidden_files_and_loops(tmp_path: Path) -> None:
    touch(*(tmp_path / name for name in ("b.mp4", "a.MKV", "notes.txt", ".hidden.mp4", "sub/c.png", ".git/d.mp4")))
    (tmp_path / "sub" / "loop").symlink_to(tmp_path)
    (tmp_path / "z.mp4").symlink_to(tmp_path / "b.mp4")
    assert names(expand_sources([tmp_path])) == ["a.MKV", "b.mp4", "c.png"]


def test_files_of_a_folder_that_are_left_out_are_told(tmp_path: Path) -> None:
    touch(*(tmp_path / name for name in ("a.mp4", "9f86d081", "notes.txt", ".hidden", "sub/b.png", "sub/c.m4a")))
    left_out: list[str] = []
    assert names(expand_sources([tmp_path, tmp_path / "notes.txt"], left_out.append)) == ["a.mp4", "b.png", "notes.txt"]
    assert [os.path.relpath(path, tmp_path) for path in left_out] == ["9f86d081", "notes.txt", os.path.join("sub", "c.m4a")]


def test_failures_are_rows_and_the_rest_goes_on(tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    touch(tmp_path / "a.mp4")
    found = expand_sources([tmp_path / "missing.mp4", tmp_path / "nothing", tmp_path / "*.avi", tmp_path / "*.mp4", "ftp://host/a.mp4"])
    assert [getattr(row, "reason", row.name) for row in found] == [
        "not_found",
        "no_video",
        "not_found",
        str(tmp_path / "a.mp4"),
        "refused_protocol",
    ]


@pytest.mark.parametrize("address", ["ftp://h/x", "file:/etc/passwd", "concat:a|b", "data:video/mp4;base64,AAAA", "subfile:x", "pipe:0"])
def test_other_protocols_are_refused(address: str) -> None:
    (row,) = expand_sources([address])
    assert isinstance(row, SourceFailure) and row.reason == "refused_protocol"


def test_addresses_that_differ_only_in_what_is_hidden_have_names_of_their_own() -> None:
    found = expand_sources(["http://h/c?key=1", "http://h/c?key=2", "http://h/c?key=1", "http://h/c?key=3"])
    assert [source.name for source in found] == ["http://h/c?key=***", "http://h/c?key=*** (2)", "http://h/c?key=*** (3)"]


def test_addresses_that_lead_nowhere_are_a_row_each() -> None:
    first, second = expand_sources(["rtsp://a:b/1@h/s", "rtsp://a:b/2@h/s", "rtsp://a:b/1@h/s"])
    assert isinstance(first, SourceFailure) and isinstance(second, SourceFailure)
    assert (first.name, second.name) == ("rtsp://a:***@h/s", "rtsp://a:***@h/s (2)")
    assert second.message.startswith("rtsp://a:***@h/s (2): ")


@pytest.mark.parametrize("password", ["pa/ss", "pa#ss", "p/a@s#s", "pa?ss", "1#2"])
def test_a_password_that_ends_its_address_is_hidden_and_the_advice_is_to_encode_it(password: str) -> None:
    for text in (f"rtsp://admin:{password}@host/stream", f"ftp://admin:{password}@host/stream", f"admin:{password}@host/stream"):
        (found,) = expand_sources([text])
        assert password not in found.name and found.name.endswith("admin:***@host/stream")
        if isinstance(found, SourceFailure):
            assert found.message.startswith(f"{found.name}: ") and password not in found.message
            assert "percent-encoded" in found.message or not text.startswith("rtsp")
        assert password not in repr(found)


def test_addresses_and_cameras(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    web, camera = expand_sources(["rtsp://user:secret@host/stream", "0"])
    assert web == Source("rtsp://user:secret@host/stream", "url", "rtsp://user:***@host/stream")
    assert "secret" not in repr(web)
    assert camera == Source(0, "camera", "camera 0")


def test_a_list_file(tmp_path: Path) -> None:
    touch(tmp_path / "a.mp4", tmp_path / " b.mp4")
    listing = tmp_path / "list.txt"
    listing.write_text(f"\ufeff# my clips\n\n{tmp_path}/a.mp4\r\n{tmp_path}/missing.mp4\n")
    first, second = expand_sources([f"@{listing}"])
    assert first.name == f"{tmp_path}/a.mp4"
    assert isinstance(second, SourceFailure) and second.reason == "not_found"


def test_a_missing_list_file_is_a_settings_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="list file"):
        expand_sources([f"@{tmp_path}/none.txt"])


def test_an_input_that_is_named_again_is_one_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path / "a.mp4", tmp_path / "b.mp4")
    (tmp_path / "link.avi").symlink_to(tmp_path / "a.mp4")
    monkeypatch.chdir(tmp_path)
    found = expand_sources(["b.mp4", tmp_path, "*.mp4", "./b.mp4", "link.avi", "none.mp4", "none.mp4", "rtsp://h/s", "rtsp://h/s"])
    assert [Path(name).name for name in names(found)] == ["b.mp4", "a.mp4", "link.avi", "none.mp4", "s"]


def test_up_from_a_link_to_a_folder_is_up_from_its_target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path / "clip.mp4", tmp_path / "another" / "clip.mp4", tmp_path / "sub" / "still.png")
    (tmp_path / "another" / "deep").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "another" / "deep")
    monkeypatch.chdir(tmp_path)
    found = expand_sources(["clip.mp4", "link/../clip.mp4", "sub/../clip.mp4", "sub/.//../clip.mp4", "link/.."])
    assert [source.path for source in found if isinstance(source, Source)] == [tmp_path / "clip.mp4", tmp_path / "another" / "clip.mp4"]


def test_a_folder_may_be_nested_deeper_than_the_stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for _ in range(1200):
        os.mkdir("d")
        os.chdir("d")
    Path("deep.mp4").touch()
    try:
        os.chdir(tmp_path)
        (source,) = expand_sources(["d"])
        assert source.name.endswith("d/deep.mp4")
    finally:
        # What removes folders elsewhere is recursive.
        os.chdir(tmp_path)
        for _ in range(1200):
            os.chdir("d")
        Path("deep.mp4").unlink()
        for _ in range(1200):
            os.chdir("..")
            os.rmdir("d")
