"""Structure checks of containers: intact ones have no fault, and faults that demuxers skip silently are found."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from video_media import noise, read, write_clip

from screener.video.container.facts import read_facts
from screener.video.container.packet_faults import PictureNumbers, has_scan
from screener.video.container.structure.gif import read_blocks

Change = Callable[[bytearray], bytes | bytearray]

CLIPS = {
    "a.mp4": ("libx264", "yuv420p", {}),
    "front.mp4": ("libx264", "yuv420p", {"movflags": "faststart"}),
    "frag.mp4": ("libx264", "yuv420p", {"movflags": "frag_keyframe+empty_moov"}),
    "smooth.ismv": ("libx264", "yuv420p", {"movflags": "frag_keyframe"}),
    "a.mov": ("mjpeg", "yuvj420p", {}),
    "a.mkv": ("libx264", "yuv420p", {}),
    "live.mkv": ("libx264", "yuv420p", {"live": "1"}),
    "a.webm": ("libvpx", "yuv420p", {}),
    "a.avi": ("mpeg4", "yuv420p", {}),
    "a.ts": ("libx264", "yuv420p", {}),
    "a.mpg": ("mpeg1video", "yuv420p", {}),
    "a.flv": ("libx264", "yuv420p", {}),
    "a.wmv": ("wmv2", "yuv420p", {}),
    "a.gif": ("gif", "rgb8", {}),
}


def clip(path: Path) -> Path:
    codec, pixels, container = CLIPS[path.name]
    options = {"bf": "2", "g": "10"} if codec == "libx264" else {"g": "10"}
    return write_clip(path, codec, 40, options=options, pixel_format=pixels, container_options=container, picture=noise, audio_seconds=0)


def faults(path: Path) -> int:
    if path.suffix == ".gif":
        with open(path, "rb") as file:
            blocks = read_blocks(file)
        return blocks.faults + blocks.goes_on
    timeline = read_facts(path, path.name).timeline
    assert timeline is not None
    return timeline.corrupt_packets


@pytest.mark.parametrize("name", CLIPS)
def test_whole(tmp_path: Path, name: str) -> None:
    assert faults(clip(tmp_path / name)) == 0


def at(old: bytes, new: bytes, skip: int = 0, number: int = 0) -> Change:
    """Put `new` at `skip` bytes behind the `number`th `old`."""

    def change(data: bytearray) -> bytearray:
        place = -1
        for _ in range(number + 1):
            place = data.index(old, place + 1)
        place += len(old) + skip
        data[place : place + len(new)] = new
        return data

    return change


def without(start: int, length: int) -> Change:
    return lambda data: data[:start] + data[start + length :]


def without_fragment(data: bytearray, number: int) -> bytearray:
    starts = [at - 4 for at in range(len(data)) if data.startswith(b"moof", at)]
    return data[: starts[number]] + data[starts[number + 1] :]


CLUSTER = b"\x1f\x43\xb6\x75"
DAMAGE: dict[str, tuple[str, Change]] = {
    "a sample larger than the file": ("a.mp4", at(b"stsz", b"\xff\0\0\0", 12 + 4 * 20)),
    "times of more samples than there are": ("a.mp4", at(b"stts", b"\0\0\0\x29", 8)),
    "offsets of more samples than there are": ("a.mp4", at(b"ctts", b"\0\0\0\x09", 8)),
    "chunks of more samples than there are": ("a.mp4", at(b"stsc", b"\0\0\0\x29", 12)),
    "a fragment that begins before the last": ("frag.mp4", at(b"tfdt", b"\0\0\1", 4)),
    "a fragment without its time": ("frag.mp4", lambda data: data.replace(b"tfdt", b"tfdx", 1)),
    "a first fragment that is called something else": ("frag.mp4", lambda data: data.replace(b"moof", b"\0\0\0\0", 1)),
    "a fragment that was taken out": ("frag.mp4", lambda data: without_fragment(data, 1)),
    "a fragment that was taken out where none says when it begins": ("smooth.ismv", lambda data: without_fragment(data, 1)),
    "a fragment without its beginning": ("frag.mp4", lambda data: without(data.index(b"moof", data.index(b"moof") + 9) + 30, 777)(data)),
    "a JPEG without a scan": ("a.mov", lambda data: data.replace(b"\xff\xda\0\x0c", b"\xff\xd2\0\x0c", 1)),
    "a cluster that lost its name": ("a.mkv", at(CLUSTER, b"\0", -4, 1)),
    "a block of a track that is not there": ("a.webm", at(b"\x81\0\0\x80", b"\x85", -4)),
    "a block with bits that mean nothing": ("a.webm", at(b"\x81\0\0\x80", b"\xf0", -1)),
    "a bit of a cluster": ("a.mkv", lambda data: data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 1]) + data[len(data) // 2 + 1 :]),
    "a chunk that lost its name": ("a.avi", at(b"00dc", b"??dc", -4, 10)),
    "one picture fewer than promised": ("a.avi", at(b"00dc", b"JUNK", -4, 10)),
    "a packet out of step": ("a.ts", at(b"", b"\0", 188 * 60)),
    "packets that never came": ("a.ts", without(188 * 60, 188 * 3)),
    "a beginning that was cut off": ("a.ts", without(0, 100)),
    "a file that begins inside a pack": ("a.mpg", without(0, 100)),
    "a tag of no kind": ("a.flv", at(b"\x09\0\x00", b"\x0b", -3, 5)),
    "a packet of pictures that never came": ("a.wmv", lambda data: data[: len(data) // 2] + bytes(3200) + data[len(data) // 2 + 3200 :]),
    "blocks that lead nowhere": ("a.gif", lambda data: data[: len(data) // 2] + bytes(5000) + data[len(data) // 2 + 5000 :]),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_what_is_stepped_over_in_silence_is_told(tmp_path: Path, what: str) -> None:
    name, change = DAMAGE[what]
    path = clip(tmp_path / name)
    before = path.read_bytes()
    path.write_bytes(change(bytearray(before)))
    assert path.read_bytes() != before
    assert faults(path) > 0
    _, ledger = read(path, all_frames=True)
    assert {"corrupt", "truncated"} & set(ledger.reasons)


@pytest.mark.parametrize("missing", [1, 3, 500])
def test_a_live_recording_that_ends_within_a_picture_was_cut(tmp_path: Path, missing: int) -> None:
    """Its segment says no size, and FFmpeg ends there as at any other end."""
    path = clip(tmp_path / "live.mkv")
    _, ledger = read(path, all_frames=True)
    assert (ledger.reasons, ledger.warnings) == ([], ["end_unverified"])
    last = path.read_bytes().rindex(CLUSTER)
    path.write_bytes(path.read_bytes()[: (last if missing > 3 else path.stat().st_size) - missing])
    _, ledger = read(path, all_frames=True)
    assert ledger.reasons == ["truncated"]


def test_a_live_recording_that_ends_between_pictures_may_be_whole(tmp_path: Path) -> None:
    path = clip(tmp_path / "live.mkv")
    path.write_bytes(path.read_bytes()[: path.read_bytes().rindex(CLUSTER)])
    _, ledger = read(path, all_frames=True)
    assert (ledger.reasons, ledger.warnings) == ([], ["end_unverified"])


def test_an_announced_picture_that_never_came_is_missed(tmp_path: Path) -> None:
    """Blanked within its packets, so that nothing but the times of the packets tells of it."""
    import av

    path = clip(tmp_path / "a.ts")
    data = path.read_bytes()
    with av.open(str(path)) as container:
        small = next(bytes(p) for p in container.demux(video=0) if p.size and p.size < 100 and bytes(p) in data)
    path.write_bytes(data.replace(small, b"\xff" * len(small), 1))
    assert len(read(path, all_frames=True)[0]) < 40
    assert faults(path) > 0


@pytest.mark.parametrize("name", CLIPS)
def test_any_damage_is_survived(tmp_path: Path, name: str) -> None:
    """Whatever the bytes, the check ends, and with a number."""
    from screener.errors import SourceError

    whole = clip(tmp_path / name).read_bytes()
    dice = random.Random(name)
    for _ in range(40):
        data = bytearray(whole)
        for _ in range(dice.choice([1, 4, 40])):
            data[dice.randrange(len(data))] = dice.choice([0, 0xFF, dice.randrange(256)])
        (tmp_path / name).write_bytes(data[: dice.choice([len(data), dice.randrange(1, len(data))])])
        try:
            assert faults(tmp_path / name) >= 0
        except SourceError as error:
            assert error.reason != "decoder_crash"


def picture(number: int, group: bool = False, broken: bool = False) -> bytes:
    head = b"\0\0\1\xb8\0\x08\0" + (b"\x20" if broken else b"\0") if group else b""
    return head + b"\0\0\1\0" + bytes([number >> 2, (number & 3) << 6]) + bytes(20)


def test_numbers_of_pictures() -> None:
    numbers = PictureNumbers()
    for number, group in [(0, True), (3, False), (1, False), (2, False), (2, True), (0, False), (1, False)]:
        numbers.add(picture(number, group))
    assert numbers.missing == 0
    numbers.add(picture(5))  # 3 and 4 never came
    assert numbers.missing == 2
    numbers.add(picture(2, group=True))
    assert numbers.missing == 2 + 2  # the two in front of it
    spliced = PictureNumbers()
    for given in (picture(0, group=True), picture(2, group=True, broken=True), picture(3)):
        spliced.add(given)
    assert spliced.missing == 0


def test_a_jpeg_leads_to_its_scan() -> None:
    frame = b"\xff\xc0\0\x0b\x08\0\x10\0\x10\1\1\x11\0"
    scan = b"\xff\xda\0\x08\1\1\0\0\x3f\0"
    assert has_scan(b"\xff\xd8" + frame + scan)
    assert has_scan(b"\xff\xd8\xff\xe0\0\4ab\xff" + frame + scan)
    assert not has_scan(b"\xff\xd8" + scan + frame)
    assert not has_scan(b"\xff\xd8" + frame)
    assert not has_scan(b"\xff\xd8" + frame + b"\xff\xda\0\x08\0\1\0\0\x3f\0")
    assert not has_scan(b"")
