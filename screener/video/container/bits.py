"""Reads the bit fields of a coded header in order (ISO/IEC 14496-10, sections 7.2 and 9.1). Knows no codec."""

from __future__ import annotations


class Bits:
    """Reads from the first bit on. Raises IndexError past the last one."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._left = 8 * len(data)

    def take(self, count: int) -> int:
        """The next `count` bits as a number."""
        if count > self._left:
            raise IndexError(f"{count} bits: only {self._left} are left")
        self._left -= count
        return self._value >> self._left & ((1 << count) - 1)

    def unsigned(self) -> int:
        """An unsigned Exp-Golomb number, ue(v)."""
        zeros = 0
        while not self.take(1):
            zeros += 1
        return (1 << zeros) - 1 + self.take(zeros)

    def signed(self) -> int:
        """A signed Exp-Golomb number, se(v)."""
        number = self.unsigned()
        return (number + 1) // 2 if number % 2 else -(number // 2)


def unescaped(payload: bytes) -> bytes:
    """The payload of an H.264 or HEVC unit without its emulation prevention bytes, which keep start codes from appearing within it."""
    return payload.replace(b"\0\0\3", b"\0\0")
