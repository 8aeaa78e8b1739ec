"""Few pictures of a file answer for all of it only where a seek finds every one; else it is read from end to end, and what is said of it is
what any scan says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from odd_media import flat, left_out, part, shifted_clock, strung, transport, with_edits, with_stated_duration
from video_media import noise, number_of, read, write_clip

from screener.records import Frame, VideoFacts
from screener.settings import ScanSettings
from screener.video import SeekPlan, equal_slices, file_source, open_video
from screener.video.container import looks
from screener.video.readers.choice import decode
from screener.video.readers.seeking import SeekingReader

GROUPS = {"g": "10", "bf": "2"}
MPEG2 = {**GROUPS, "b": "4000k"}


def looked(path: Path, slices: int = 40, **settings: object) -> tuple[list[Frame], VideoFacts]:
    """In a decoding process, as a scan until it is sure looks at it."""
    with open_video(file_source(path), ScanSettings(**settings), SeekPlan(equal_slices(slices))) as video:  # type: ignore[arg-type]
        frames = sorted(video.frames(), key=lambda frame: frame.pts_seconds)
        return frames, video.facts


def numbers(frames: list[Frame]) -> list[int]:
    return [number_of(frame.picture_rgb) for frame in frames]


def assert_timed(frames: list[Frame], rate: int = 25) -> None:
    assert [round(frame.pts_seconds * rate) for frame in frames] == numbers(frames)


def assert_read_like_any_scan(path: Path, **settings: object) -> VideoFacts:
    frames, facts = looked(path, 16, **settings)
    ordinary, ledger = read(path, **settings)
    assert [(frame.index, frame.pts_seconds) for frame in frames] == [(frame.index, frame.pts_seconds) for frame in ordinary]
    assert (facts.reasons, facts.warnings) == (tuple(ledger.reasons), tuple(ledger.warnings))
    return facts


@pytest.mark.parametrize(
    ("suffix", "codec", "options"),
    [
        ("ts", "libx264", GROUPS),
        ("ts", "mpeg2video", MPEG2),
        ("mpg", "mpeg2video", MPEG2),
        ("vob", "mpeg2video", MPEG2),
        ("flv", "libx264", GROUPS),
    ],
)
def test_the_first_group_of_pictures_is_found_where_seeks_go_by_decoding_times(
    tmp_path: Path, suffix: str, codec: str, options: dict[str, str]
) -> None:
    frames, facts = looked(write_clip(tmp_path / f"a.{suffix}", codec, options=options))
    assert numbers(frames) == list(range(40)) and facts.reasons == () and "sparse" in facts.warnings
    assert_timed(frames)


@pytest.mark.parametrize("seconds", [0.0, 0.4, 3600.0])
@pytest.mark.parametrize("size_wh", [(96, 64), (64, 96)])
def test_strung_recordings_are_read_to_the_end(tmp_path: Path, seconds: float, size_wh: tuple[int, int]) -> None:
    """Their times may be those of the first, lie between them, or be of another day."""
    second = shifted_clock(part(tmp_path / "1", 20, size_wh=size_wh), seconds)
    path = strung(tmp_path / "a.ts", part(tmp_path / "0", 0), second)
    facts = assert_read_like_any_scan(path, all_frames=True)
    assert facts.frames_sampled == 40 and "sparse" not in facts.warnings


@pytest.mark.parametrize("frames", [8, 20])
def test_a_sample_reaches_every_part_however_short(tmp_path: Path, frames: int) -> None:
    path = strung(tmp_path / "a.ts", *(part(tmp_path / f"{n}", 20 * n, frames) for n in range(3)))
    sampled, _ = read(path, frames=6)
    assert [number_of(frame.picture_rgb) // 20 for frame in sampled] == [0, 0, 1, 1, 2, 2]
    everything, _ = read(path, all_frames=True)
    assert [round(frame.pts_seconds * 25) for frame in everything] == list(range(3 * frames))


def test_a_picture_that_comes_out_with_the_next_part_keeps_to_its_own(tmp_path: Path) -> None:
    """The clock of a program stream that starts anew at zero counts as one that has passed its largest number."""
    parts = [part(tmp_path / f"{n}", 20 * n, codec="mpeg2video", container="mpeg", options=MPEG2) for n in range(2)]
    path = strung(tmp_path / "a.mpg", shifted_clock(parts[0], 100, "mpeg"), parts[1])
    frames, ledger = read(path, all_frames=True)
    assert numbers(frames) == list(range(40)) and "clock_jump" in ledger.warnings
    assert_timed(frames)


@pytest.mark.parametrize(("identifier", "programme"), [(0x200, 1), (0x200, 2)])
def test_a_programme_that_comes_up_later_is_said_whatever_the_look(tmp_path: Path, identifier: int, programme: int) -> None:
    path = strung(tmp_path / "a.ts", transport(tmp_path / "0", 0), transport(tmp_path / "1", 20, identifier, programme))
    frames, facts = looked(path)
    assert numbers(frames) == list(range(20)) and "multi_video" in facts.warnings
    assert facts.reasons == tuple(read(path)[1].reasons) == ("unread_part",)


def test_an_edit_list_that_leaves_out_the_middle_hides_nothing(tmp_path: Path) -> None:
    path = with_edits(write_clip(tmp_path / "a.mp4", options=GROUPS), tmp_path / "b.mp4", (400, 0), (800, 20))
    frames, facts = looked(path, all_frames=True)
    assert numbers(frames) == list(range(40)) and "hidden_pictures" in facts.warnings
    assert_timed(frames)


@pytest.mark.parametrize(
    ("suffix", "codec", "options", "frames"),
    [("wmv", "mpeg2video", MPEG2, 40), ("wmv", "libx264", {"g": "10", "bf": "0"}, 40), ("mxf", "libx264", GROUPS, 40)],
)
def test_times_of_coding_are_put_in_the_order_of_showing(
    tmp_path: Path, suffix: str, codec: str, options: dict[str, str], frames: int
) -> None:
    found, facts = looked(write_clip(tmp_path / f"a.{suffix}", codec, frames, options=options), all_frames=True)
    assert numbers(found) == list(range(frames)) and facts.reasons == ()
    assert all(abs(frame.pts_seconds * 25 - number) <= 1.01 for number, frame in enumerate(found))


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_pictures_without_a_time_lie_between_those_that_have_one(tmp_path: Path, codec: str) -> None:
    quiet = {"x265-params": "log-level=none:pools=none:keyint=8"} if codec == "libx265" else {}
    path = write_clip(tmp_path / "a.mpg", codec, 24, options={"g": "8", "bf": "2", **quiet})
    frames, ledger = read(path, all_frames=True)
    assert numbers(frames) == list(range(24)) and "variable_rate" not in ledger.warnings
    assert_timed(frames)
    assert [frame.index for frame in read(path, frames=8)[0]] == list(range(1, 24, 3))
    assert_read_like_any_scan(path)


def test_a_second_index_leaves_room_for_what_is_not_read(tmp_path: Path) -> None:
    """Of the second file the demuxer throws away the pictures that the first one's edit list hides."""
    make: dict[str, Any] = {
        "codec": "mpeg4",
        "container": "mp4",
        "container_options": {"movflags": "frag_keyframe+empty_moov"},
        "options": {"g": "8", "b": "4000k"},
    }
    path = strung(tmp_path / "a.mp4", *(part(tmp_path / f"{n}", 0, 24, picture=noise, **make) for n in range(2)))
    frames, facts = looked(path, all_frames=True)
    assert "unread_part" in facts.reasons
    assert [round(frame.pts_seconds * 25) for frame in frames] == [*range(24), *range(32, 48)]


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "flv"])
def test_pictures_before_the_first_key_picture_are_missed(tmp_path: Path, suffix: str) -> None:
    """A seek passes over them."""
    source = write_clip(tmp_path / f"a.{suffix}", options={"g": "10", "bf": "0"})
    path = left_out(source, tmp_path / f"b.{suffix}", range(6))
    assert_read_like_any_scan(path)
    assert "corrupt" in looked(path)[1].reasons


@pytest.mark.parametrize("numbers", [(4, 5), (12, 13), (20, 21)])
def test_pictures_that_never_came_are_missed(tmp_path: Path, numbers: tuple[int, ...]) -> None:
    """A decoder gives out others in a wrong order, and says nothing."""
    source = write_clip(tmp_path / "a.mp4", picture=noise, options={"g": "8", "bf": "2", "preset": "ultrafast"})
    whole, facts = looked(source)
    assert len(whole) >= 36 and facts.reasons == ()
    frames, facts = looked(left_out(source, tmp_path / "b.mp4", numbers))
    assert facts.reasons == ("corrupt",) and facts.decode_errors > 0 and 0 < len(frames) < len(whole)


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_a_picture_that_others_refer_to_was_left_out(tmp_path: Path, suffix: str) -> None:
    """The decoder predicts from another one without a word, and without B pictures their order stays right: H.264 counts such pictures."""
    source = write_clip(tmp_path / f"a.{suffix}", picture=noise, options={"g": "20", "bf": "0"})
    whole, facts = looked(source)
    assert len(whole) == 40 and facts.reasons == ()
    for number in (3, 25):
        frames, facts = looked(left_out(source, tmp_path / f"{number}.{suffix}", [number]))
        assert facts.reasons == ("corrupt",) and 0 < len(frames) < 39


def test_a_file_is_walked_once_for_all_its_looks_until_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    walked: list[Path] = []
    walk = looks.read_facts
    monkeypatch.setattr(looks, "read_facts", lambda path, *rest: walked.append(path) or walk(path, *rest))
    path = write_clip(tmp_path / "a.ts", options=GROUPS)
    for _ in range(3):
        assert "sparse" in decode(file_source(path), ScanSettings(), look=SeekPlan(equal_slices(4))).ledger.warnings
    assert walked == [path]
    strung(path, part(tmp_path / "0", 0), part(tmp_path / "1", 20))
    assert "sparse" not in decode(file_source(path), ScanSettings(), look=SeekPlan(equal_slices(4))).ledger.warnings
    assert walked == [path, path]


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_what_has_an_index_is_not_walked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str) -> None:
    monkeypatch.setattr(looks, "read_facts", None)
    path = write_clip(tmp_path / f"a.{suffix}", options=GROUPS, picture=flat(0, (96, 64)))
    assert "sparse" in decode(file_source(path), ScanSettings(), look=SeekPlan(equal_slices(4))).ledger.warnings


NO_CHECKSUMS = {"write_crc32": "0"}
INDEXED = [("mp4", "libx264", {}), ("mkv", "libx264", NO_CHECKSUMS), ("webm", "libvpx", NO_CHECKSUMS)]
FRAGMENTS = ("mp4", "libx264", {"movflags": "frag_keyframe"})


@pytest.mark.parametrize(("suffix", "codec", "container_options"), [*INDEXED, FRAGMENTS])
@pytest.mark.parametrize("keys_every", ["10", "72"])
def test_pictures_after_the_stated_end_are_not_passed_over(
    tmp_path: Path, suffix: str, codec: str, container_options: dict[str, str], keys_every: str
) -> None:
    source = write_clip(tmp_path / f"a.{suffix}", codec, 72, options={"g": keys_every}, container_options=container_options)
    frames, facts = looked(with_stated_duration(source, tmp_path / f"b.{suffix}", 1 / 3), 24)
    assert facts.reasons == () and facts.duration_seconds == pytest.approx(72 / 25, abs=0.01)
    assert max(numbers(frames)) >= 68


@pytest.mark.parametrize(("suffix", "codec", "container_options"), INDEXED)
def test_a_file_that_holds_more_than_it_states_is_read_like_any_scan(
    tmp_path: Path, suffix: str, codec: str, container_options: dict[str, str]
) -> None:
    source = write_clip(tmp_path / f"a.{suffix}", codec, 72, options={"g": "10"}, container_options=container_options)
    facts = assert_read_like_any_scan(with_stated_duration(source, tmp_path / f"b.{suffix}", 1 / 3))
    assert "sparse" not in facts.warnings


@pytest.mark.parametrize(("suffix", "codec", "container_options"), INDEXED)
def test_a_little_more_than_stated_is_looked_at_too(tmp_path: Path, suffix: str, codec: str, container_options: dict[str, str]) -> None:
    source = write_clip(tmp_path / f"a.{suffix}", codec, 20, options={"g": "10"}, container_options=container_options)
    frames, facts = looked(with_stated_duration(source, tmp_path / f"b.{suffix}", 0.5), 20)
    assert [round(frame.pts_seconds * 25) for frame in frames] == list(range(20))
    assert facts.reasons == () and "sparse" in facts.warnings


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_an_honest_file_is_asked_for_the_last_group_of_pictures_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str) -> None:
    path = write_clip(tmp_path / f"a.{suffix}", frames=72, options={"g": "12"})
    asked: list[float] = []
    end_of = SeekingReader._end_of
    monkeypatch.setattr(SeekingReader, "_end_of", lambda self, packet: asked.append(packet.pts) or end_of(self, packet))
    assert "sparse" in decode(file_source(path), ScanSettings(), look=SeekPlan(equal_slices(4))).ledger.warnings
    assert 12 <= len(asked) <= 13


def late(source: Path, target: Path, seconds: float) -> Path:
    """The same recording with a clock that runs since some time, as of a stream that was joined late."""
    with av.open(str(source)) as given, av.open(str(target), "w", options=NO_CHECKSUMS) as output:
        copies = {stream.index: output.add_stream_from_template(stream) for stream in given.streams}
        for packet in given.demux():
            if packet.dts is not None:
                ticks = round(seconds / packet.time_base)
                packet.pts, packet.dts = packet.pts + ticks, packet.dts + ticks
                packet.stream = copies[packet.stream_index]
                output.mux(packet)
    return target


@pytest.mark.parametrize("seconds", [0.0, 7.0, 50_000.0])
@pytest.mark.parametrize("audio_seconds", [0.0, 6.0])
def test_in_matroska_the_video_lasts_as_long_as_its_own_pictures(tmp_path: Path, seconds: float, audio_seconds: float) -> None:
    """The header states when the longest stream ends, on a clock that may have begun long before."""
    source = write_clip(tmp_path / "a.mp4", options=GROUPS, audio_seconds=audio_seconds)
    frames, facts = looked(late(source, tmp_path / "b.mkv", seconds), 8)
    assert (len(frames), facts.reasons) == (8, ()) and "sparse" in facts.warnings
    assert facts.duration_seconds == pytest.approx(1.6, abs=0.1) and frames[-1].pts_seconds > 1.4


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_where_a_key_picture_is_refreshed_part_by_part_the_file_is_read_in_order(tmp_path: Path, suffix: str) -> None:
    """Decoding from the middle, x264's intra refresh shows nothing until all of the picture came anew."""
    options = {"x264-params": "intra-refresh=1:keyint=20:bframes=0"}
    path = write_clip(tmp_path / f"a.{suffix}", frames=72, picture=noise_at, options=options)
    facts = assert_read_like_any_scan(path)
    assert facts.reasons == () and "sparse" not in facts.warnings


def noise_at(number: int) -> np.ndarray:
    return noise(number % 60)


def test_in_matroska_a_stated_end_that_no_stream_reaches_is_missed(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "a.mp4", options=GROUPS, audio_seconds=1.6)
    path = late(source, tmp_path / "b.mkv", 0.0)
    _, facts = looked(with_stated_duration(path, tmp_path / "c.mkv", 3.0), 8)
    assert facts.reasons == ("truncated",)


def test_an_end_that_cannot_be_read_is_not_taken_for_the_stated_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_off(self: SeekingReader, packet: object) -> float:
        raise av.error.InvalidDataError(1, "broken")

    path = write_clip(tmp_path / "a.mp4", options=GROUPS)
    monkeypatch.setattr(SeekingReader, "_end_of", break_off)
    assert "sparse" not in decode(file_source(path), ScanSettings(), look=SeekPlan(equal_slices(4))).ledger.warnings


def test_where_time_is_too_short_for_a_walk_pictures_are_seen_and_the_rest_is_not_vouched_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_clip(tmp_path / "a.ts", options=GROUPS)
    clock = iter(range(1000))
    monkeypatch.setattr(looks.time, "monotonic", lambda: float(next(clock)))
    look = SeekPlan(equal_slices(4))
    limited = decode(file_source(path), ScanSettings(time_limit_seconds=2), look=look)
    unlimited = decode(file_source(path), ScanSettings(), look=look)
    assert limited.ledger.reasons == ["limit_time"] and "sparse" in limited.ledger.warnings
    assert unlimited.ledger.reasons == []
