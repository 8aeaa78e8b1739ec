"""Coded JPEGs: wrong bits that FFmpeg ignores, and where a picture ends."""

from __future__ import annotations

import os
import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import numpy as np
import pytest
from video_media import noise

from screener.video.ledger import Complaints
from screener.video.readers.jpeg_integrity import decodes_whole, end_of_jpeg


@contextmanager
def hearing() -> Iterator[Complaints]:
    """Of this process, whose standard error goes into a file meanwhile."""
    with tempfile.TemporaryFile(mode="a+b", buffering=0) as file:
        kept = os.dup(2)
        os.dup2(file.fileno(), 2)
        try:
            yield Complaints(file.fileno())
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def jpeg(number: int = 0, *options: int) -> bytes:
    picture = cv2.resize(noise(number), (320, 240), interpolation=cv2.INTER_CUBIC)
    return bytes(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 90, *options])[1].tobytes())


def flipped(data: bytes, seed: int, bits: int) -> bytes:
    draw, damaged = random.Random(seed), bytearray(data)
    for _ in range(bits):
        damaged[draw.randrange(data.index(b"\xff\xda") + 14, len(data) - 2)] ^= 1 << draw.randrange(8)
    return bytes(damaged)


WAYS: list[tuple[int, ...]] = [(), (cv2.IMWRITE_JPEG_PROGRESSIVE, 1), (cv2.IMWRITE_JPEG_RST_INTERVAL, 4), (cv2.IMWRITE_JPEG_OPTIMIZE, 1)]


@pytest.mark.parametrize("options", WAYS)
def test_sound_pictures_pass(options: tuple[int, ...]) -> None:
    with hearing() as complaints:
        for number in range(8):
            data = jpeg(number, *options)
            assert decodes_whole(data, complaints)
            assert decodes_whole(data[:-2], complaints), "without its last marker, as some cameras send it"
            assert decodes_whole(data[:-2] + bytes(50) + data[-2:], complaints) and decodes_whole(data + bytes(50), complaints)


def test_pictures_without_tables_pass() -> None:
    """As in AVI, where everyone knows them."""
    data = jpeg()
    while (at := data.find(b"\xff\xc4")) > 0:
        data = data[:at] + data[at + 2 + int.from_bytes(data[at + 2 : at + 4], "big") :]
    with hearing() as complaints:
        assert decodes_whole(data, complaints)


@pytest.mark.parametrize("share", [0.3, 0.55, 0.9, 0.99])
def test_half_received_pictures_do_not(share: float) -> None:
    data = jpeg()
    with hearing() as complaints:
        assert not decodes_whole(data[: int(len(data) * share)], complaints)


def test_most_wrong_bits_are_noticed() -> None:
    data, with_restarts = jpeg(), jpeg(0, cv2.IMWRITE_JPEG_RST_INTERVAL, 2)
    with hearing() as complaints:
        assert sum(not decodes_whole(flipped(data, seed, 20), complaints) for seed in range(40)) >= 34
        assert sum(not decodes_whole(flipped(with_restarts, seed, 20), complaints) for seed in range(40)) == 40


def test_where_nobody_listens_nothing_is_doubted() -> None:
    assert decodes_whole(flipped(jpeg(), 1, 20), Complaints())


@pytest.mark.parametrize("options", WAYS)
def test_where_a_picture_ends(options: tuple[int, ...]) -> None:
    data = jpeg(0, *options)
    for behind in (b"", b"more", jpeg(1), bytes(9)):
        assert end_of_jpeg(data + behind) == len(data)
    thumbnail = b"\xff\xe1" + (len(data) // 4).to_bytes(2, "big") + jpeg(1)[: len(data) // 4 - 2]
    assert end_of_jpeg(data[:2] + thumbnail + data[2:]) == len(data) + len(thumbnail)
    assert end_of_jpeg(data[: len(data) // 2]) == len(data) // 2
    assert np.frombuffer(data, np.uint8)[-1] == 0xD9
