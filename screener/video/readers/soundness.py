"""Which decoded pictures are undamaged, from the errors that the decoder reported for each packet. Pure: knows packets by number.

A decoder that conceals a loss still outputs a picture, and every picture predicted from it inherits the damage, up to the next key picture.
"""

from __future__ import annotations

from collections import deque

_FADING_SECONDS = 10.0
"""A stream without key pictures refreshes itself in other ways, so damage stops counting after this long."""

_LOOK_BACK_PACKETS = 32
_SHARE_PACKETS = 24
_MOST_DAMAGED = 0.35
"""If more than this share of the last packets were damaged, the rest is not trusted either: decoders do not detect every wrong bit."""

_KEPT_SPANS = 8


class Soundness:
    """Pass each packet of one stream to `note` in decoding order, then ask about each picture. count: number of damaged packets."""

    def __init__(self) -> None:
        self.count = 0
        self._open: tuple[int, float | None] | None = None
        self._closed: deque[tuple[int, int, float]] = deque(maxlen=_KEPT_SPANS)
        self._alone: deque[int] = deque(maxlen=_LOOK_BACK_PACKETS)
        self._recent: deque[bool] = deque(maxlen=_SHARE_PACKETS)

    def begin(self) -> None:
        """The first picture came out: errors before it do not concern this recording."""
        self._recent.clear()

    def note(self, number: int, seconds: float | None, *, is_key: bool, is_disposable: bool, is_damaged: bool) -> None:
        """number: of the packet, rising. seconds: when its picture is shown. is_disposable: no shown picture is predicted from it."""
        self._recent.append(is_damaged)
        if is_key and self._open is not None:
            self._closed.append((self._open[0], number, float("-inf") if seconds is None else seconds))
            self._open = None
        if not is_damaged:
            return
        self.count += 1
        if is_disposable:
            self._alone.append(number)
        elif self._open is None:
            self._open = (number, seconds)

    def distrust(self, number: int, seconds: float | None) -> None:
        """A picture was marked as damaged although no error was reported while its packet was decoded."""
        if not self.is_damaged(number, seconds):
            self.count += 1
            self._alone.append(number)

    def is_damaged(self, number: int, seconds: float | None) -> bool:
        """Whether the picture in the packet of that number is damaged."""
        if len(self._recent) == _SHARE_PACKETS and sum(self._recent) > _MOST_DAMAGED * len(self._recent):
            return True
        if self._open is not None and self._open[0] <= number:
            since = self._open[1]
            return seconds is None or since is None or seconds - since <= _FADING_SECONDS
        at = float("inf") if seconds is None else seconds
        # Pictures that follow a key picture in the stream and precede it on screen are also predicted from pictures before it.
        return number in self._alone or any(
            start <= number < end or (end < number <= end + _LOOK_BACK_PACKETS and at < key) for start, end, key in self._closed
        )
