"""The NVIDIA card of a decoding process: opened, tried on a picture whose content is known, and kept for one input after the other.

Runs in the decoding process alone, which is ended with whatever a hostile file did to the card. Does not know frames or timelines.
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
"""The pixel format of frames that lie on the card."""

TRIAL_LEVEL, TRIAL_COLOUR = 120, 128
TRIAL_H264 = bytes.fromhex(
    "000000016764100cacb820274200000300020000030064080000000168ce06cb22c00000000165888404bc98a00022332727272727272727"
    "272727272727275d75d75d75d75d75d75d75d75d75d75d75d75d75d75d75d75d75d75d75d75d75d75d75d75d75d75d75d75d75d75d75d75d"
    "75d75d75d75d75d75d75d75d75d75d75d75d75d75d75d75d75d75d75d75d75d75d75d75d75d75d75d75d75d75d75d780"
)
"""One key picture of 256 x 144 in H.264, of that brightness and colour all over: what every card with a video decoder can decode."""

_SPEAKER = re.compile(r"^\[[^\]]*\] ")


class Card:
    """The card that this process decodes on. is_spent: a file made it fail, so that the next needs a fresh process."""

    def __init__(self) -> None:
        self._held: HWAccel | None = None
        self.is_spent = False

    def hold(self, complaints: Complaints) -> None:
        """Open the card and decode a picture on it, once. Raises DeviceError, which says why not."""
        if self._held is not None:
            return
        complaints.new()
        try:
            held = _acceleration().create(Codec("h264", "r"))  # as long as it lives, opening the card again is quick
            fault = _trial_fault()
        except (FFmpegError, NotImplementedError) as error:  # the second is PyAV's word for a build that knows no such card
            fault = str(error)
        if fault:
            said = [_SPEAKER.sub("", line.decode(errors="replace")).strip() for line in complaints.new()]
            why = "; ".join(dict.fromkeys(said)) or fault
            raise DeviceError(f"decoder cuda: no NVIDIA card here decodes video ({why}); see `screener doctor`, or use `--decoder cpu`")
        self._held = held

    def open(self, path: Path, name: str) -> InputContainer:
        """The container of a file that the CPU has opened before, its video to be decoded on the card. Raises DeviceError."""
        try:
            return open_container(path, name, _acceleration())
        except SourceError as error:
            raise DeviceError(f"decoder cuda: the card cannot be opened any more ({error.__cause__})") from error


CARD = Card()


def _acceleration() -> HWAccel:
    # Frames stay on the card until they are wanted; what it cannot decode is an error, not FFmpeg's own silent turn to the CPU.
    return HWAccel("cuda", allow_software_fallback=False, is_hw_owned=True)


def _trial_fault() -> str:
    """What is wrong with the picture that the card makes of the trial; nothing if all is well. Raises FFmpegError."""
    context = CodecContext.create("h264", "r", hwaccel=_acceleration())
    frames = [*context.decode(Packet(TRIAL_H264)), *context.decode(None)]
    if len(frames) != 1 or frames[0].format.name != CARD_FORMAT:
        return "a trial picture was not decoded on it"
    planes = frames[0].reformat(format="yuv420p").to_ndarray()  # the rows of brightness above those of colour
    sound = (planes[: -len(planes) // 3] == TRIAL_LEVEL).all() and (planes[-len(planes) // 3 :] == TRIAL_COLOUR).all()
    return "" if sound else "a trial picture came out wrong"
