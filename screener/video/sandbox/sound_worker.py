"""The process that puts the sound of a judged file under a video of ours: packets are copied, nothing is decoded.

The judged file is opened here, under the limits of decoding, and never in the process that scans.
"""

from __future__ import annotations

import errno
import json
import os
import pickle
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet

from screener.errors import SourceError
from screener.settings import ScanSettings
from screener.video.container.opening import first_video, open_container
from screener.video.sandbox.limits import confine
from screener.video.sandbox.protocol import FAILED_STATUS, LENGTH
from screener.video.sandbox.worker import prepare

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EIO})

FORMATS = (("mp4", ".mp4"), ("matroska", ".mkv"))
"""What is tried in turn, as not every sound fits into every container, and how its files end."""


def main() -> None:
    """Serve one request."""
    requests, pipe, _ = prepare()
    try:
        picture, source, target, settings = pickle.loads(requests.read(LENGTH.unpack(requests.read(LENGTH.size))[0]))
        confine(settings)
        _write_as_much_as_it_takes()
        text = json.dumps(_joined(picture, source, target, settings)).encode()
        pipe.write(LENGTH.pack(len(text)) + text)
        pipe.flush()
    except BaseException:
        os._exit(FAILED_STATUS)


def _write_as_much_as_it_takes() -> None:
    """Only what this process writes is let grow: it copies a video that we have made."""
    with suppress(ImportError):
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


def _joined(picture: Path, source: Path, target: Path, settings: ScanSettings) -> dict[str, Any]:
    """What was made: the ending that goes with it, and how many streams of sound it has."""
    failure = ""
    for name, suffix in FORMATS:
        try:
            return {"suffix": suffix, "sounds": _copy(picture, source, target, name)}
        except (FFmpegError, ValueError) as error:
            failure = getattr(error, "strerror", None) or str(error)
            if getattr(error, "errno", None) in _NO_ROOM:
                return {"failed": failure}
        except SourceError as error:
            return {"failed": error.message, "because_of": error.reason}
    return {"failed": failure, "because_of": "unsupported_codec"}


def _copy(picture: Path, source: Path, target: Path, format_name: str) -> int:
    with ExitStack() as stack:
        ours, theirs = stack.enter_context(av.open(str(picture))), stack.enter_context(open_container(source, source.name))
        output = stack.enter_context(av.open(str(target), "w", format=format_name))
        video, _ = first_video(theirs, source.name)
        start_seconds = float((video.start_time or 0) * (video.time_base or 0))
        home = output.add_stream_from_template(ours.streams.video[0])
        sounds = list(theirs.streams.audio)
        homes = {sound.index: output.add_stream_from_template(sound) for sound in sounds}
        # In the order of time, as players read: of the sound whatever comes before the next picture.
        heard = _sound(theirs, homes, start_seconds) if sounds else iter(())
        waiting = next(heard, None)
        for packet in ours.demux(video=0):
            if packet.dts is None or packet.time_base is None:
                continue
            seconds = float(packet.dts * packet.time_base)
            while waiting is not None and waiting[0] <= seconds:
                output.mux(waiting[1])
                waiting = next(heard, None)
            packet.stream = home
            output.mux(packet)
        while waiting is not None:
            output.mux(waiting[1])
            waiting = next(heard, None)
        return len(sounds)


def _sound(container: InputContainer, homes: dict[int, AudioStream], start_seconds: float) -> Iterator[tuple[float, Packet[Any]]]:
    """(seconds, packet), the clock set to that of the picture; what lies before it is left out."""
    for packet in container.demux([container.streams[index] for index in homes]):
        if packet.dts is None or packet.pts is None or packet.time_base is None or not packet.size:
            continue
        shift = round(start_seconds / float(packet.time_base))
        if packet.pts - shift < 0:
            continue
        packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
        seconds = float(packet.dts * packet.time_base)
        packet.stream = homes[packet.stream.index]
        yield seconds, packet
