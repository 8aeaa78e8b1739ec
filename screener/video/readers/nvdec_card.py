"""The NVIDIA card of a decoding process: opened, tested with a picture of known content, and kept open for the next inputs.

Runs only in the decoding process, which is ended after a file has made the card fail. Does not know frames or timelines.
"""

from __future__ import annotations

import re
from pathlib import Path

from av.codec import Codec, CodecContext
from av.codec.hwaccel import HWAccel
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet

from screener.errors import DeviceError, SourceError
from screener.video.container.opening import open_container
from screener.video.ledger import Complaints

CARD_FORMAT = "cuda"
"""The pixel format of frames in the card's memory."""

TRIAL_LEVEL, TRIAL_COLOUR = 120, 128
TRIAL_H264 = bytes.fromhex(
    "000000016764100cacb820274200000300020000030064080000000168ce06cb22c00000000165888404bc98a00022332727272727272727"
    "272727272727275d75d75d75d75d75d75d75d75d75d75d75d75d75d75d75d75d75d75d75d75d75d75d75d75d75d75d75d75d75d75d75d75d"
    "75d75d75d75d75d75d75d75d75d75d75d75d75d75d75d75d75d75d75d75d75d75d75d75d75d75d75d75d75d75d75d780"
)
"""One H.264 key picture of 256 x 144, filled with one brightness and colour, which every card with a video decoder can decode."""

_SPEAKER = re.compile(r"^\[[^\]]*\] ")


class Card:
    """The card that this process decodes on. is_spent: a file made it fail, so the next input needs a fresh process."""

    def __init__(self) -> None:
        self._held: HWAccel | None = None
        self.is_spent = False

    def hold(self, complaints: Complaints) -> None:
        """Open the card and decode a test picture on it, once. Raises DeviceError, which says why that failed."""
        if self._held is not None:
            return
        complaints.new()
        try:
            held = _acceleration().create(Codec("h264", "r"))  # while this exists, opening the card again is quick
            fault = _trial_fault()
        except (FFmpegError, NotImplementedError) as error:  # PyAV raises NotImplementedError if its build does not support the card
            fault = str(error)
        if fault:
            said = [_SPEAKER.sub("", line.decode(errors="replace")).strip() for line in complaints.new()]
            why = "; ".join(dict.fromkeys(said)) or fault
            raise DeviceError(f"decoder cuda: no NVIDIA card here decodes video ({why}); see `screener doctor`, or use `--decoder cpu`")
        self._held = held

    def open(self, path: Path, name: str) -> InputContainer:
        """Open a file for decoding on the card, after the CPU has opened it. Raises DeviceError."""
        try:
            return open_container(path, name, _acceleration())
        except SourceError as error:
            raise DeviceError(f"decoder cuda: the card cannot be opened any more ({error.__cause__})") from error


CARD = Card()


def _acceleration() -> HWAccel:
    # Frames stay on the card until they are wanted; if it cannot decode one, we want an error and not FFmpeg's silent fallback to the CPU.
    return HWAccel("cuda", allow_software_fallback=False, is_hw_owned=True)


def _trial_fault() -> str:
    """What is wrong with the test picture as decoded by the card; empty if nothing is. Raises FFmpegError."""
    context = CodecContext.create("h264", "r", hwaccel=_acceleration())
    frames = [*context.decode(Packet(TRIAL_H264)), *context.decode(None)]
    if len(frames) != 1 or frames[0].format.name != CARD_FORMAT:
        return "a trial picture was not decoded on it"
    planes = frames[0].reformat(format="yuv420p").to_ndarray()  # luma rows first, chroma rows after them
    sound = (planes[: -len(planes) // 3] == TRIAL_LEVEL).all() and (planes[-len(planes) // 3 :] == TRIAL_COLOUR).all()
    return "" if sound else "a trial picture came out wrong"
