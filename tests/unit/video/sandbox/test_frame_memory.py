"""Pictures in shared memory: read as written, and a corrupt writer cannot cause reads outside it."""

from __future__ import annotations

import os
import sys

import numpy as np
import pytest

from screener.video.sandbox.frame_memory import SLOT_BYTES, SLOTS, FrameMemory

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has such memory; elsewhere there is the pipe")


@pytest.fixture
def memory() -> FrameMemory:
    made = FrameMemory.create()
    assert made is not None
    return made


def test_a_picture_written_on_one_side_is_read_on_the_other_as_a_copy(memory: FrameMemory) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (31, 57, 3), dtype=np.uint8)
    other_side = FrameMemory(os.dup(memory.descriptor))
    assert other_side.write(1, picture[:, ::-1])
    read = memory.read(1, (31, 57, 3))
    np.testing.assert_array_equal(read, picture[:, ::-1])
    other_side.write(1, np.zeros_like(picture))
    np.testing.assert_array_equal(read, picture[:, ::-1])
    assert not memory.read(0, (31, 57, 3)).any()


def test_a_picture_too_large_is_left_to_the_pipe(memory: FrameMemory) -> None:
    assert not memory.write(0, np.broadcast_to(np.uint8(1), (SLOT_BYTES // 3 + 1, 1, 3)))
    assert not memory.read(0, (9, 9, 3)).any()


@pytest.mark.parametrize(("slot", "shape"), [(SLOTS, (1, 1, 3)), (-1, (1, 1, 3)), (0, (SLOT_BYTES, 1, 3)), (0, (0, 5, 3)), (0, (-5, 5, 3))])
def test_what_cannot_be_is_refused(memory: FrameMemory, slot: int, shape: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="slot"):
        memory.read(slot, shape)


def test_nobody_can_take_the_ground_from_under_a_reader(memory: FrameMemory) -> None:
    for size in (0, SLOTS * SLOT_BYTES + 1):
        with pytest.raises(PermissionError):
            os.ftruncate(memory.descriptor, size)
    assert os.fstat(memory.descriptor).st_size == SLOTS * SLOT_BYTES


def test_other_systems_go_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert FrameMemory.create() is None
