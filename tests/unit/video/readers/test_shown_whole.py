"""What a naive decoder would squeeze, skip, rotate or omit: shown correctly, or reported. The rows of SECURITY.md's table."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.filter import Graph
from av.stream import Disposition
from odd_media import (
    CORNERS,
    corners,
    cut,
    edited,
    flat,
    left_out,
    part,
    remuxed,
    shifted_clock,
    strung,
    transport,
    with_hevc_message,
    with_message,
    with_two_descriptions,
    without_times,
)
from video_media import level, noise, number_of, read, write_clip

from screener.records import Frame, VideoFacts
from screener.settings import ScanSettings
from screener.video import SeekPlan, equal_slices, file_source, open_video
from screener.video.container.facts import read_facts

TALL, WIDE = (64, 96), (96, 64)
X265 = {"x265-params": "log-level=none:keyint=10"}
MPEG = {"b": "4000k", "g": "10"}


def screened(path: Path, look: SeekPlan | None = None, **settings: object) -> tuple[list[Frame], VideoFacts]:
    """Through the decoding process, which hears the decoders."""
    with open_video(file_source(path), ScanSettings(**{"all_frames": True, **settings}), look) as video:  # type: ignore[arg-type]
        return list(video.frames()), video.facts


def numbers(frames: Sequence[Frame]) -> list[int]:
    return [number_of(frame.picture_rgb) for frame in frames]


def assert_all(path: Path, count: int = 40, sizes: Sequence[tuple[int, int]] | None = None, step: float = 0.04) -> VideoFacts:
    """Every picture, at its size and its time, and complete."""
    frames, facts = screened(path)
    assert (numbers(frames), facts.reasons, facts.decode_errors) == (list(range(count)), (), 0)
    np.testing.assert_allclose([frame.pts_seconds for frame in frames], np.arange(count) * step, atol=step)
    assert sizes is None or [frame.size_wh for frame in frames] == list(sizes)
    return facts


# Sizes and shapes.


@pytest.mark.parametrize(
    ("codec", "container", "options", "suffixes"),
    [
        ("libx264", "mpegts", None, ("mp4", "mkv", "mov", "flv", "avi", "nut")),
        ("libx265", "mpegts", X265, ("mp4", "mkv", "flv")),
        ("mpeg2video", "mpegts", MPEG, ("mkv", "avi", "mxf")),
        ("mpeg4", "mpegts", MPEG, ("mp4", "avi")),
        ("mjpeg", "mjpeg", {}, ("mov", "avi", "mkv")),
        ("libx264", "h264", None, ()),
        ("mpeg2video", "vob", MPEG, ()),
        ("libsvtav1", "obu", {"preset": "12"}, ()),
    ],
)
def test_each_picture_keeps_its_size(
    tmp_path: Path, codec: str, container: str, options: dict[str, str] | None, suffixes: tuple[str, ...]
) -> None:
    pixels = {"pixel_format": "yuvj420p"} if codec == "mjpeg" else {}
    parts = [part(tmp_path / f"{n}", 20 * n, 20, size, codec, container, options, **pixels) for n, size in enumerate((WIDE, TALL))]
    joined = strung(tmp_path / f"a.{'mjpg' if codec == 'mjpeg' else container}", *parts)
    for path in (joined, *(remuxed(joined, tmp_path / f"b.{suffix}") for suffix in suffixes)):
        facts = assert_all(path, sizes=[WIDE] * 20 + [TALL] * 20)
        assert "resolution_change" in facts.warnings and facts.reader == "pyav"


@pytest.mark.parametrize(
    ("codec", "suffix", "pixels"), [("prores", "mov", "yuv422p10le"), ("libvpx", "ivf", "yuv420p"), ("flv1", "flv", "yuv420p")]
)
def test_codecs_of_which_no_size_is_known_beforehand_too(tmp_path: Path, codec: str, suffix: str, pixels: str) -> None:
    parts = [
        write_clip(tmp_path / f"{n}.{suffix}", codec, 5, size_wh=size, pixel_format=pixels, options={"b": "2000k"})
        for n, size in enumerate((WIDE, TALL))
    ]
    path = tmp_path / f"a.{suffix}"
    with av.open(str(path), "w") as output:
        copy = None
        for number, clip in enumerate(parts):
            with av.open(str(clip)) as given:
                copy = copy or output.add_stream_from_template(given.streams.video[0])
                length = 5 * int(1 / (25 * given.streams.video[0].time_base))
                for packet in given.demux(video=0):
                    if packet.dts is not None:
                        packet.pts, packet.dts = packet.pts + number * length, packet.dts + number * length
                        packet.stream = copy
                        output.mux(packet)
    frames, facts = screened(path)
    assert [frame.size_wh for frame in frames] == [WIDE] * 5 + [TALL] * 5
    assert (facts.reasons, facts.reader) == ((), "pyav") and "resolution_change" in facts.warnings


def test_an_mp4_with_two_sample_descriptions(tmp_path: Path) -> None:
    clips = [
        write_clip(tmp_path / f"{n}.mp4", frames=20, size_wh=size, picture=flat(20 * n, size), options={"bf": "0"})
        for n, size in enumerate((WIDE, TALL))
    ]
    facts = assert_all(with_two_descriptions(tmp_path / "a.mp4", *clips), sizes=[WIDE] * 20 + [TALL] * 20)
    assert facts.warnings == ("resolution_change",)


@pytest.mark.parametrize("suffix", ["ts", "mp4", "mkv"])
@pytest.mark.parametrize(("codec", "options"), [("libx264", None), ("libx265", X265), ("mpeg2video", MPEG)])
def test_each_part_has_its_own_shape_of_pixels(tmp_path: Path, suffix: str, codec: str, options: dict[str, str] | None) -> None:
    shapes = ((96, Fraction(1, 1)), (72, Fraction(4, 3)))
    parts = [
        part(tmp_path / f"{n}", 20 * n, 20, (width, 72), codec, options=options, sample_aspect_ratio=ratio)
        for n, (width, ratio) in enumerate(shapes)
    ]
    path = strung(tmp_path / "a.ts", *parts)
    assert_all(path if suffix == "ts" else remuxed(path, tmp_path / f"a.{suffix}"), sizes=[(96, 72)] * 40)


# Fields.

FIELDS = [
    ("a.ts", "libx264", {"x264-params": "tff=1:bframes=2"}, "yuv420p", (96, 64)),
    ("a.mp4", "libx264", {"x264-params": "bff=1"}, "yuv420p", (96, 64)),
    ("a.mkv", "libx265", {"x265-params": "log-level=none:interlace=tff:no-asm=1"}, "yuv420p", (96, 64)),
    ("a.mpg", "mpeg2video", {"flags": "+ildct+ilme", "b": "4000k", "bf": "2"}, "yuv420p", (96, 64)),
    ("a.mxf", "mpeg2video", {"flags": "+ildct+ilme", "b": "4000k"}, "yuv420p", (96, 64)),
    ("a.avi", "mpeg4", {"flags": "+ildct+ilme", "b": "4000k"}, "yuv420p", (96, 64)),
    ("a.mov", "prores", {"flags": "+ildct"}, "yuv422p10le", (96, 64)),
    ("a.dv", "dvvideo", {}, "yuv420p", (720, 576)),
]


def woven(number: int, size_wh: tuple[int, int]) -> np.ndarray:
    """A bright bar whose place differs between the two fields."""
    picture = np.full((size_wh[1], size_wh[0], 3), 60, np.uint8)
    for line in range(size_wh[1]):
        start = (3 * (2 * number + line % 2)) % (size_wh[0] - 30)
        picture[line, start : start + 24] = 200
    return picture


def by_ffmpeg(path: Path) -> list[np.ndarray]:
    """The same pictures through FFmpeg's own graph, without screener."""
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    graph = Graph()
    source = graph.add_buffer(width=frames[0].width, height=frames[0].height, format=frames[0].format, time_base=Fraction(1, 25))
    graph.link_nodes(source, graph.add("yadif", "0:-1:1"), graph.add("buffersink")).configure()
    for frame in frames:
        graph.vpush(frame)
    graph.vpush(None)
    return [graph.vpull().reformat(format="bgr24", interpolation="BICUBIC").to_ndarray()[..., ::-1] for _ in frames]


@pytest.mark.parametrize(("name", "codec", "options", "pixels", "size_wh"), FIELDS, ids=[f"{row[1]} in {row[0][2:]}" for row in FIELDS])
def test_interlaced_pictures_are_made_whole(
    tmp_path: Path, name: str, codec: str, options: dict[str, str], pixels: str, size_wh: tuple[int, int]
) -> None:
    path = write_clip(
        tmp_path / name, codec, 12, size_wh=size_wh, options=options, pixel_format=pixels, picture=lambda number: woven(number, size_wh)
    )
    frames, facts = screened(path)
    assert (len(frames), facts.reasons, facts.decode_errors, facts.reader) == (12, (), 0, "pyav")
    assert "interlaced" in facts.warnings
    expected = by_ffmpeg(path)
    if codec != "dvvideo":  # whose pixels are not square
        for frame, other in zip(frames, expected, strict=True):
            assert np.abs(frame.picture_rgb.astype(int) - other).max() <= 1


def test_a_part_of_fields_in_the_middle_of_whole_frames(tmp_path: Path) -> None:
    for codec, whole, fields in (
        ("libx264", None, {"x264-params": "tff=1:keyint=10"}),
        ("mpeg2video", MPEG, {**MPEG, "flags": "+ildct+ilme"}),
    ):
        path = strung(
            tmp_path / f"{codec}.ts",
            part(tmp_path / "0", 0, codec=codec, options=whole),
            part(tmp_path / "1", 20, codec=codec, options=fields),
        )
        assert "interlaced" in assert_all(path).warnings


def test_pictures_without_a_word_are_nobodys_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that says it has a picture, and has written none."""
    path = write_clip(tmp_path / "a.mp4")
    monkeypatch.setattr("screener.video.readers.opencv.OpenCVReader.picture", lambda self: np.full((64, 96, 3), 7, np.uint8))
    frames, ledger = read(path, all_frames=True)
    assert (numbers(frames), ledger.reader, ledger.reasons) == (list(range(40)), "pyav", [])


# Orientation.


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv"])
@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
@pytest.mark.parametrize("mirrored", [False, True])
def test_all_eight_ways_to_hold_a_camera(tmp_path: Path, suffix: str, degrees: int, mirrored: bool) -> None:
    path = tmp_path / f"a.{suffix}"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        stream.set_display_rotation(degrees, hflip=mirrored)
        for number in range(3):
            frame = av.VideoFrame.from_ndarray(CORNERS, format="rgb24").reformat(format="yuv420p")
            frame.pts = number
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    turned = np.rot90(CORNERS, degrees // 90)
    expected = turned[:, ::-1] if mirrored else turned
    for look in (None, SeekPlan(equal_slices(1))):
        frames, facts = screened(path, look)
        assert_alike(frames[0], expected)
        assert facts.reasons == () and facts.size_wh == expected.shape[1::-1]


def assert_alike(frame: Frame, expected: np.ndarray) -> None:
    assert frame.picture_rgb.shape == expected.shape
    assert np.abs(frame.picture_rgb[4:-4:8, 4:-4:8].astype(int) - expected[4:-4:8, 4:-4:8]).mean() < 5


MESSAGES = {
    "rotate=90": np.rot90(CORNERS),
    "rotate=180": np.rot90(CORNERS, 2),
    "rotate=270": np.rot90(CORNERS, 3),
    "flip=horizontal": CORNERS[:, ::-1],
    "flip=vertical": CORNERS[::-1],
}


@pytest.mark.parametrize("orientation", MESSAGES)
def test_h264_that_says_itself_how_it_is_turned(tmp_path: Path, orientation: str) -> None:
    plain = write_clip(tmp_path / "plain.ts", frames=8, picture=corners, options={"bf": "2"})
    turned = with_message(plain, tmp_path / "a.ts", orientation)
    for path in (turned, remuxed(turned, tmp_path / "a.mp4"), remuxed(turned, tmp_path / "a.mkv")):
        frames, facts = screened(path)
        assert (len(frames), facts.reasons, facts.reader) == (8, (), "pyav")
        for frame in frames:
            assert_alike(frame, MESSAGES[orientation])


@pytest.mark.parametrize("suffix", ["ts", "mp4", "mkv"])
@pytest.mark.parametrize("orientation", ["rotate=90", "rotate=270"])
def test_a_message_holds_in_every_pass_for_the_pictures_after_it(tmp_path: Path, suffix: str, orientation: str) -> None:
    """The key picture alone carries it, and the wanted pictures lie between key pictures."""
    plain = write_clip(tmp_path / "plain.ts", frames=50, picture=corners, options={"bf": "2", "g": "50"})
    path = remuxed(with_message(plain, tmp_path / "turned.ts", orientation), tmp_path / f"a.{suffix}")
    for look, settings in ((None, {}), (None, {"all_frames": False, "frames": 4}), (SeekPlan(equal_slices(4)), {})):
        frames, facts = screened(path, look, **settings)
        assert len(frames) >= 4 and facts.reasons == ()
        for frame in frames:
            assert_alike(frame, MESSAGES[orientation])


def test_hevc_that_says_itself_how_it_is_turned(tmp_path: Path) -> None:
    plain = part(tmp_path / "plain", 0, codec="libx265", container="hevc", options=X265, picture=corners)
    (tmp_path / "a.hevc").write_bytes(with_hevc_message(plain, 4))
    frames, facts = screened(tmp_path / "a.hevc")
    assert (len(frames), facts.reasons) == (20, ())
    for frame in frames:
        assert_alike(frame, np.rot90(CORNERS))


def test_a_part_that_was_filmed_the_other_way_up(tmp_path: Path) -> None:
    plain = write_clip(tmp_path / "plain.ts", frames=20, picture=corners, options={"g": "10"})
    other = write_clip(tmp_path / "other.ts", frames=20, picture=corners, options={"g": "10", "bf": "1"})
    frames, _ = screened(strung(tmp_path / "a.ts", with_message(plain, tmp_path / "b.ts", "rotate=90").read_bytes(), other.read_bytes()))
    for frame in frames[:20]:
        assert_alike(frame, np.rot90(CORNERS))
    for frame in frames[20:]:
        assert_alike(frame, CORNERS)


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_a_turn_that_the_beginning_does_not_announce_is_not_passed_over(tmp_path: Path, suffix: str) -> None:
    """An index spares reading the packets, so that a message further on is met only when pictures there are looked at."""
    plain = write_clip(tmp_path / "plain.ts", picture=corners, options={"bf": "2", "g": "20"})
    turned = with_message(plain, tmp_path / "turned.ts", "rotate=90")
    path = remuxed(strung(tmp_path / "a.ts", plain.read_bytes(), turned.read_bytes()), tmp_path / f"a.{suffix}")
    for slices in (3, 8):
        frames, facts = screened(path, SeekPlan(equal_slices(slices)))
        assert facts.reasons == ("corrupt",) and facts.decode_errors > 0
        for frame in frames:
            assert_alike(frame, CORNERS)


# Parts.


@pytest.mark.parametrize(
    ("suffix", "codec", "options"),
    [
        ("mp4", "libx264", {}),
        ("mov", "mpeg4", {"b": "4000k"}),
        ("flv", "libx264", {"bf": "0"}),
        ("wmv", "wmv2", {"b": "4000k"}),
        ("nut", "mpeg4", {"b": "4000k"}),
        ("rm", "rv10", {"b": "4000k"}),
    ],
)
def test_a_second_file_behind_the_first_is_named(tmp_path: Path, suffix: str, codec: str, options: dict[str, str]) -> None:
    clips = [
        write_clip(tmp_path / f"{n}.{suffix}", codec, 20, size_wh=(176, 144), options=options, picture=flat(20 * n, (176, 144)))
        for n in range(2)
    ]
    assert not screened(clips[0])[1].reasons
    frames, facts = screened(strung(tmp_path / f"a.{suffix}", *(clip.read_bytes() for clip in clips)))
    assert set(range(20)) <= set(numbers(frames))
    assert "unread_part" in facts.reasons and "second_part" in facts.warnings


def test_joined_fragments_with_a_second_index_are_named(tmp_path: Path) -> None:
    options = {"movflags": "frag_keyframe+empty_moov"}
    parts = [part(tmp_path / f"{n}", 20 * n, container="mp4", container_options=options) for n in range(2)]
    frames, facts = screened(strung(tmp_path / "a.mp4", *parts))
    assert frames and "unread_part" in facts.reasons and "second_part" in facts.warnings


@pytest.mark.parametrize("live", [{}, {"live": "1"}])
@pytest.mark.parametrize(
    ("suffix", "codec", "options"),
    [
        ("mkv", "libx264", {"bf": "2"}),
        ("webm", "libvpx", {"b": "2000k"}),
        ("avi", "mpeg4", {"b": "4000k"}),
        ("ogg", "libvpx", {"b": "2000k"}),
    ],
)
def test_containers_that_are_read_on_into_the_second_file(
    tmp_path: Path, suffix: str, codec: str, options: dict[str, str], live: dict[str, str]
) -> None:
    more = live if suffix in ("mkv", "webm") else {}
    clips = [
        write_clip(tmp_path / f"{n}.{suffix}", codec, 20, options=options, picture=flat(20 * n, WIDE), container_options=more)
        for n in range(2)
    ]
    assert_all(strung(tmp_path / f"a.{suffix}", *(clip.read_bytes() for clip in clips)))


@pytest.mark.parametrize(("identifier", "programme"), [(0x200, 1), (0x200, 2), (0x100, 2)])
@pytest.mark.parametrize("late", [False, True])
def test_a_programme_that_comes_up_later(tmp_path: Path, identifier: int, programme: int, late: bool) -> None:
    """late: so far behind that no look at the beginning shows it."""
    big = {"size_wh": (320, 240), "options": {"qp": "4", "bf": "0"}, "picture": grain} if late else {}
    first = transport(tmp_path / "0", 0, frames=40 if late else 20, **big)
    path = strung(tmp_path / "a.ts", first, transport(tmp_path / "1", 20, identifier, programme))
    frames, facts = screened(path)
    if identifier == 0x100:
        assert len(frames) == (60 if late else 40) and facts.reasons == ()
    else:
        assert len(frames) == (40 if late else 20)
        assert facts.reasons == ("unread_part",) and "multi_video" in facts.warnings


def grain(number: int) -> np.ndarray:
    return np.random.default_rng(number).integers(0, 255, (240, 320, 3), np.uint8)


@pytest.mark.parametrize(
    ("suffix", "sizes", "marked", "shown"),
    [("mkv", (WIDE, WIDE), (1,), 1), ("mp4", ((32, 32), WIDE), (0, 1), 1), ("mkv", (WIDE, WIDE), (), 0), ("ts", (WIDE, (128, 64)), (), 1)],
    ids=["the second is the default", "a thumbnail comes first", "two alike", "the second is larger"],
)
def test_the_track_that_players_show_is_judged_and_the_other_named(
    tmp_path: Path, suffix: str, sizes: Sequence[tuple[int, int]], marked: Sequence[int], shown: int
) -> None:
    path = tmp_path / f"a.{suffix}"
    with av.open(str(path), "w") as output:
        streams = []
        for number, (width, height) in enumerate(sizes):
            stream = output.add_stream("mpeg4", rate=25, options={"b": "4000k"})
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            stream.disposition = Disposition.default if number in marked else Disposition(0)
            streams.append(stream)
        for number in range(10):
            for at, (stream, size_wh) in enumerate(zip(streams, sizes, strict=True)):
                frame = av.VideoFrame.from_ndarray(flat(10 * at, size_wh)(number), format="rgb24").reformat(format="yuv420p")
                frame.pts = number
                output.mux(stream.encode(frame))
        for stream in streams:
            output.mux(stream.encode())
    frames, facts = screened(path)
    assert numbers(frames) == list(range(10 * shown, 10 * shown + 10))
    assert facts.reasons == ("unread_part",) and "multi_video" in facts.warnings


def test_what_an_edit_list_hides_is_judged_whatever_the_look(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "a.mp4", options={"bf": "2", "g": "20"})
    path = edited(source, tmp_path / "b.mp4", 400, 25)
    for look in (None, SeekPlan(equal_slices(16))):
        frames, facts = screened(path, look)
        assert numbers(frames) == list(range(40))
        assert [round(frame.pts_seconds * 25) for frame in frames] == list(range(-25, 15))
        assert (facts.reasons, facts.warnings) == ((), ("hidden_pictures",))


# Clocks and cuts.


@pytest.mark.parametrize("seconds", [5, 40, 3600, 90000])
def test_a_clock_that_leaps_ahead_where_recordings_were_joined(tmp_path: Path, seconds: int) -> None:
    path = strung(tmp_path / "a.ts", part(tmp_path / "0", 0), shifted_clock(part(tmp_path / "1", 20), seconds))
    facts = assert_all(path)
    assert set(facts.warnings) == {"clock_jump", "end_unverified"} and facts.duration_seconds == pytest.approx(1.6)


def test_a_pause_in_a_single_recording_is_no_loss(tmp_path: Path) -> None:
    """Where pictures are coded in another order than shown, two before the pause are coded with the time of those after it."""
    times = [*range(0, 1000, 40), *range(301_000, 301_600, 40)]
    path = write_clip(tmp_path / "a.ts", milliseconds=times, options={"bf": "2", "g": "12"})
    facts = assert_all(path)
    assert set(facts.warnings) == {"clock_jump", "end_unverified"}


def test_a_clock_that_leaps_to_and_fro(tmp_path: Path) -> None:
    parts = [shifted_clock(part(tmp_path / f"{n}", 20 * n), seconds) for n, seconds in enumerate((40, 0, 900))]
    facts = assert_all(strung(tmp_path / "a.ts", *parts), 60)
    assert {"clock_jump", "nonmonotonic"} <= set(facts.warnings)


def test_recordings_whose_time_goes_on_are_joined_without_a_seam(tmp_path: Path) -> None:
    path = strung(tmp_path / "a.ts", part(tmp_path / "0", 0), shifted_clock(part(tmp_path / "1", 20), 0.8))
    assert assert_all(path).warnings == ("end_unverified",)


GROUPS = "keyint=12:min-keyint=12:bframes=3:scenecut=0"
OPEN_GROUPS = {
    "h264": ("libx264", {"x264-params": "open-gop=1:keyint=12:min-keyint=12:bframes=3:scenecut=0"}, 24),
    "hevc": ("libx265", {"x265-params": "log-level=none:open-gop=1:keyint=12:min-keyint=12:bframes=3:scenecut=0"}, 24),
    "hevc, leading pictures that can be shown": (
        "libx265",
        {"x265-params": "log-level=none:open-gop=0:radl=2:keyint=12:min-keyint=12:bframes=3:scenecut=0"},
        22,
    ),
    "mpeg2": ("mpeg2video", {"b": "4000k", "g": "12", "bf": "2"}, 27),
}
"""Encoder, its options, and the first picture that can be shown of a cut at one second."""


@pytest.mark.parametrize("suffix", ["mkv", "mp4", "mov", "ts"])
@pytest.mark.parametrize("what", OPEN_GROUPS)
def test_pictures_that_refer_to_what_was_cut_off_are_not_missed(tmp_path: Path, what: str, suffix: str) -> None:
    codec, options, first = OPEN_GROUPS[what]
    if (codec, suffix) == ("libx264", "ts"):
        pytest.skip("a bare stream loses its parameter sets on the way from MP4 to a transport stream here")
    whole = write_clip(tmp_path / "whole.mp4", codec, 60, options=options)
    frames, facts = screened(cut(whole, tmp_path / f"a.{suffix}", 1.0))
    assert numbers(frames) == list(range(first, 60))
    assert (facts.reasons, facts.decode_errors) == ((), 0)
    steps = np.diff([frame.pts_seconds for frame in frames])
    assert steps.max() < 0.05 and frames[0].pts_seconds in (0.0, pytest.approx(-0.08))


OPEN_AT_TWELVE = "keyint=12:min-keyint=12:bframes=3:b-adapt=0:scenecut=0:open-gop=1"
X26 = {"libx264": {"x264-params": OPEN_AT_TWELVE}, "libx265": {"x265-params": f"log-level=none:{OPEN_AT_TWELVE}"}}


def cut_to_zero(tmp_path: Path, codec: str = "libx264") -> Path:
    """Matroska of the pictures 24 to 59 of a clip, the key picture at 0 and those that precede it on screen before 0."""
    whole = write_clip(tmp_path / "whole.mp4", codec, 60, options=X26[codec])
    return cut(whole, tmp_path / "a.mkv", 1.0, shows_key_at_zero=True)


@pytest.mark.parametrize("look", [None, SeekPlan(equal_slices(4))], ids=["in order", "looks"])
@pytest.mark.parametrize("codec", X26)
def test_matroska_whose_leading_pictures_have_times_before_the_beginning(tmp_path: Path, codec: str, look: SeekPlan | None) -> None:
    path = cut_to_zero(tmp_path, codec)
    with av.open(str(path)) as container:
        assert [packet.pts for packet in container.demux(video=0)][:5] == [0, None, None, None, 160]
    frames, facts = screened(path, look)
    assert numbers(frames) == list(range(24, 60))
    assert (facts.reasons, facts.decode_errors) == ((), 0)
    np.testing.assert_allclose([frame.pts_seconds for frame in frames], np.arange(36) * 0.04, atol=0.001)


def test_a_picture_lost_after_a_cut_is_still_missed(tmp_path: Path) -> None:
    path = cut_to_zero(tmp_path)
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        lost = bytes(packets[20])
    at = data.index(lost)
    data[at : at + len(lost)] = bytes(len(lost))
    path.write_bytes(data)
    frames, facts = screened(path)
    assert len(frames) < 36 and facts.reasons == ("corrupt",) and facts.decode_errors > 0


def test_pictures_without_a_time_after_a_key_picture_that_begins_anew_are_missed(tmp_path: Path) -> None:
    """No picture after such a one refers to what was before it, so where they cannot be decoded they were lost."""
    source = write_clip(tmp_path / "whole.mp4", frames=24, options={"x264-params": "keyint=24:bframes=3:b-adapt=0:scenecut=0"})
    path = without_times(source, tmp_path / "a.mkv", range(1, 4), are_spoilt=True)
    with av.open(str(path)) as container:
        assert [packet.pts is None for packet in container.demux(video=0)][:5] == [False, True, True, True, False]
    _, facts = screened(path)
    assert facts.reasons == ("corrupt",) and facts.decode_errors >= 3


def without_leading(tmp_path: Path) -> Path:
    """MP4 that begins with a key picture of an open group, followed by pictures that can all be shown."""
    whole = write_clip(tmp_path / "whole.mp4", frames=60, options=X26["libx264"], picture=noise)
    begun = cut(whole, tmp_path / "cut.mp4", 1.0)
    return left_out(begun, tmp_path / "b.mp4", {1, 2, 3})


@pytest.mark.parametrize("lost", [range(1, 2), range(2, 3), range(1, 5)])
def test_a_picture_without_a_time_that_others_refer_to_is_missed(tmp_path: Path, lost: range) -> None:
    frames, facts = screened(without_times(without_leading(tmp_path), tmp_path / "a.mkv", lost, are_spoilt=True))
    assert len(frames) < 36 and facts.reasons == ("corrupt",)


def test_pictures_without_a_time_that_can_be_shown_are_expected(tmp_path: Path) -> None:
    """Else as many of the others could be lost unnoticed."""
    source = left_out(without_leading(tmp_path), tmp_path / "c.mp4", {1})  # B pictures come right after the key picture
    path = without_times(source, tmp_path / "a.mkv", range(1, 4), are_spoilt=False)
    with av.open(str(path)) as container:
        assert [packet.pts is None for packet in container.demux(video=0)][:6] == [False, True, True, True, False, False]
    with av.open(str(path)) as container:
        given_out = len(list(container.decode(video=0)))
    timeline = read_facts(path, "a.mkv").timeline
    assert timeline is not None and len(timeline.seconds) >= given_out


# Colours.


@pytest.mark.parametrize("transfer", ["smpte2084", "arib-std-b67"])
def test_high_dynamic_range_is_shown_one_way(tmp_path: Path, transfer: str) -> None:
    options = {"x265-params": f"log-level=none:keyint=8:transfer={transfer}:colorprim=bt2020:colormatrix=bt2020nc"}
    path = write_clip(tmp_path / "a.mp4", "libx265", 16, pixel_format="yuv420p10le", options=options, picture=noise)
    ordinary, facts = screened(path)
    assert facts.warnings == ("hdr",) and facts.reader == "pyav" and facts.reasons == ()
    looked, _ = screened(path, SeekPlan(equal_slices(4)))
    for frame in looked:
        (same,) = [other for other in ordinary if other.index == frame.index]
        assert np.abs(frame.picture_rgb.astype(int) - same.picture_rgb).max() <= 1


def test_a_container_alone_may_say_that_colours_are_high_dynamic_range(tmp_path: Path) -> None:
    def written(name: str, transfer: int) -> list[Frame]:
        path = tmp_path / name
        with av.open(str(path), "w") as output:
            stream = output.add_stream("ffv1", rate=25)
            stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p10le"
            stream.codec_context.color_trc, stream.codec_context.color_primaries, stream.codec_context.colorspace = transfer, 9, 9
            frame = av.VideoFrame.from_ndarray(noise(0), format="rgb24").reformat(format="yuv420p10le")
            frame.pts = 0
            output.mux([*stream.encode(frame), *stream.encode()])
        frames, facts = screened(path)
        assert (facts.reader, "hdr" in facts.warnings) == ("pyav", transfer == 16)
        return frames

    (as_pq,), (as_usual,) = written("pq.mkv", 16), written("usual.mkv", 1)
    assert np.abs(as_pq.picture_rgb.astype(int) - as_usual.picture_rgb).mean() > 10


def test_levels_survive(tmp_path: Path) -> None:
    """So that the numbers that these tests read off pictures mean something."""
    frames, _ = screened(write_clip(tmp_path / "a.mp4", frames=3))
    assert [round(float(frame.picture_rgb.mean())) for frame in frames] == pytest.approx([level(n) for n in range(3)], abs=1)
