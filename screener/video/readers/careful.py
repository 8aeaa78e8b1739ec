"""Frames in order through PyAV, decoding one packet at a time, so that an error message of the decoder can be assigned to its picture.

Slower than decoding pictures in parallel. A picture that is damaged, or predicted from a damaged one, is marked as not sound.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.stream import VideoStream

from screener.video.container.packet_faults import has_hole
from screener.video.container.walk import RESTART_SECONDS
from screener.video.ledger import Complaints
from screener.video.readers.jpeg_integrity import decodes_whole
from screener.video.readers.pyav import PyAVReader
from screener.video.readers.reader import use_threads
from screener.video.readers.soundness import Soundness
from screener.video.readers.whole_frames import Decoded

_MOST_OVERHEARD = 64


class CarefulReader(PyAVReader):
    """Like `PyAVReader`, with damage assigned to pictures. Each picture of Motion JPEG is also checked by a second decoder, which detects
    more.
    """

    def __init__(
        self,
        container: InputContainer,
        stream: VideoStream,
        complaints: Complaints,
        *,
        shown_name: str,
        max_pixels: int,
        sizes_change: bool = False,
    ) -> None:
        super().__init__(container, stream, shown_name=shown_name, max_pixels=max_pixels, sizes_change=sizes_change)
        # When several pictures are decoded in parallel, their error messages are mixed.
        use_threads(stream.codec_context, "SLICE")
        stream.codec_context.copy_opaque = True
        self._complaints = complaints
        self._overheard: deque[bytes] = deque(maxlen=_MOST_OVERHEARD)
        self._soundness = Soundness()
        self._began = False
        self._keys = 0
        self._first_key_seconds: float | None = None
        self._decoded_to: float | None = None
        self._number = 0

    def overheard(self) -> list[bytes]:
        """Error messages since the last call that came while no packet was being decoded: about the container or the connection."""
        heard = [*self._overheard, *self._complaints.new()]
        self._overheard.clear()
        return heard

    def _decoded(self, packet: Packet[Any] | None) -> Iterator[Decoded]:
        self._overheard.extend(self._complaints.new())
        frames: list[Any] = []
        failed = False
        if packet is not None:
            packet.opaque = self._number
            self._notice_seam(packet)
        try:
            frames = self._stream.decode(packet)
        except FFmpegError:
            failed = True
        if packet is not None:
            heard = bool(self._complaints.new(at_a_cut=self._keys + packet.is_keyframe <= 1))
            spoilt = has_hole(packet, self._codec) or (self._codec == "mjpeg" and not decodes_whole(bytes(packet), self._complaints))
            self._note(packet, failed or heard or spoilt)
        if frames and not self._began:
            self._began = True
            self._soundness.begin()
        for frame in frames:
            number = self._number if frame.opaque is None else int(frame.opaque)
            decoded = replace(self._seen(frame), number=number)
            if frame.is_corrupt:
                self._soundness.distrust(number, decoded.seconds)
            yield replace(decoded, is_sound=not self._soundness.is_damaged(number, decoded.seconds))

    def _notice_seam(self, packet: Packet[Any]) -> None:
        """Where time starts anew, another recording begins, which may refer to frames before it."""
        at = float(packet.dts * packet.time_base) if packet.dts is not None and packet.time_base else None
        if at is not None and self._decoded_to is not None and at < self._decoded_to - RESTART_SECONDS:
            self._keys, self._first_key_seconds = 0, None
        self._decoded_to = self._decoded_to if at is None else at

    def _note(self, packet: Packet[Any], is_damaged: bool) -> None:
        seconds = float(packet.pts * packet.time_base) if packet.pts is not None and packet.time_base else None
        self._keys += packet.is_keyframe
        if packet.is_keyframe and self._keys == 1:
            self._first_key_seconds = seconds
        self._soundness.note(
            self._number,
            seconds,
            is_key=packet.is_keyframe,
            is_disposable=packet.is_disposable or self._leads(seconds),
            is_damaged=is_damaged or packet.is_corrupt,
        )
        self._number += 1

    def _leads(self, seconds: float | None) -> bool:
        """Whether a picture precedes the first key picture on screen but follows it in the stream, as where a recording was cut. The frames
        it refers to are missing, and no shown picture refers to it.
        """
        return self._keys == 1 and self._first_key_seconds is not None and (seconds is None or seconds < self._first_key_seconds)
