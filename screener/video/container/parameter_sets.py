"""Reads size, shape and scan type from coded pictures, to tell whether these change within the stream.

OpenCV silently scales every picture to the first one's size and cannot convert interlaced ones, so both must be known before it is chosen
as reader. Two different sets may still mean the same size. Nothing is known about codecs that are not listed here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from av.packet import Packet

from screener.video.container.bits import Bits
from screener.video.container.units import AVC, HEVC, avc_configuration, avc_fields, hevc_configuration, hevc_fields

_VIDEO_OBJECT_LAYER = re.compile(rb"\x00\x00\x01[\x20-\x2f](.{6,256}?)(?=\x00\x00\x01|\Z)", re.DOTALL)
_SEQUENCE_HEADER = re.compile(rb"\x00\x00\x01\xb3(.{4})", re.DOTALL)
_SEQUENCE_EXTENSION = re.compile(rb"\x00\x00\x01\xb5([\x10-\x1f].{2})", re.DOTALL)
_SEARCHED_BYTES = 4096


@dataclass(frozen=True)
class _Kind:
    """How parameter sets are found in one family of codecs.

    found: the sets in a coded picture, given the width of the length fields before its units (0: start codes). fields: whether a set allows
    field pictures. configured: the sets in a container's header, and that width. is_message: whether what was found is not a set but an
    orientation message. restarts: whether no later picture refers to anything before this one, messages included.
    leads: whether this picture may refer to what is before the key picture that it follows.
    """

    found: Callable[[bytes, int], list[bytes]]
    fields: Callable[[bytes], bool] = lambda parameter_set: False
    configured: Callable[[bytes], tuple[list[bytes], int]] | None = None
    is_message: Callable[[bytes], bool] = lambda found: False
    restarts: Callable[[bytes, int], bool] = lambda data, length_bytes: False
    leads: Callable[[bytes, int], bool] = lambda data, length_bytes: False


class ParameterSets:
    """Pass each packet of one stream to `add`, in order.

    readable: the codec is one that is understood here. interlaced: a set allows field pictures. turned: a picture carried an orientation.
    changed: the last packet brought other sets than those before, or begins anew after a group whose orientation messages had stopped.
    """

    def __init__(self, codec: str, extradata: bytes | None) -> None:
        self._kind = _KINDS.get(codec)
        self.readable = self._kind is not None
        self._known: set[bytes] = set()
        self._last: list[bytes] = []
        self._length_bytes = 0
        self._said = False
        self.interlaced = self.turned = self.changed = False
        self._configure(extradata or b"")

    @property
    def count(self) -> int:
        """How many different sets were found so far."""
        return len(self._known)

    def add(self, packet: Packet[Any]) -> None:
        """Read the sets of the next packet."""
        self.changed = False
        if self._kind is None:
            return
        if packet.has_sidedata("new_extradata"):  # another sample description of an MP4, another header of an FLV
            self._configure(bytes(packet.get_sidedata("new_extradata")))
        data = bytes(packet)
        found = self._kind.found(data, self._length_bytes)
        self._note(found)
        if self.turned:
            said = any(map(self._kind.is_message, filter(None, found)))
            restarts = packet.is_keyframe and self._kind.restarts(data, self._length_bytes)
            self.changed |= restarts and not said and not self._said
            self._said = said or (self._said and not restarts)

    def may_refer_across(self, key: Packet[Any]) -> bool:
        """Whether pictures after a key picture in the file may refer to pictures before it. False for codecs that are not understood."""
        return self._kind is not None and not self._kind.restarts(bytes(key), self._length_bytes)

    def leads(self, packet: Packet[Any]) -> bool:
        """Whether a picture may be one of those that refer across a key picture. False for codecs that are not understood."""
        return self._kind is not None and self._kind.leads(bytes(packet), self._length_bytes)

    def _configure(self, extradata: bytes) -> None:
        if self._kind is None or not extradata:
            return
        try:
            if self._kind.configured is not None and extradata[0] == 1:
                sets, self._length_bytes = self._kind.configured(extradata)
            else:
                sets = self._kind.found(extradata, 0)
        except IndexError:  # damaged: the packets may still carry the sets
            return
        self._note(sets)

    def _note(self, found: list[bytes]) -> None:
        if not found or found == self._last or self._kind is None:
            return
        known = [one for one in found if one]
        sets = [one for one in known if not self._kind.is_message(one)]
        self.turned |= len(sets) < len(known)
        if not sets or sets == self._last:
            return
        self.changed = self.changed or bool(self._last)
        self._last = sets
        for one in sets:
            if one not in self._known:
                self._known.add(one)
                self.interlaced |= _allows_fields(self._kind, one)


def _allows_fields(kind: _Kind, parameter_set: bytes) -> bool:
    try:
        return kind.fields(parameter_set)
    except IndexError:  # cut short: assume that it may
        return True


def _mpeg_sequences(data: bytes, length_bytes: int) -> list[bytes]:
    """Size, aspect ratio and rate (ISO/IEC 13818-2, section 6.2.2.1), and the extension, which MPEG-1 does not have."""
    header = _SEQUENCE_HEADER.search(data[:_SEARCHED_BYTES])
    if header is None:
        return []
    extension = _SEQUENCE_EXTENSION.search(data[:_SEARCHED_BYTES])
    return [header.group(1) + (extension.group(1) if extension else b"")]


def _mpeg_fields(parameter_set: bytes) -> bool:
    """Whether there is an extension with progressive_sequence 0."""
    return len(parameter_set) > 4 and not parameter_set[5] & 0x08


def _video_object_layers(data: bytes, length_bytes: int) -> list[bytes]:
    return [match.group(1) for match in _VIDEO_OBJECT_LAYER.finditer(data[:_SEARCHED_BYTES])]


def _layer_fields(parameter_set: bytes) -> bool:
    """The interlaced flag of a rectangular video object layer (ISO/IEC 14496-2, section 6.2.3)."""
    bits = Bits(parameter_set)
    bits.take(9)
    if bits.take(1):
        bits.take(7)
    if bits.take(4) == 15:
        bits.take(16)
    if bits.take(1):
        bits.take(3)
        if bits.take(1):
            bits.take(79)
    if bits.take(2):
        return True  # a shape that no camera writes
    bits.take(1)
    resolution = bits.take(16)
    bits.take(1)
    if bits.take(1):
        bits.take(max(1, (resolution - 1).bit_length()))
    bits.take(29)
    return bool(bits.take(1))


def _jpeg_frames(data: bytes, length_bytes: int) -> list[bytes]:
    """The frame header, which begins with precision, height and width (ITU-T T.81, section B.2.2)."""
    position = 2
    while position + 4 <= len(data) and data[position] == 0xFF:
        marker, length = data[position + 1], int.from_bytes(data[position + 2 : position + 4], "big")
        if marker == 0xFF:
            position += 1
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return [data[position + 4 : position + 2 + length]]
        elif marker == 0xDA:
            break
        else:
            position += 2 + length
    return []


_AVC = _Kind(AVC.found, avc_fields, avc_configuration, AVC.is_message, AVC.begins_anew, AVC.leads)
_HEVC = _Kind(HEVC.found, hevc_fields, hevc_configuration, HEVC.is_message, HEVC.begins_anew, HEVC.leads)
_MPEG = _Kind(_mpeg_sequences, _mpeg_fields)
_IN_CONTAINER = _Kind(lambda data, length_bytes: [])
_KINDS: dict[str, _Kind] = {
    "h264": _AVC,
    "hevc": _HEVC,
    "mpeg1video": _MPEG,
    "mpeg2video": _MPEG,
    "mpeg4": _Kind(_video_object_layers, _layer_fields),
    "mjpeg": _Kind(_jpeg_frames),
    # These codecs state their size only in the container, once.
    **dict.fromkeys(("msmpeg4v1", "msmpeg4v2", "msmpeg4v3", "wmv1", "wmv2"), _IN_CONTAINER),
}
