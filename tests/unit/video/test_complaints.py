"""Decoder errors: pictures with errors are not judged, in scan and live alike; harmless ones are only reported."""

from __future__ import annotations

import os
import random
import tempfile
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms
from video_media import noise, write_clip

from screener.errors import SourceError
from screener.records import Frame, VideoFacts
from screener.settings import ScanSettings
from screener.video import SeekPlan, equal_slices, file_source, open_video
from screener.video.ledger import Complaints


def screened(path: Path, look: SeekPlan | None = None, **settings: object) -> tuple[list[Frame], VideoFacts]:
    with open_video(file_source(path), ScanSettings(**{"all_frames": True, **settings}), look) as video:  # type: ignore[arg-type]
        return list(video.frames()), video.facts


def heard(*lines: str, at_a_cut: bool = False) -> tuple[list[bytes], bool]:
    """What is taken for damage, and whether the rest is worth a word."""
    with tempfile.TemporaryFile(mode="a+b", buffering=0) as file:
        complaints = Complaints(file.fileno())
        file.write("\n".join(lines).encode())
        return complaints.new(at_a_cut), complaints.were_harmless


def test_complaints_are_told_apart() -> None:
    assert heard("[h264 @ 0x55d] error while decoding MB 3 4, bytestream 12")[0]
    assert heard("[mjpeg @ 0x55d] overread 8")[0] and heard("Premature end of JPEG file")[0]
    assert heard("libpng warning: IDAT: CRC error")[0] and heard("libpng error: Read Error")[0]
    for harmless in (
        "[h264 @ 0x55d] SEI type 5 size 1296 truncated at 201",
        "libpng warning: iCCP: profile 'x': intent outside defined range",
        "Invalid SOS parameters for sequential JPEG",
        "[aac @ 0x55d] Input buffer exhausted before END element found",
        "[mp3float @ 0x55d] Header missing",
        "[hevc @ 0x55d] Unknown side data type",
    ):
        assert heard(harmless) == ([], True), harmless
    for ordinary in ("    Last message repeated 2 times", "", "[ WARN:0] OpenCV"):
        assert heard(ordinary) == ([], False), ordinary
    for of_a_cut in ("mmco: unref short failure", "co located POCs unavailable", "number of reference frames (2+1) exceeds max (2; x)"):
        assert heard(of_a_cut)[0] and heard(of_a_cut, at_a_cut=True) == ([], False), of_a_cut
    assert heard("[h264 @ 0x55d] error while decoding MB 3 4, bytestream 12", at_a_cut=True)[0]
    damage, harmless_too = heard(
        "[aac @ 0x1] channel element 0.0 is not allocated", "[h264 @ 0x1] cabac decode of qscale diff failed at 1 2"
    )
    assert len(damage) == 1 and harmless_too


def png_with_profile(path: Path, intent: bytes) -> Path:
    """A picture whose colour profile asks for an intent."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(noise(0)).save(path, icc_profile=profile[:64] + intent + profile[68:])
    return path


def jpeg_with_scan(path: Path, parameters: bytes) -> Path:
    data = cv2.imencode(".jpg", noise(0))[1].tobytes()
    at = data.index(b"\xff\xda")
    end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    path.write_bytes(data[: end - 3] + parameters + data[end:])
    return path


@pytest.mark.parametrize(
    ("make", "usual", "odd"),
    [(png_with_profile, bytes(4), b"\xff" * 4), (jpeg_with_scan, b"\0\x3f\0", b"\0\0\0")],
    ids=["a colour profile of no known intent", "a scan header as one maker of cameras writes it"],
)
def test_odd_headers_of_pictures_change_nothing(tmp_path: Path, make: Callable[[Path, bytes], Path], usual: bytes, odd: bytes) -> None:
    suffix = ".png" if make is png_with_profile else ".jpg"
    (plain,), facts = screened(make(tmp_path / f"plain{suffix}", usual))
    (frame,), odd_facts = screened(make(tmp_path / f"odd{suffix}", odd))
    assert (frame.picture_rgb == plain.picture_rgb).all()
    assert (facts.warnings, odd_facts.warnings) == ((), ("harmless_complaints",))
    assert facts.reasons == odd_facts.reasons == ()


@pytest.mark.parametrize("every", [False, True])
def test_a_message_beside_the_pictures_that_says_more_than_it_holds(tmp_path: Path, every: bool) -> None:
    data = write_clip(tmp_path / "plain.h264", picture=noise, options={"g": "10", "bf": "2"}).read_bytes()
    unit = b"\0\0\0\1\x06\x05\xff\x10" + b"x" * 40
    places = [at for at in range(len(data)) if data.startswith(b"\0\0\0\1\x67", at)][: None if every else 1]
    for place in reversed(places):
        following = data.index(b"\0\0\0\1", data.index(b"\0\0\0\1\x68", place) + 4)
        data = data[:following] + unit + data[following:]
    (tmp_path / "odd.h264").write_bytes(data)
    plain, _ = screened(tmp_path / "plain.h264")
    odd, facts = screened(tmp_path / "odd.h264")
    assert (facts.reasons, facts.decode_errors, "harmless_complaints" in facts.warnings) == ((), 0, True)
    assert all((one.picture_rgb == other.picture_rgb).all() for one, other in zip(odd, plain, strict=True))


def test_a_picture_with_wrong_bytes_is_not_judged(tmp_path: Path) -> None:
    for suffix in (".jpg", ".png", ".webp"):
        data = bytearray(cv2.imencode(suffix, cv2.resize(noise(0), (320, 240)))[1].tobytes())
        for place in range(len(data) // 2, len(data) - 20, 40):
            data[place] ^= 0x55
        (tmp_path / f"a{suffix}").write_bytes(data)
        with pytest.raises(SourceError) as caught:
            screened(tmp_path / f"a{suffix}")
        assert caught.value.reason == "corrupt"


CODED = {
    "h264": ("a.mkv", "libx264", {"bf": "2", "g": "12"}, "yuv420p"),
    "mpeg4": ("a.avi", "mpeg4", {"bf": "2", "g": "12", "b": "3000k"}, "yuv420p"),
    "mpeg2": ("a.mkv", "mpeg2video", {"bf": "2", "g": "12", "b": "3000k"}, "yuv420p"),
    "mjpeg": ("a.avi", "mjpeg", {"q": "3"}, "yuvj420p"),
    "ffv1": ("a.mkv", "ffv1", {"g": "12"}, "yuv420p"),
    "flv1": ("a.flv", "flv1", {"g": "12", "b": "3000k"}, "yuv420p"),
}


def sharp(number: int) -> np.ndarray:
    return np.asarray(cv2.resize(noise(number), (320, 240), interpolation=cv2.INTER_CUBIC))


def packets_of(path: Path) -> list[tuple[int, int, bool]]:
    """Place, size and whether it is a key, of each coded picture."""
    data = path.read_bytes()
    with av.open(str(path)) as container:
        return [(data.index(bytes(packet)), packet.size, packet.is_keyframe) for packet in container.demux(video=0) if packet.size]


@pytest.mark.parametrize("codec", CODED)
def test_a_half_received_picture_is_counted_and_not_judged(tmp_path: Path, codec: str) -> None:
    """The rest of it was never written. Whatever is predicted from it is not judged either; all others are, and are sound."""
    name, encoder, options, pixels = CODED[codec]
    path = write_clip(tmp_path / name, encoder, 36, size_wh=(320, 240), options=options, pixel_format=pixels, picture=sharp)
    whole, facts = screened(path)
    assert (len(whole), facts.reasons) == (36, ())
    packets = packets_of(path)
    place, size, _ = packets[15]
    data = bytearray(path.read_bytes())
    data[place + size * 55 // 100 : place + size] = bytes(size - size * 55 // 100)
    path.write_bytes(data)
    frames, facts = screened(path)
    assert facts.reasons == ("corrupt",) and facts.decode_errors >= 1
    shown = {round(frame.pts_seconds * 25): frame.picture_rgb for frame in frames}
    assert set(shown) >= set(range(8)) | set(range(28, 36)), "those before, and those behind the next key picture"
    for number, picture in shown.items():
        assert np.abs(picture.astype(int) - whole[number].picture_rgb).mean() < 1
    sampled, _ = screened(path, all_frames=False, frames=9)
    assert len(sampled) >= 6, "the next sound one stands in"


def copied_without(number: int, source: Path, target: Path) -> Path:
    """Without one of the packets, in the order of decoding."""
    with av.open(str(source)) as given, av.open(str(target), "w") as output:
        stream = given.streams.video[0]
        copy = output.add_stream_from_template(stream)
        for place, packet in enumerate(packet for packet in given.demux(stream) if packet.size):
            if place != number:
                packet.stream = copy
                output.mux(packet)
    return target


@pytest.mark.parametrize("suffix", ["mkv", "mp4", "ts"])
def test_a_picture_that_others_refer_to_was_left_out(tmp_path: Path, suffix: str) -> None:
    """FFmpeg predicts from another one instead, often without a word: H.264 counts such pictures."""
    options = {"g": "12", "bf": "2"}
    whole = write_clip(tmp_path / f"whole.{suffix}", "libx264", 36, size_wh=(320, 240), options=options, picture=sharp)
    for number in (12, 13, 16, 19):  # a key picture, and pictures that are predicted from it
        _, facts = screened(copied_without(number, whole, tmp_path / f"{number}.{suffix}"))
        assert facts.reasons == ("corrupt",) and facts.decode_errors, number
    frames, facts = screened(copied_without(23, whole, tmp_path / f"last.{suffix}"))
    assert (len(frames), facts.reasons) == (35, ()), "nothing refers to the last one before a key picture"


def test_wrong_bits_in_motion_jpeg_are_mostly_noticed(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.avi", "mjpeg", 24, size_wh=(320, 240), options={"q": "3"}, pixel_format="yuvj420p", picture=sharp)
    data, draw = bytearray(path.read_bytes()), random.Random(1)
    for place, size, _ in packets_of(path)[:6]:
        for _ in range(20):
            data[draw.randrange(place + 700, place + size - 2)] ^= 1 << draw.randrange(8)
    path.write_bytes(data)
    frames, facts = screened(path)
    assert facts.decode_errors >= 5 and facts.reasons == ("corrupt",) and len(frames) == 24 - facts.decode_errors


def test_damage_under_a_spread_look_is_not_judged(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mkv", frames=64, size_wh=(320, 240), rate=8, options={"g": "8", "bf": "0"}, picture=sharp)
    packets, data = packets_of(path), bytearray(path.read_bytes())
    for place, size, is_key in packets[24:40]:
        if is_key:
            data[place + size // 2 : place + size] = bytes(size - size // 2)
    path.write_bytes(data)
    frames, facts = screened(path, SeekPlan(equal_slices(16)))
    assert facts.reasons == ("corrupt",) and facts.decode_errors and not any(24 <= frame.index < 40 for frame in frames)


def test_complaints_are_heard_however_much_was_printed_before() -> None:
    """A decoding process serves many inputs: what one of them printed must not push the next one's words out of reach."""
    with tempfile.TemporaryFile(buffering=0) as file:
        printing = os.dup(file.fileno())
        complaints = Complaints(os.dup(file.fileno()))
        for _ in range(3):
            os.write(printing, b"[h264 @ 0x1] error while decoding MB 1 2\n" * 1000)
            assert len(complaints.new()) > 900
        os.write(printing, b"[http @ 0x2] Stream ends prematurely\n")
        assert complaints.new() == [b"[http @ 0x2] Stream ends prematurely"]
        assert complaints.new() == []
