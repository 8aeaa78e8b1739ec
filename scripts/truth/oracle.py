"""What a plain decode with PyAV finds in a file: every video stream, packet by packet, past every error, and whether it complains.

Knows nothing of screener; what it finds there, a complete answer must have seen too.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import av
from av.error import FFmpegError

from truth.facts import Evidence, Made
from truth.pictures import Label, read_label

ATTACHED = av.stream.Disposition.attached_pic
STRICTLY = {"err_detect": "crccheck+bitstream+buffer+careful+compliant+aggressive"}
"""A decoder asked to look for damage as closely as it can."""


def evidence_of(made: Made) -> Evidence:
    """Nothing for a folder, and where PyAV cannot open it. Whether it complains is asked only of what was harmed or cut."""
    if not made.path.is_file():
        return Evidence()
    seen = _decoded(made.path, {})
    return Evidence(frozenset(seen[0]), complains=not (made.harmed or made.must == "end") or _decoded(made.path, STRICTLY)[1])


def _decoded(path: Path, options: dict[str, str]) -> tuple[set[Label], bool]:
    """(numbers, whether there was an error or a line in the log) of all streams."""
    found: set[Label] = set()
    complained = False
    av.logging.set_level(av.logging.ERROR)
    av.logging.set_skip_repeated(False)
    with av.logging.Capture(local=False) as lines:
        try:
            with av.open(str(path), metadata_errors="replace") as container:
                count = sum(not stream.disposition & ATTACHED for stream in container.streams.video)
            for number in range(count):
                complained |= _of_stream(path, number, options, found)
        except (FFmpegError, ValueError):
            complained = True
    av.logging.set_level(None)
    return found, complained or bool(lines)


def _of_stream(path: Path, number: int, options: dict[str, str], found: set[Label]) -> bool:
    """Adds the numbers of one stream; whether there was an error."""
    failed = False
    with av.open(str(path), metadata_errors="replace") as container:
        stream = [stream for stream in container.streams.video if not stream.disposition & ATTACHED][number]
        stream.codec_context.thread_count = 1
        stream.codec_context.options = options
        # IndexError: PyAV does not know streams that come up on the way.
        with suppress(IndexError):
            try:
                for packet in container.demux(stream):
                    failed |= packet.is_corrupt
                    try:
                        seen = [read_label(frame.to_ndarray(format="rgb24")) for frame in stream.decode(packet)]
                        found |= {each.label for each in seen if each}
                    except FFmpegError:
                        failed = True
            except FFmpegError:
                failed = True
    return failed
