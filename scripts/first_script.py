"""The straightforward script that `bench_vs_naive.py` compares `screener scan` with.

    python scripts/first_script.py [--checkpoint PATH]

Reads a file from front to back with OpenCV, runs facenet-pytorch's MTCNN on each wanted frame at full size, cuts every face out, and runs
the network in float32 on one face at a time, gradients on. Takes requests, one JSON object with `clip` and `wanted` (numbers of frames) a
line, from standard input, and answers each with `scores`, `wall_seconds` and `cpu_seconds`. A process of its own, so that it has PyTorch's
own defaults and not screener's: PyTorch is loaded first.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from collections.abc import Iterator

import cv2
import numpy as np
import torch

from screener.checkpoint import load_checkpoint
from screener.model.preprocessing import crop_face


class FirstScript:
    """Models loaded once."""

    def __init__(self, checkpoint_path: str | None) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from facenet_pytorch import MTCNN

            self.detector = MTCNN(keep_all=True)
        checkpoint = load_checkpoint(checkpoint_path)
        self.network = checkpoint.written_out().build_network().eval().requires_grad_(True)
        self.contract = checkpoint.contract.preprocessing
        self.mean = torch.tensor(self.contract.mean_rgb)[:, None, None]
        self.deviation = torch.tensor(self.contract.std_rgb)[:, None, None]

    def scan(self, clip: str, wanted: list[int]) -> list[float]:
        """The scores of all faces in the frames of these numbers."""
        scores = []
        for picture in read(clip, wanted):
            boxes, _ = self.detector.detect(picture)
            for box in [] if boxes is None else boxes:
                crop = crop_face(picture, box, self.contract)
                tensor = (torch.from_numpy(crop).permute(2, 0, 1).float() / 255 - self.mean) / self.deviation
                scores.append(float(torch.softmax(self.network(tensor[None]), 1)[0, 1].detach()))
        return scores


def read(clip: str, wanted: list[int]) -> Iterator[np.ndarray]:
    capture = cv2.VideoCapture(clip)
    left = set(wanted)
    index = 0
    while left and capture.grab():
        if index in left:
            _, picture = capture.retrieve()
            left.discard(index)
            yield cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
        index += 1
    capture.release()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint")
    first = FirstScript(parser.parse_args().checkpoint)
    for line in sys.stdin:
        request = json.loads(line)
        wall, cpu = time.perf_counter(), time.process_time()
        scores = first.scan(request["clip"], request["wanted"])
        spent = {"wall_seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - cpu}
        print(json.dumps({"scores": scores, **spent}), flush=True)


if __name__ == "__main__":
    main()
