"""Frames in order through PyAV: for what OpenCV cannot decode, gives up on, or would not show as it is.

Each picture comes at its own size, upright, of whole frames, in the colours of an ordinary screen. Decodes past errors. Does not know
how many frames there should be, or which frames another reader has already delivered.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import suppress
from typing import Any

import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation
from av.video.stream import VideoStream
from numpy.typing import NDArray

from screener.video.container.facts import Matrix, display_matrix, stated
from screener.video.container.opening import check_pixels, plausible_ratio
from screener.video.container.parameter_sets import ParameterSets
from screener.video.readers.colours import as_on_a_screen, is_ordinary
from screener.video.readers.reader import use_threads
from screener.video.readers.upright import bgr_as_rgb, lies_on_its_side, squared, upright
from screener.video.readers.whole_frames import Decoded, WholeFrames

_UNHEARD = frozenset({"vp8", "av1"})
"""Codecs whose decoders give up a picture without a word in the log: their errors are counted here."""


_SMALL_PX = 2


class View:
    """How the pictures of one stream are to be shown: what its container says, for what the pictures do not say themselves."""

    def __init__(self, stream: VideoStream, shown_name: str, max_pixels: int, sizes_change: bool = False) -> None:
        """To be made before anything is decoded: a decoder puts what it finds in the place of what the container says.

        sizes_change: so that no one shape of pixels, which is all that a container has, is that of all.
        """
        context = stream.codec_context
        self._shown_name, self._max_pixels = shown_name, max_pixels
        self._colours = (int(context.color_trc), int(context.color_primaries))
        self._of_codec = context.sample_aspect_ratio
        self._of_container = self._of_codec if sizes_change else stream.sample_aspect_ratio
        self._matrix: Matrix = ()
        self._is_first = True

    def seen(self, frame: VideoFrame, stream: VideoStream, seconds: float | None, may_turn: bool = True) -> Decoded:
        """A frame just decoded, with what is true of it and not of the stream.

        may_turn: pictures say how they are turned, which then holds until the next one says it; what the container says is the first one's.
        """
        if may_turn or self._is_first:
            # A frame that was asked for its side data is kept alive by it until Python looks for cycles: where it is asked of each, it is
            # asked of a copy that holds hardly a pixel.
            asked = frame.reformat(width=_SMALL_PX, height=_SMALL_PX, format="gray") if may_turn else frame
            self._matrix, self._is_first = display_matrix(asked) or self._matrix, False
        return Decoded(frame, seconds, self._matrix, self._ratio(stream))

    def forget_turn(self) -> None:
        """What a picture said of being turned does not hold any more."""
        self._matrix, self._is_first = (), True

    def picture(self, decoded: Decoded) -> NDArray[np.uint8] | None:
        """(H, W, 3) uint8 RGB, upright, with square pixels; None if it cannot be had. Raises SourceError `limit_pixels`."""
        frame = decoded.frame
        check_pixels(frame.width, frame.height, self._max_pixels, self._shown_name)
        transfer, primaries = (
            stated(int(own), given) for own, given in zip((frame.color_trc, frame.color_primaries), self._colours, strict=True)
        )
        try:
            picture = _in_plain_colours(frame) if is_ordinary(transfer, primaries) else as_on_a_screen(frame, transfer, primaries)
        except (FFmpegError, ValueError):
            return None
        return squared(upright(picture, decoded.matrix), plausible_ratio(decoded.ratio), lies_on_its_side(decoded.matrix))

    def _ratio(self, stream: VideoStream) -> float | None:
        """What the container says goes before what the stream says, unless it only repeats what the stream's beginning said."""
        own = stream.codec_context.sample_aspect_ratio
        repeats = self._of_container is None or self._of_container == self._of_codec
        ratio = own or self._of_container if repeats else self._of_container
        return None if ratio is None else float(ratio)


def _in_plain_colours(frame: VideoFrame) -> NDArray[np.uint8]:
    # Bicubic, the stream's own colour matrix, and blue first, to which FFmpeg turns more than 8 bits otherwise than to red first: what
    # OpenCV does, so that both readers give the same picture.
    return bgr_as_rgb(frame.reformat(format="bgr24", interpolation=Interpolation.BICUBIC).to_ndarray())


def plain_picture(frame: VideoFrame, ratio: float) -> NDArray[np.uint8] | None:
    """(H, W, 3) uint8 RGB of a frame in ordinary colours, turned as it says itself; None if it cannot be had. ratio: of one sample."""
    matrix = display_matrix(frame)
    try:
        return squared(upright(_in_plain_colours(frame), matrix), ratio, lies_on_its_side(matrix))
    except (FFmpegError, ValueError):
        return None


class PyAVReader:
    """Sequential reader of one stream of an open container, which it closes in the end."""

    name = "pyav"

    def __init__(
        self, container: InputContainer, stream: VideoStream, *, shown_name: str, max_pixels: int, sizes_change: bool = False
    ) -> None:
        self._container = container
        self._stream = stream
        context = stream.codec_context
        self._codec = context.codec.canonical_name
        self._view = View(stream, shown_name, max_pixels, sizes_change)
        self._sets = ParameterSets(self._codec, context.extradata)
        # VP8's error goes with the picture that caused it only where pictures are not decoded side by side.
        use_threads(context, "SLICE" if self._codec == "vp8" else "AUTO")
        if self._codec == "av1":
            context.options = {"strict": "strict"}
        self._frames = self._whole_frames()
        self._frame: Decoded | None = None
        self.frames_read = 0
        self.faults = 0

    def grab(self) -> bool:
        """Step to the next frame; False at the end."""
        self._frame = next(self._frames, None)
        self.frames_read += self._frame is not None
        return self._frame is not None

    @property
    def seconds(self) -> float | None:
        """Presentation time of the frame in container time, if it has one."""
        return None if self._frame is None else self._frame.seconds

    @property
    def is_sound(self) -> bool:
        """Whether the frame can be believed."""
        return self._frame is None or self._frame.is_sound

    def picture(self) -> NDArray[np.uint8] | None:
        """(H, W, 3) uint8 RGB of the frame, upright, with square pixels and the frame's own size; None if it cannot be had."""
        return None if self._frame is None else self._view.picture(self._frame)

    def close(self) -> None:
        self._frames.close()
        self._container.close()

    def _whole_frames(self) -> Generator[Decoded, None, None]:
        whole = WholeFrames()
        for decoded in self._decode():
            yield from whole.add(decoded)
        yield from whole.end()

    def _decode(self) -> Iterator[Decoded]:
        for packet in self._packets():
            if packet is not None:
                self._sets.add(packet)
                if self._sets.changed:
                    yield from self._drained()
            yield from self._decoded(packet)

    def _decoded(self, packet: Packet[Any] | None) -> Iterator[Decoded]:
        try:
            for frame in self._stream.decode(packet):
                yield self._seen(frame)
        except FFmpegError:  # a lost frame: with most codecs it shows in the count
            self.faults += self._codec in _UNHEARD

    def _seen(self, frame: VideoFrame) -> Decoded:
        return self._view.seen(frame, self._stream, self._seconds_of(frame), may_turn=self._sets.turned)

    def _drained(self) -> Iterator[Decoded]:
        """What the decoder has held back, before pictures of another shape come: it knows one shape of pixels at a time."""
        yield from self._decoded(None)
        self._stream.codec_context.flush_buffers()
        self._view.forget_turn()

    def _seconds_of(self, frame: VideoFrame) -> float | None:
        if frame.pts is None:
            return None
        # Frames that a decoder hands out at the end may come without a time base of their own.
        time_base = frame.time_base or self._stream.time_base
        return float(frame.pts * time_base) if time_base else None

    def _packets(self) -> Iterator[Packet[Any] | None]:
        """Every packet, and None at the end so that the decoder hands out what it has held back, also if the end is an error."""
        packets = self._container.demux(self._stream)
        with suppress(FFmpegError, IndexError):  # the second is how PyAV ends where streams came up on the way
            yield from (packet for packet in packets if packet.size)
        yield None
