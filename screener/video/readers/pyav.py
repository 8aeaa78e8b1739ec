"""Frames in order through PyAV, for files that OpenCV cannot decode, gives up on, or would not show correctly.

Each picture is delivered at its own size, upright, as whole frames, in the colours of an ordinary screen. Continues after errors. Does not
know how many frames are expected, or which frames another reader has already delivered.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
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
"""Codecs whose decoders drop a picture without a message: their errors are counted here."""


_SMALL_PX = 2


class View:
    """How the pictures of one stream are to be shown; the container's statements apply where the pictures make none."""

    def __init__(self, stream: VideoStream, shown_name: str, max_pixels: int, sizes_change: bool = False) -> None:
        """Create it before anything is decoded, because a decoder overwrites the container's values with its own.

        sizes_change: the container's single sample aspect ratio does not hold for all pictures.
        """
        context = stream.codec_context
        self._shown_name, self._max_pixels = shown_name, max_pixels
        self._colours = (int(context.color_trc), int(context.color_primaries))
        self._of_codec = context.sample_aspect_ratio
        self._of_container = self._of_codec if sizes_change else stream.sample_aspect_ratio
        self._matrix: Matrix = ()
        self._is_first = True

    def seen(self, frame: VideoFrame, stream: VideoStream, seconds: float | None, may_turn: bool = True) -> Decoded:
        """A frame just decoded, with its own properties where they differ from the stream's.

        may_turn: pictures state their orientation, which holds until the next statement; the container's applies to the first picture.
        """
        if may_turn or self._is_first:
            # Reading a frame's side data keeps it alive until Python's cycle collector runs. If it is read for every frame, read it from a
            # tiny copy.
            asked = frame.reformat(width=_SMALL_PX, height=_SMALL_PX, format="gray") if may_turn else frame
            self._matrix, self._is_first = display_matrix(asked) or self._matrix, False
        return Decoded(frame, seconds, self._matrix, self._ratio(stream))

    def forget_turn(self) -> None:
        """Drop the orientation that an earlier picture stated."""
        self._matrix, self._is_first = (), True

    def picture(self, decoded: Decoded) -> NDArray[np.uint8] | None:
        """(H, W, 3) uint8 RGB, upright, with square pixels; None if it cannot be converted. Raises SourceError `limit_pixels`."""
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
        """Sample aspect ratio: the container's goes before the stream's, unless it only repeats what the beginning of the stream said."""
        own = stream.codec_context.sample_aspect_ratio
        repeats = self._of_container is None or self._of_container == self._of_codec
        ratio = own or self._of_container if repeats else self._of_container
        return None if ratio is None else float(ratio)


def _in_plain_colours(frame: VideoFrame) -> NDArray[np.uint8]:
    # As OpenCV does, so that both readers give the same picture: bicubic, the stream's own colour matrix, and BGR, to which FFmpeg converts
    # more than 8 bits differently than to RGB.
    return bgr_as_rgb(frame.reformat(format="bgr24", interpolation=Interpolation.BICUBIC).to_ndarray())


def plain_picture(frame: VideoFrame, ratio: float) -> NDArray[np.uint8] | None:
    """(H, W, 3) uint8 RGB of a frame in ordinary colours, rotated as it states itself; None if it cannot be converted. ratio: sample aspect
    ratio.
    """
    matrix = display_matrix(frame)
    try:
        return squared(upright(_in_plain_colours(frame), matrix), ratio, lies_on_its_side(matrix))
    except (FFmpegError, ValueError):
        return None


class PyAVReader:
    """Sequential reader of one stream of an open container; `close` closes the container too."""

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
        # With VP8, an error is raised at the picture that caused it only if pictures are not decoded in parallel.
        use_threads(context, "SLICE" if self._codec == "vp8" else "AUTO")
        if self._codec == "av1":
            context.options = {"strict": "strict"}
        self._frames = self._whole_frames()
        self._frame: Decoded | None = None
        self.frames_read = 0
        self.faults = 0
        self.broke_off = False  # an error ended the packets

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
        """Whether no damage to the frame is known."""
        return self._frame is None or self._frame.is_sound

    def picture(self) -> NDArray[np.uint8] | None:
        """(H, W, 3) uint8 RGB of the frame at its own size, upright, with square pixels; None if it cannot be converted."""
        return None if self._frame is None else self._view.picture(self._frame)

    def close(self) -> None:
        """Close the decoder and the container."""
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
        except FFmpegError:  # a lost frame; with most codecs it shows in the number of frames
            self.faults += self._codec in _UNHEARD

    def _seen(self, frame: VideoFrame) -> Decoded:
        return self._view.seen(frame, self._stream, self._seconds_of(frame), may_turn=self._sets.turned)

    def _drained(self) -> Iterator[Decoded]:
        """The frames still held by the decoder, given out before the sample aspect ratio changes: the decoder knows only one at a time."""
        yield from self._decoded(None)
        self._stream.codec_context.flush_buffers()
        self._view.forget_turn()

    def _seconds_of(self, frame: VideoFrame) -> float | None:
        if frame.pts is None:
            return None
        # Frames that a decoder flushes at the end may have no time base of their own.
        time_base = frame.time_base or self._stream.time_base
        return float(frame.pts * time_base) if time_base else None

    def _packets(self) -> Iterator[Packet[Any] | None]:
        """Every packet, then None so that the decoder flushes its frames, also if the end is an error."""
        packets = self._container.demux(self._stream)
        try:
            yield from (packet for packet in packets if packet.size)
        except FFmpegError:
            self.broke_off = True
        except IndexError:  # PyAV raises this at the end if streams appeared on the way
            pass
        yield None
