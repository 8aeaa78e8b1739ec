"""Pictures that a decoder was given and that did not come out, or came out wrong without a word. Knows packets and frames, not files."""

from __future__ import annotations

from typing import Any

from av.packet import Packet
from av.video.frame import VideoFrame

from screener.video.container.packet_faults import ReferenceNumbers, has_hole
from screener.video.container.walk import is_hidden
from screener.video.ledger import Complaints
from screener.video.readers.jpeg_integrity import decodes_whole


class Losses:
    """Of one stream that is decoded from one key frame after another; call `start_anew` before each.

    count: number of packets that gave an error or no picture. is_broken: one did since the key frame from which decoding started.
    """

    def __init__(self, codec: str, extradata: bytes, complaints: Complaints) -> None:
        self._codec, self._extradata, self._complaints = codec, extradata, complaints
        self._references = ReferenceNumbers(extradata)
        self._awaited: set[int] = set()
        self.count = 0
        self.is_broken = False

    def start_anew(self) -> None:
        """Decoding starts at another key frame."""
        self._awaited.clear()
        self._references = ReferenceNumbers(self._extradata)
        self.is_broken = False

    def note(self, pictures: int = 1) -> None:
        """So many pictures more are lost."""
        self.count += pictures
        self.is_broken |= pictures > 0

    def note_gap(self, packet: Packet[Any]) -> None:
        """Note reference pictures of H.264 missing before this one; the decoder silently conceals them."""
        if self._codec == "h264":
            gaps = self._references.gaps
            self._references.add(bytes(packet), is_key=packet.is_keyframe)
            self.note(self._references.gaps - gaps)

    def is_fit(self, packet: Packet[Any]) -> bool:
        """Whether a packet that is about to be decoded holds a whole picture, as far as that can be told; if not, it is noted."""
        if has_hole(packet, self._codec) or (self._codec == "mjpeg" and not decodes_whole(bytes(packet), self._complaints)):
            self.note()
            return False
        if packet.pts is not None and not is_hidden(packet, self._codec):
            self._awaited.add(packet.pts)
        return True

    def note_order(self, frame: VideoFrame) -> None:
        """Note pictures that are missing: frames come in presentation order, so one that is late never comes, which decoders do
        not report.
        """
        if frame.pts is not None:
            lost = {pts for pts in self._awaited if pts < frame.pts}
            self._awaited -= lost | {frame.pts}
            self.note(len(lost))
