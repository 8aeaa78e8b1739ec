"""The process that decodes on a card: its limits, that it is kept apart from others, and what comes of a card that is missing or fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import card_stand_in as stand_in
import numpy as np
import pytest
from av.codec import CodecContext
from video_media import noise, read, write_clip

from screener.errors import DeviceError, SourceError
from screener.settings import ScanSettings
from screener.video import SeekPlan, equal_slices, open_video, start_decoder
from screener.video.container.policy import Plan
from screener.video.ledger import Complaints
from screener.video.readers import nvdec_card, sequential
from screener.video.readers.nvdec_card import TRIAL_COLOUR, TRIAL_LEVEL
from screener.video.sandbox import child
from screener.video.sandbox.decoded_video import Video, _Worker
from screener.video.sources import file_source

ON_CARD = ScanSettings(all_frames=True, decoder="cuda", decoder_memory_mb=1536)
ON_CPU = ScanSettings(all_frames=True)


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    _Worker.kill_idle()
    yield
    _Worker.kill_idle()  # no process with a stand-in is left for other tests


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "clip.mp4", frames=10)


def put(monkeypatch: pytest.MonkeyPatch, script: str = "", more: str = "") -> None:
    """Give every new decoding process the stand-in for a card. more: statements that it runs before it serves."""
    start = stand_in.START.replace("{script}", script)
    monkeypatch.setattr(child, "START", start.replace("; main()", f"\n{more}\nmain()"))


def pid(video: Video) -> int:
    return video._worker.child.popen.pid


def read_on_card(path: Path) -> tuple[int, str, tuple[str, ...], int]:
    with open_video(file_source(path), ON_CARD) as video:
        return len(list(video.frames())), video.facts.reader, video.facts.reasons, pid(video)


def test_frames_come_home_and_the_process_is_kept(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(monkeypatch)
    start_decoder(ON_CARD)
    first, second = read_on_card(clip), read_on_card(clip)
    assert first == second == (10, "nvdec", (), first[3])


def test_a_process_that_has_opened_a_card_decodes_for_nobody_else(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(monkeypatch)
    on_card = read_on_card(clip)[3]
    with open_video(file_source(clip), ON_CPU) as video:
        assert len(list(video.frames())) == 10
        on_cpu = pid(video)
    assert on_cpu != on_card
    assert read_on_card(clip)[3] == on_card


def test_what_may_be_written_to_is_limited_and_addresses_are_not(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(monkeypatch)
    with open_video(file_source(clip), ON_CARD) as video:
        found = Path(f"/proc/{pid(video)}/limits")
        if not found.exists():
            pytest.skip("this system does not show the limits of a process")
        rows = {line[:26].strip(): line[26:].split()[0] for line in found.read_text().splitlines()[1:]}
    assert rows["Max data size"] == str(1536 << 20)
    assert rows["Max address space"] != str(1536 << 20)


RESERVE = "import mmap; held = mmap.mmap(-1, 64 << 30, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=0)"
"""As the driver of a card does: addresses, and no memory behind them."""


@pytest.mark.parametrize(
    ("does", "reason"),
    [(RESERVE, None), ("held = []\n    while True: held.append(bytearray(64 << 20))", "decoder_crash")],
    ids=["reserves", "allocates"],
)
def test_the_memory_limit_holds_and_leaves_room_for_the_driver(
    clip: Path, monkeypatch: pytest.MonkeyPatch, does: str, reason: str | None
) -> None:
    pytest.importorskip("resource", reason="this system limits no process")
    first = f"def first(*given):\n    {does}\n    return decode(*given)"
    put(monkeypatch, more=f"import screener.video.sandbox.worker as w\ndecode = w.decode\n{first}\nw.decode = first")
    if reason is None:
        assert read_on_card(clip)[0] == 10
        return
    with pytest.raises(SourceError) as caught:
        open_video(file_source(clip), ON_CARD)
    assert caught.value.reason == reason


def test_a_process_whose_card_failed_is_replaced(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(monkeypatch, script="stand_in.failing_from(5)")
    first, second = read_on_card(clip), read_on_card(clip)
    assert first[:3] == second[:3] == (10, "nvdec+pyav", ())
    assert first[3] != second[3]


def test_a_process_whose_card_failed_on_what_nobody_can_read_is_replaced_too(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = (
        "import screener.video.readers.sequential as s\ns._OPENERS.update(dict.fromkeys(('opencv', 'pyav', 'careful'), lambda self: None))"
    )
    put(monkeypatch, script="stand_in.failing_from(0)", more=nobody)
    with pytest.raises(SourceError, match="none of its 10"), open_video(file_source(clip), ON_CARD) as video:
        list(video.frames())
    assert not _Worker._idle


GONE = (
    "from screener.errors import DeviceError\n"
    "def gone(*given): raise DeviceError('decoder cuda: the card cannot be opened any more')\n"
    "CARD.{what} = gone"
)


@pytest.mark.parametrize("what", ["hold", "open"])
def test_a_card_that_is_gone_ends_the_run(clip: Path, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    put(monkeypatch, more=GONE.format(what=what))
    with pytest.raises(DeviceError, match="any more"), open_video(file_source(clip), ON_CARD) as video:
        list(video.frames())
    assert not _Worker._idle


def test_a_process_that_dies_of_its_card_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    put(monkeypatch, more="import os\nCARD.hold = lambda complaints: os._exit(3)")
    with pytest.raises(DeviceError, match=r"exit status 3.*--decoder cpu"):
        start_decoder(ON_CARD)


def test_without_a_card_nothing_is_opened(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    for attempt in (lambda: start_decoder(ON_CARD), lambda: open_video(file_source(clip), ON_CARD)):
        with pytest.raises(DeviceError, match=r"no NVIDIA card here decodes video.*--decoder cpu"):
            attempt()
    with open_video(file_source(clip), ON_CPU) as video:
        assert len(list(video.frames())) == 10


def test_looks_at_single_frames_stay_with_the_cpu(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(monkeypatch, script="stand_in.failing_from(0)")
    with open_video(file_source(clip), ON_CARD, SeekPlan(equal_slices(4))) as video:
        assert len(list(video.frames())) == 4
    assert video.facts.reader == "pyav" and "damage_unverified" not in video.facts.warnings


class Trial:
    """Takes the place of `CodecContext` where the trial picture is decoded, and gives it as a card would; or what `change` makes of it."""

    def __init__(self, change: Callable[[list[Any]], list[Any]] = lambda frames: frames) -> None:
        self._change = change

    def create(self, name: str, mode: str, hwaccel: object) -> Trial:
        assert hwaccel is not None
        self._context = CodecContext.create(name, mode)
        return self

    def decode(self, packet: Any) -> list[Any]:
        return self._change([stand_in.CardFrame(frame, []) for frame in self._context.decode(packet)])


TRIALS: dict[str, tuple[Callable[[list[Any]], list[Any]], str | None]] = {
    "sound": (lambda frames: frames, None),
    "no picture": (lambda frames: [], "not decoded on it"),
    "decoded by the CPU": (lambda frames: [stand_in.CardFrame(f._frame, [], "yuv420p") for f in frames], "not decoded on it"),
    "another brightness": (lambda frames: [flat(TRIAL_LEVEL + 1, TRIAL_COLOUR) for _ in frames], "came out wrong"),
    "another colour": (lambda frames: [flat(TRIAL_LEVEL, TRIAL_COLOUR - 1) for _ in frames], "came out wrong"),
}


def flat(brightness: int, colour: int) -> stand_in.CardFrame:
    planes = np.vstack([np.full((144, 256), brightness, np.uint8), np.full((72, 256), colour, np.uint8)])
    return stand_in.CardFrame(av.VideoFrame.from_ndarray(planes, format="yuv420p"), [])


def test_what_is_asked_of_ffmpeg() -> None:
    asked = nvdec_card._acceleration()
    assert asked.is_hw_owned, "else every frame would leave the card"
    assert not asked.allow_software_fallback, "else nobody would know who decoded"


@pytest.mark.parametrize(("change", "fault"), TRIALS.values(), ids=TRIALS)
def test_a_card_is_believed_once_it_has_decoded_the_trial_picture(
    monkeypatch: pytest.MonkeyPatch, change: Callable[[list[Any]], list[Any]], fault: str | None
) -> None:
    monkeypatch.setattr(nvdec_card, "CodecContext", Trial(change))
    monkeypatch.setattr(nvdec_card, "_acceleration", lambda: SimpleNamespace(create=lambda codec: codec))
    tried = nvdec_card.Card()
    if fault is None:
        tried.hold(Complaints())
        monkeypatch.setattr(nvdec_card, "_acceleration", None)
        tried.hold(Complaints())  # it is held already
        return
    with pytest.raises(DeviceError, match=fault):
        tried.hold(Complaints())


def test_pictures_of_more_than_8_bits_are_alike_in_both_readers_of_the_cpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_clip(
        tmp_path / "a.mp4", "libx265", 5, pixel_format="yuv420p10le", picture=noise, options={"x265-params": "log-level=none"}
    )
    with_opencv, ledger = read(path, all_frames=True)
    monkeypatch.setattr(sequential, "plan_for", lambda facts: Plan(("pyav",)))
    with_pyav, other = read(path, all_frames=True)
    assert (ledger.reader, other.reader) == ("opencv", "pyav")
    assert all((ours.picture_rgb == theirs.picture_rgb).all() for ours, theirs in zip(with_pyav, with_opencv, strict=True))
