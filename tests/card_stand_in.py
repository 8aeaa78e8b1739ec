"""A stand-in for the card: FFmpeg decodes on the CPU, and its frames pose as frames that lie on a card, in a card's layout.

`install` puts it into this process; `START` into decoding processes, in place of `child.START`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame

from screener.video.container.opening import open_container
from screener.video.readers import nvdec_card
from screener.video.sandbox import child

LAYOUTS = {"yuv420p": "nv12", "yuvj420p": "nv12", "yuv420p10le": "p010le", "yuv420p12le": "p016le"}
"""What a card makes of each: colours interleaved, and more than 8 bits in the high ones of 16."""

Script = Callable[[int, list[Any]], list[Any]]
"""Number of the packet and the frames that came of it -> those that the card gives, or an exception."""

START = child.START.replace(
    "main()",
    f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import card_stand_in as stand_in; "
    "from screener.video.readers.nvdec_card import CARD; "
    "CARD.hold = lambda complaints: None; CARD.open = stand_in.opened({script}); main()",
)
"""{script}: an expression, in which `stand_in` is this module."""


class CardFrame:
    """What the readers ask of a frame. downloads: where each one that leaves the card is noted."""

    def __init__(self, frame: VideoFrame, downloads: list[int | None], format_name: str = "cuda") -> None:
        self._frame, self._downloads = frame, downloads
        self.format = SimpleNamespace(name=format_name)
        self.pts, self.time_base, self.width, self.height = frame.pts, frame.time_base, frame.width, frame.height

    def __getattr__(self, name: str) -> Any:
        return getattr(self._frame, name)

    def reformat(self, **wanted: Any) -> VideoFrame:
        self._downloads.append(self.pts)
        return self._frame.reformat(format=LAYOUTS[self._frame.format.name]).reformat(**wanted)


class CardStream:
    """A stream whose packets a card decodes, as the script says."""

    def __init__(self, stream: Any, script: Script, downloads: list[int | None]) -> None:
        self.real, self._script, self._downloads = stream, script, downloads
        self.codec_context, self.disposition, self.index = stream.codec_context, stream.disposition, stream.index
        self._number = 0

    @property
    def sample_aspect_ratio(self) -> Fraction | None:
        return self.real.sample_aspect_ratio

    @property
    def time_base(self) -> Fraction | None:
        return self.real.time_base

    def decode(self, packet: Packet[Any] | None) -> list[Any]:
        frames = [CardFrame(frame, self._downloads) for frame in self.real.decode(packet)]
        self._number += 1
        return self._script(self._number - 1, frames)


class CardContainer:
    """A container that was opened on the card."""

    def __init__(self, container: InputContainer, script: Script, downloads: list[int | None]) -> None:
        self._container = container
        streams = [CardStream(stream, script, downloads) for stream in container.streams.video]
        self.streams = SimpleNamespace(video=streams)

    def demux(self, stream: CardStream) -> Iterator[Packet[Any]]:
        return self._container.demux(stream.real)

    def close(self) -> None:
        self._container.close()


def sound(number: int, frames: list[Any]) -> list[Any]:
    return frames


def failing_from(first: int) -> Script:
    """A card that gives an error for every packet from that one on."""

    def script(number: int, frames: list[Any]) -> list[Any]:
        if number >= first:
            raise nvdec_card.FFmpegError(1, "the card says no")
        return frames

    return script


def opened(script: Script = sound, downloads: list[int | None] | None = None) -> Callable[[Path, str], Any]:
    """What takes the place of `Card.open`."""
    noted = [] if downloads is None else downloads
    return lambda path, name: CardContainer(open_container(path, name), script, noted)
