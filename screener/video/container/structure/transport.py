"""MPEG transport streams: packet sync, the continuity counter of the video, and announced pictures that are missing (ISO/IEC 13818-1)."""

from __future__ import annotations

from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from screener.video.container.structure.programmes import Programmes
from screener.video.container.structure.walked import Findings, Walked

LAYOUTS = ((188, 0), (192, 4), (204, 0))
"""Length of a packet in bytes and offset of its sync byte: plain, with a time stamp before, with a checksum after."""

_SYNC = 0x47
_PACKETS_AT_ONCE = 20_000
_TIME_RANGE = 1 << 33
_SEPARATE_FIELDS = 1 / 3
"""If more than this share of the announced times has no picture, the stream announces both fields of each picture."""


def examine_transport(file: BinaryIO, walked: Walked) -> Findings:
    """Check a whole transport stream."""
    layout = _layout(file.read(5 * 204))
    if layout is None:
        return Findings(1)  # it does not begin with packets in sync
    length, start = layout
    file.seek(0)
    faults, seams, last = 0, 0, None
    times: list[int] = []
    programmes = Programmes()
    while block := file.read(length * _PACKETS_AT_ONCE):
        walked.alive()
        packets = np.frombuffer(block[: len(block) // length * length], np.uint8).reshape(-1, length)[:, start : start + 188]
        in_step = packets[:, 0] == _SYNC
        faults += int((~in_step).sum()) + int((packets[in_step, 1] & 0x80 > 0).sum())
        identifiers = _identifier(packets)
        programmes.add(packets[in_step], identifiers[in_step])
        video = packets[in_step & (identifiers == walked.stream_id)]
        broken, anew, last = _counter_breaks(video, last)
        faults, seams = faults + broken, seams + anew
        for packet in video[(video[:, 1] & 0x40 > 0) & (video[:, 3] & 0x10 > 0)]:
            announced, sound = _announced(packet.tobytes())
            faults += not sound
            times += [] if announced is None else [announced]
    return Findings(faults + _never_came(times, walked.ticks), seams, len(programmes.video))


def _layout(head: bytes) -> tuple[int, int] | None:
    for length, start in LAYOUTS:
        places = range(start, len(head), length)
        if len(places) and all(head[place] == _SYNC for place in places):
            return length, start
    return None


def _identifier(packets: NDArray[np.uint8]) -> NDArray[np.uint16]:
    return np.asarray((packets[:, 1].astype(np.uint16) & 0x1F) << 8 | packets[:, 2], np.uint16)


def _counter_breaks(video: NDArray[np.uint8], last: int | None) -> tuple[int, int, int | None]:
    """Number of places where the continuity counter neither continues, repeats itself nor announces a restart; number of restarts; its last
    value.
    """
    video = video[video[:, 3] & 0x10 > 0]  # the counter counts only packets with a payload
    if not len(video):
        return 0, 0, last
    counters = (video[:, 3] & 0x0F).astype(np.int64)
    steps = np.diff(counters, prepend=counters[0] - 1 if last is None else last) % 16
    adapted = (video[:, 3] & 0x20 > 0) & (video[:, 4] > 0)
    announced = adapted & (video[:, 5] & 0x80 > 0)
    # Another recording that was appended starts its counter at 0, with a random access point.
    anew = adapted & (video[:, 5] & 0x40 > 0) & (video[:, 1] & 0x40 > 0) & (counters == 0)
    broken = (steps > 1) & ~announced
    return int((broken & ~anew).sum()), int((broken & anew).sum()), int(counters[-1])


def _announced(packet: bytes) -> tuple[int | None, bool]:
    """(presentation time in ticks of 90 kHz, whether the packet really begins a picture as it says)."""
    start = 4 + (1 + packet[4] if packet[3] & 0x20 else 0)
    head = packet[start : start + 14]
    if len(head) < 14:
        return None, True
    if packet[3] & 0xC0:
        return None, True  # scrambled
    if head[:3] != b"\0\0\1":
        return None, False
    if not head[7] & 0x80:
        return None, True
    return (head[9] >> 1 & 7) << 30 | head[10] << 22 | (head[11] >> 1) << 15 | head[12] << 7 | head[13] >> 1, True


def _never_came(announced: list[int], ticks: NDArray[np.int64]) -> int:
    missing = np.setdiff1d(np.asarray(announced, np.int64), ticks % _TIME_RANGE)
    return len(missing) if len(missing) <= _SEPARATE_FIELDS * len(announced) else 0
