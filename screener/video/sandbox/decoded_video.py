"""`open_video`: decodes one input in a process of its own and yields its sampled frames, with facts about it.

Knows processes and pipes, not containers or decoders. Idle decoding processes are kept for the next inputs.
"""

from __future__ import annotations

import atexit
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import fields
from types import TracebackType
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from screener.errors import REASONS, WARNINGS, DeviceError, SourceError
from screener.records import Frame, VideoFacts
from screener.settings import ScanSettings
from screener.video.container.gate import check_file
from screener.video.sandbox.answers import checked_origin
from screener.video.sandbox.child import Child
from screener.video.sandbox.frame_memory import FrameMemory
from screener.video.sandbox.limits import GRACE_SECONDS, awaiting, stall_seconds
from screener.video.sandbox.protocol import CPU_STATUS, EMPTIED, STALLED_STATUS
from screener.video.seek_plan import SeekPlan
from screener.video.sources import Source

READ_ON_FRAMES = 30
"""A caller that needs no more frames does well to read on where so few are left: the decoding process then serves the next input. To stop
early ends it, and starting another takes longer.
"""

_IDLE_LIMIT = 4
_INPUTS_PER_WORKER = 256
INVALID_REPLY = (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError)
"""Exceptions from reading an answer that is not what it should be, because a hostile file has taken over the process."""

_FACT_NAMES = frozenset(field.name for field in fields(VideoFacts))


def open_video(source: Source, settings: ScanSettings, look: SeekPlan | None = None) -> Video:
    """Open an input. Raises SourceError, whose reason says why it cannot be read, and DeviceError if the settings ask for a card that
    cannot decode.

    look: decode only these parts of a video file, which gives the warning `sparse`. Ignored for other inputs and for files in which single
    frames cannot be sought.
    """
    if source.kind == "file" and source.path is not None:
        check_file(source.path, source.name)  # files that can be refused without a decoder never reach one
    return Video(source, settings, look)


def start_decoder(settings: ScanSettings | None = None) -> None:
    """Start a decoding process for the first input, so that it loads its libraries while the caller loads others.

    If the settings ask for a card, waits until the card was tested. Raises DeviceError if it cannot decode.
    """
    if settings is None or not settings.decodes_on_card:
        _Worker.take().give_back()
        return
    worker = _Worker.take(on_card=True)
    worker.request(None, settings, None)
    answer: dict[str, Any] | None = None
    with awaiting(worker.child.popen, _patience_seconds(settings)), suppress(*INVALID_REPLY):
        answer = worker.child.receive()
    if answer is not None and "ready" in answer:
        worker.give_back()
        return
    worker.kill()
    said = {} if answer is None else answer
    died = f"decoder cuda: the decoder failed while it opened the card (exit status {worker.exit_status}); use `--decoder cpu`"
    raise DeviceError(str(said.get("no_device") or said.get("message") or died))


def _patience_seconds(settings: ScanSettings) -> float:
    """How long a decoding process may be silent."""
    return stall_seconds(settings) + 2 * GRACE_SECONDS


class Video:
    """One pass over one input; a context manager. `close` may be called from another thread and more than once."""

    def __init__(self, source: Source, settings: ScanSettings, look: SeekPlan | None = None) -> None:
        self._name = source.name
        self._facts = VideoFacts()
        self._expected_frames: int | None = None
        self._origin: dict[str, Any] = {}
        self._decoded = False  # to the end; what comes then is not of the pictures
        self._closed = False
        self._started = False
        self._worker = _Worker.take(settings.decodes_on_card)
        self._held = True
        self._holding = threading.Lock()
        self._patience_seconds = _patience_seconds(settings)
        self._overdue = False
        try:
            self._worker.request(source, settings, look)
            with self._refusing_invalid_replies():
                while "opening" in (answer := self._receive()):
                    pass
                self._expected_frames = answer.get("expected_frames")
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Video:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()

    @property
    def facts(self) -> VideoFacts:
        """What is known so far; final once `frames` has ended. frames_judged stays 0, because judging is not done here."""
        return self._facts

    @property
    def expected_frames(self) -> int | None:
        """How many frames will be sampled if all goes well; None if unknown."""
        return self._expected_frames

    @property
    def origin(self) -> dict[str, Any]:
        """What the file says of where it comes from, as `Verdict.provenance` has it; empty until `frames` has come to the end."""
        return self._origin

    def frames(self) -> Iterator[Frame]:
        """The sampled frames in order, once. Raises SourceError only if nothing could be read at all, and DeviceError if the card fails."""
        if self._started:
            raise RuntimeError("frames() was already iterated; open the video again to read it again")
        self._started = True
        delivered = False
        while self._held:
            try:
                with self._refusing_invalid_replies():
                    answer = self._receive()
                    frame = self._frame(answer["frame"]) if "frame" in answer else None
            except SourceError as error:
                if self._closed or self._decoded:
                    return
                if not delivered:
                    raise
                self._note(error.reason)
                return
            if frame is not None:
                delivered = True
                yield frame
            elif "decoded" in answer:
                self._decoded = True
            elif "end" in answer:
                self._origin = checked_origin(answer.get("origin"))
                self._release(reuse=not answer.get("spent"))

    def close(self) -> None:
        """Stop reading. A running `frames` ends at once; a decoding process that is still working is killed."""
        self._closed = True
        self._release(reuse=False)

    def _release(self, reuse: bool) -> None:
        """Give up the process, only once: by the next call it may already work on another input."""
        with self._holding:
            held, self._held = self._held, False
        if held and reuse:
            self._worker.give_back()
        elif held:
            self._worker.kill()

    def _receive(self) -> dict[str, Any]:
        """The next answer. Raises SourceError if the input failed or the process died."""
        with awaiting(self._worker.child.popen, self._patience_seconds) as killed:
            answer = self._worker.child.receive()
        self._overdue = bool(killed)
        if answer is None:
            raise self._death()
        if "facts" in answer:
            self._facts = _facts(answer["facts"])
        if "no_device" in answer:
            self._release(reuse=False)
            raise DeviceError(str(answer["no_device"]))
        if "failed" in answer:
            self._release(reuse=not answer.get("spent"))
            raise SourceError(answer["failed"], str(answer["message"]))
        return answer

    def _frame(self, header: dict[str, Any]) -> Frame:
        width, height = (int(side) for side in header["size_wh"])
        picture = self._worker.picture((height, width, 3), header["slot"])
        if picture is None:
            raise self._death()
        return Frame(picture, float(header["pts_seconds"]), int(header["index"]))

    @contextmanager
    def _refusing_invalid_replies(self) -> Iterator[None]:
        """An invalid reply ends the worker and this input, and nothing else."""
        try:
            yield
        except SourceError:
            raise
        except INVALID_REPLY as error:
            self._release(reuse=False)
            message = f"{self._name}: invalid reply from the decoder ({type(error).__name__})"
            raise SourceError("decoder_crash", message) from error

    def _death(self) -> SourceError:
        self._release(reuse=False)
        if self._overdue or self._worker.exit_status in (STALLED_STATUS, CPU_STATUS):
            return SourceError("timeout", f"{self._name}: the decoder hung and was stopped")
        return SourceError("decoder_crash", f"{self._name}: the decoder failed (exit status {self._worker.exit_status})")

    def _note(self, reason: str) -> None:
        values = {name: getattr(self._facts, name) for name in _FACT_NAMES}
        self._facts = VideoFacts(**{**values, "reasons": tuple(dict.fromkeys((*self._facts.reasons, reason)))})


def _facts(values: dict[str, Any]) -> VideoFacts:
    known = {name: value for name, value in values.items() if name in _FACT_NAMES}
    width, height = known.get("size_wh", (0, 0))
    known.update(size_wh=(width, height), reasons=tuple(known.get("reasons", ())), warnings=tuple(known.get("warnings", ())))
    for name, value in known.items():
        expected = type(getattr(VideoFacts(), name))
        if type(value) is not expected and not (expected is float and type(value) is int):
            raise ValueError(f"{name}: expected a {expected.__name__}, got a {type(value).__name__}")
    if unknown := {*known["reasons"]} - {*REASONS} or {*known["warnings"]} - {*WARNINGS}:
        raise ValueError(f"reasons and warnings: got {sorted(map(str, unknown))}")
    return VideoFacts(**known)


class _Worker:
    """A decoding process and the pipes to it. on_card: whether it has opened a card, None before its first input: processes with and
    without a card have different memory limits.
    """

    _idle: ClassVar[list[_Worker]] = []
    _lock: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self) -> None:
        self._memory = FrameMemory.create()
        shared = () if self._memory is None else (self._memory.descriptor,)
        self.child = Child("video.sandbox.worker", [str(descriptor) for descriptor in shared], shared)
        self._inputs = 0
        self.on_card: bool | None = None

    @classmethod
    def take(cls, on_card: bool = False) -> _Worker:
        """An idle process that matches `on_card` or has done nothing yet, else a new one."""
        while True:
            with cls._lock:
                worker = next((idle for idle in reversed(cls._idle) if idle.on_card in (None, on_card)), None)
                if worker is None:
                    return cls()
                cls._idle.remove(worker)
            if worker.child.popen.poll() is None:
                return worker
            worker.kill()

    def give_back(self) -> None:
        """Keep the process, which has completed its request, for the next input."""
        with self._lock:
            keep = self._inputs < _INPUTS_PER_WORKER and len(self._idle) < _IDLE_LIMIT
            if keep:
                self._idle.append(self)
        if not keep:
            self.kill()

    @property
    def exit_status(self) -> int | None:
        return self.child.popen.returncode

    def request(self, source: Source | None, settings: ScanSettings, look: SeekPlan | None) -> None:
        self._inputs += 1
        self.on_card = settings.decodes_on_card
        self.child.request(source, settings, look)

    def picture(self, shape_hwc: tuple[int, int, int], slot: int | None) -> NDArray[np.uint8] | None:
        """The picture of the answer just received, from its slot or the pipe; None if the process has died."""
        if slot is None or self._memory is None:
            picture = np.empty(shape_hwc, np.uint8)
            return picture if self.child.receive_into(picture.data.cast("B")) else None
        try:
            picture = self._memory.read(slot, shape_hwc)
        except ValueError:  # invalid reply from the worker
            self.kill()
            return None
        self.child.write(EMPTIED)
        return picture

    def kill(self) -> None:
        self.child.kill()
        self.child.close_pipes()
        if self._memory is not None:
            with suppress(OSError):
                self._memory.close()

    @classmethod
    def kill_idle(cls) -> None:
        with cls._lock:
            idle, cls._idle[:] = list(cls._idle), []
        for worker in idle:
            worker.kill()


atexit.register(_Worker.kill_idle)
