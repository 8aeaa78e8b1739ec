"""Deinterlaces pictures with FFmpeg's filter yadif. Pictures that are not interlaced pass through unchanged.

The filter needs the picture before and the one after, so each comes out one picture later. Does not know files.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

from av.error import BlockingIOError as NothingYetError
from av.error import EOFError as NothingMoreError
from av.error import FFmpegError
from av.filter import Graph
from av.video.frame import VideoFrame

from screener.video.container.facts import Matrix

_FILTER = "mode=send_frame:parity=auto:deint=interlaced"
_ANY_TIME_BASE = Fraction(1, 1000)  # times are kept outside the graph, which would double the time base


@dataclass(frozen=True)
class Decoded:
    """A frame from the decoder. seconds: in container time. ratio: sample aspect ratio, width over height, None if unknown.

    number: of its packet, if known. is_sound: no damage to it was reported.
    """

    frame: VideoFrame
    seconds: float | None
    matrix: Matrix = ()
    ratio: float | None = None
    number: int = -1
    is_sound: bool = True


class WholeFrames:
    """Pass the frames of one stream in order; each comes out once. A deinterlaced frame is as damaged as its fields."""

    def __init__(self) -> None:
        self._graph: Graph | None = None
        self._shape: tuple[int, int, str] = (0, 0, "")
        self._inside: deque[Decoded] = deque()
        self._before_is_sound = True

    def add(self, decoded: Decoded) -> Iterator[Decoded]:
        """The frames that are finished after this one was added."""
        frame = decoded.frame
        shape = (frame.width, frame.height, frame.format.name)
        if self._graph is not None and shape != self._shape:
            yield from self.end()
        if self._graph is None:
            if not frame.interlaced_frame:
                yield decoded
                return
            self._graph, self._shape = _graph(frame), shape
        self._inside.append(decoded)
        self._graph.vpush(frame)
        yield from self._finished(self._graph)

    def end(self) -> Iterator[Decoded]:
        """The remaining frames; frames added afterwards start anew."""
        graph, self._graph = self._graph, None
        if graph is None:
            return
        graph.vpush(None)
        yield from self._finished(graph)
        self._inside.clear()
        self._before_is_sound = True

    def _finished(self, graph: Graph) -> Iterator[Decoded]:
        while self._inside:
            try:
                frame = graph.vpull()
            except (NothingYetError, NothingMoreError):
                return
            except FFmpegError:
                self._inside.popleft()
                return
            decoded = self._inside.popleft()
            after_is_sound = not self._inside or self._inside[0].is_sound
            sound = decoded.is_sound and self._before_is_sound and after_is_sound
            self._before_is_sound = decoded.is_sound
            yield replace(decoded, frame=frame, is_sound=sound)


def _graph(frame: VideoFrame) -> Graph:
    graph = Graph()
    graph.threads = 1
    source = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base or _ANY_TIME_BASE)
    graph.link_nodes(source, graph.add("yadif", _FILTER), graph.add("buffersink"))
    graph.configure()
    return graph
