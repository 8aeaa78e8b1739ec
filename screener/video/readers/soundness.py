"""Which decoded pictures can be believed, told from what the decoder said while it had each packet. Pure: knows packets by number.

A decoder that conceals a loss makes a picture all the same, and every picture that is predicted from it takes the damage over, up to the
next key picture.
"""

from __future__ import annotations

from collections import deque

_FADING_SECONDS = 10.0
"""A stream without key pictures refreshes itself in another way; damage is not held against it for ever."""

_LOOK_BACK_PACKETS = 32
_SHARE_PACKETS = 24
_MOST_DAMAGED = 0.35
"""Above this share of the last packets, those nobody complained of are not believed either: not every decoder sees every wrong bit."""

_KEPT_SPANS = 8


class Soundness:
    """Given each packet of one stream in decoding order, and asked about each picture. count: packets that were complained of."""

    def __init__(self) -> None:
        self.count = 0
        self._open: tuple[int, float | None] | None = None
        self._closed: deque[tuple[int, int, float]] = deque(maxlen=_KEPT_SPANS)
        self._alone: deque[int] = deque(maxlen=_LOOK_BACK_PACKETS)
        self._recent: deque[bool] = deque(maxlen=_SHARE_PACKETS)

    def begin(self) -> None:
        """A first picture came out: what was complained of before it is not of this recording."""
        self._recent.clear()

    def note(self, number: int, seconds: float | None, *, is_key: bool, is_disposable: bool, is_damaged: bool) -> None:
        """number: of the packet, rising. seconds: when its picture is shown. is_disposable: nothing that is shown is predicted from it."""
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
        """Of a picture that came out marked as damaged, though nobody had complained while its packet was decoded."""
        if not self.is_damaged(number, seconds):
            self.count += 1
            self._alone.append(number)

    def is_damaged(self, number: int, seconds: float | None) -> bool:
        """Of the picture that the packet of that number holds."""
        if len(self._recent) == _SHARE_PACKETS and sum(self._recent) > _MOST_DAMAGED * len(self._recent):
            return True
        if self._open is not None and self._open[0] <= number:
            since = self._open[1]
            return seconds is None or since is None or seconds - since <= _FADING_SECONDS
        at = float("inf") if seconds is None else seconds
        # Pictures that follow a key picture in the stream and come before it on the screen are predicted from what was before it, too.
        return number in self._alone or any(
            start <= number < end or (end < number <= end + _LOOK_BACK_PACKETS and at < key) for start, end, key in self._closed
        )
