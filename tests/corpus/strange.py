"""Inputs that are not video, open other files, run programs, or are not regular files: none may reach a decoder's less guarded parts."""

from __future__ import annotations

import gzip
import os
import pickle
import random
import socket
import struct
import zipfile
from pathlib import Path
from typing import Any

from corpus.whole import Maker


def data(content: bytes | str) -> Maker:
    return lambda path: path.write_bytes(content.encode() if isinstance(content, str) else content)


def zipped(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("clip.mp4", bytes(1000))


def listening(path: Path) -> None:
    """A socket; its path must be short, so it is bound by its name alone."""
    here = os.getcwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path.name)
    finally:
        os.chdir(here)


class _Runs:
    def __reduce__(self) -> Any:
        return os.mkdir, ("a_pickle_was_run",)


def boxes(depth: int) -> bytes:
    """Boxes within boxes."""
    content = b""
    for _ in range(depth):
        content = struct.pack(">I", 8 + len(content)) + b"moov" + content
    return struct.pack(">I", 16) + b"ftypisom\0\0\0\0" + content


def elements(depth: int) -> bytes:
    """Matroska tags within tags."""
    content = b""
    for _ in range(depth):
        content = b"\x67\xc8\x08" + len(content).to_bytes(7, "big").rjust(7, b"\0") + content
    head = bytes.fromhex("1a45dfa3a3428681014286810142f7810142f2810442f381084282886d6174726f736b61")
    return head + b"\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff" + b"\x12\x54\xc3\x67\x01" + len(content).to_bytes(7, "big") + content


def reference_movie(target: str) -> bytes:
    """QuickTime's way to say: play another file instead."""
    place = b"url \0\0\0\0" + struct.pack(">I", len(target)) + target.encode()
    rdrf = struct.pack(">I", 12 + len(place)) + b"rdrf\0\0\0\0" + place
    rmda = struct.pack(">I", 8 + len(rdrf)) + b"rmda" + rdrf
    rmra = struct.pack(">I", 8 + len(rmda)) + b"rmra" + rmda
    return struct.pack(">I", 16) + b"ftypqt  \0\0\0\0" + struct.pack(">I", 8 + len(rmra)) + b"moov" + rmra


PLAYLIST = "#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:2,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"
STRANGE: dict[str, Maker] = {
    "nothing/empty.mp4": data(b""),
    "nothing/one_byte.mp4": data(b"\0"),
    "nothing/zeros.mp4": data(bytes(100_000)),
    "nothing/ones.mkv": data(b"\xff" * 100_000),
    "nothing/noise.mp4": data(random.Random(0).randbytes(50_000)),
    "nothing/noise.ts": data(random.Random(1).randbytes(50_000)),
    "nothing/sync_bytes.ts": data(b"\x47" * 50_000),
    "nothing/only_ftyp.mp4": data(b"\0\0\0\x10ftypisom\0\0\0\0"),
    "nothing/only_riff.avi": data(b"RIFF\x04\0\0\0AVI "),
    "nothing/only_ebml.mkv": data(bytes.fromhex("1a45dfa3a3428681014286810142f7810142f2810442f381084282886d6174726f736b61")),
    "nothing/only_flv.flv": data(b"FLV\1\5\0\0\0\x09\0\0\0\0"),
    "nothing/only_png.png": data(b"\x89PNG\r\n\x1a\n"),
    "nothing/only_jpeg.jpg": data(b"\xff\xd8\xff\xe0"),
    "nothing/only_gif.gif": data(b"GIF89a"),
    "else/text.mp4": data("this is no video\n" * 50),
    "else/utf16.mp4": data("this is no video\n".encode("utf-16") * 50),
    "else/page.mp4": data("<!DOCTYPE html><html><script>alert(1)</script></html>" * 20),
    "else/drawing.png": data('<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>'),
    "else/script.mp4": data("<?php system('id'); ?>\n" * 20),
    "else/program.mp4": data(b"\x7fELF\2\1\1" + bytes(2000)),
    "else/document.mp4": data(b"%PDF-1.7\n" + random.Random(2).randbytes(2000)),
    "else/archive.mp4": zipped,
    "else/packed.mp4": data(gzip.compress(random.Random(3).randbytes(2000))),
    "else/pickle.mp4": data(pickle.dumps(_Runs())),
    "else/sound.mp4": data(b"RIFF\x24\1\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x80\xbb\0\0\0\x77\1\0\2\0\x10\0data\0\1\0\0" + bytes(256)),
    "opens/playlist.m3u8": data(PLAYLIST),
    "opens/playlist.mp4": data(PLAYLIST),
    "opens/playlist_after_mark.mp4": data(b"\xef\xbb\xbf" + PLAYLIST.encode()),
    "opens/playlist_after_lines.avi": data("\n\n  \n" + PLAYLIST),
    "opens/concat.mp4": data("ffconcat version 1.0\nfile /etc/passwd\n"),
    "opens/concat_bare.mp4": data("file '/etc/passwd'\n"),
    "opens/session.mp4": data("v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nm=video 5004 RTP/AVP 96\r\n"),
    "opens/dash.mp4": data('<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><BaseURL>http://127.0.0.1/</BaseURL></MPD>'),
    "opens/asx.wmv": data('<asx version="3.0"><entry><ref href="file:///etc/passwd"/></entry></asx>'),
    "opens/pls.mp4": data("[playlist]\nFile1=/etc/passwd\nNumberOfEntries=1\n"),
    "opens/reference.mov": data(reference_movie("file:///etc/passwd")),
    "opens/image_list.mp4": data(b"\x89PNG\r\n\x1a\n#EXTM3U\nfile:///etc/passwd\n"),
    "deep/boxes.mp4": data(boxes(20_000)),
    "deep/elements.mkv": data(elements(10_000)),
    "no_file/pipe.mp4": lambda path: os.mkfifo(path),
    "no_file/socket.mp4": listening,
    "no_file/zero.mp4": lambda path: path.symlink_to("/dev/zero"),
    "no_file/broken_link.mp4": lambda path: path.symlink_to("nowhere.mp4"),
    "no_file/link_to_itself.mp4": lambda path: path.symlink_to(path.name),
    "no_file/missing.mp4": lambda path: None,
    "no_file/through_a_file.mp4/clip.mp4": lambda path: None,
}

ADDRESSES = (
    "http://127.0.0.1:9/a.mp4", "http://localhost/a.mp4", "http://[::1]:9/a.mp4", "http://2130706433/a.mp4", "https://10.0.0.1/a.mp4",
    "http://169.254.169.254/latest/meta-data", "rtsp://192.168.0.1/live", "ftp://example.org/a.mp4", "file:///etc/passwd", "concat:a|b",
    "data:video/mp4;base64,AAAA", "gopher://127.0.0.1/", "pipe:0", "crypto:a.mp4", "subfile:,,start,0,end,0,,:a.mp4",
)  # fmt: skip
"""Given as they are; no connection is ever made for them."""
