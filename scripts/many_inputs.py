"""Many small, different inputs of many kinds, and a tiny network, for measurements that need thousands of inputs."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import av
import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from screener.checkpoint import load_checkpoint, save_checkpoint
from screener.model.architecture import Architecture
from screener.model.network import Network

PORTRAIT = Path(__file__).resolve().parents[1] / "screener" / "doctor" / "portrait.jpg"
FRAMES, RATE = 8, 8


def save_tiny(path: Path) -> None:
    """The default contract over a tiny network of random weights."""
    contract = load_checkpoint().contract
    architecture = Architecture("tiny", blocks=(1, 1, 1, 1), inner_width=8, outer_width=4, stem_width=4)
    network = Network(architecture).initialise(torch.Generator().manual_seed(0))
    preprocessing = replace(contract.preprocessing, input_size=64)
    save_checkpoint(path, replace(contract, name="tiny", architecture=architecture, preprocessing=preprocessing), network.state_dict())


def write_inputs(folder: Path, count: int, side_px: int) -> None:
    """`count` files. Of ten: six pictures, one clip, one clip that is cut short, one file that is no video, one copy of the first."""
    face = cv2.imread(str(PORTRAIT))
    folder.mkdir(parents=True, exist_ok=True)
    copied = b""
    for number in range(count):
        # A hash in front: pictures that are only numbered would be one sequence.
        stem = folder / f"{hashlib.sha256(str(number).encode()).hexdigest()[:12]}-{number}"
        kind = number % 10
        if kind < 6:
            encoded = cv2.imencode(".png", _picture(face, number, side_px))[1].tobytes()
            copied = encoded if kind == 0 else copied
            stem.with_suffix(".png").write_bytes(encoded)
        elif kind < 8:
            path = stem.with_suffix(".mp4")
            _write_clip(path, [_picture(face, number + frame, side_px) for frame in range(FRAMES)])
            if kind == 7:
                path.write_bytes(path.read_bytes()[: _last_packet(path)])
        elif kind == 8:
            stem.with_suffix(".mp4").write_text(f"no video, number {number}\n" * 20, encoding="utf-8")
        else:
            stem.with_suffix(".png").write_bytes(copied)


def _picture(face: NDArray[np.uint8], number: int, side_px: int) -> NDArray[np.uint8]:
    """The portrait, a little nearer and brighter with each number, and marked with it so that no two are alike."""
    side = min(face.shape[:2])
    margin = number % 24
    near = cv2.resize(face[margin : side - margin, margin : side - margin], (side_px, side_px), interpolation=cv2.INTER_AREA)
    picture = np.clip(near.astype(np.int16) + number % 13, 0, 255).astype(np.uint8)
    picture[0, :32] = [[255 * (number >> bit & 1)] * 3 for bit in range(32)]
    return picture


def _last_packet(path: Path) -> int:
    """Where the last picture begins: a cut within one is counted by a decoder's threads, now as one error and now as two."""
    with av.open(str(path)) as source:
        return max(packet.pos for packet in source.demux(video=0) if packet.pos is not None)


def _write_clip(path: Path, pictures: list[NDArray[np.uint8]]) -> None:
    with av.open(str(path), "w", options={"movflags": "faststart"}) as output:
        stream = output.add_stream("libx264", rate=RATE)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.options = {"preset": "ultrafast", "crf": "20", "threads": "1"}
        for picture in pictures:
            output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        output.mux(stream.encode())
