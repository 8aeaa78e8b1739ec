"""Measures whether what weights learnt on pictures of faces carries over to frames of video, with the training's own kinds of fakes.

    python scripts/measure_carry_over.py WEIGHTS... --faces FACES/manifest.csv --clips CLIPS/manifest.csv --folder FOLDER

Real faces, of the held-out pictures and of the real clips' frames, are turned into the same kinds of fakes, lightly degraded, and scored.
If the two rows agree, the network works on frames of video as well as on pictures, and fakes of the clips that it misses are of kinds that
it never learnt. Nothing is trained.

Prints for each kind the AUC, and in brackets the share of pairs whose fake scores above the real picture that it was made of.

--folder: keeps the faces of the pictures, and what the autoencoder draws (--autoencoder), between runs; another one for other data.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch
from measure_slices import network_of

from screener.datasets import read_manifest
from screener.evaluation.metrics import roc_auc
from screener.faces import MtcnnDetector
from screener.scoring import Scorer, TorchEngine, relative
from screener.training.decoders.redrawing import decode_faces
from screener.training.end_to_end_data import pictures_of, split_faces
from screener.training.labelled_pictures import LabelledFace
from screener.training.pairs import PairMaker, Recipe
from screener.training.validation import Validation

HARDNESS, STRENGTH = 0.1, 0.9
SHARES = {"self_blended": 1.0, "swapped": 1.0, "decoded": 1.0}
AUTOENCODER = {"face-autoencoder": 0.0}
FRAMES = 2
"""Faces of a clip, from its first and its second half."""

AROUND = 2.4
"""Side of what is kept of a frame, over the longer side of the face box."""


def faces_of_clips(manifest: Path) -> list[LabelledFace]:
    """The largest face of some frames of each real clip, with its surroundings."""
    detector, faces = MtcnnDetector(), []
    for video in read_manifest(manifest):
        if video.label:
            continue
        capture, frames = cv2.VideoCapture(str(video.path.resolve())), []
        while (read := capture.read())[0]:
            frames.append(read[1])
        if not frames:
            continue
        for number in np.linspace(0, len(frames) - 1, 2 * FRAMES + 1)[1::2].round().astype(int):
            frame = np.asarray(cv2.cvtColor(frames[number], cv2.COLOR_BGR2RGB), np.uint8)
            face = max(detector.detect(frame), key=lambda face: face.size_px, default=None)
            if face is None:
                continue
            left, top, right, bottom = face.box_xyxy
            half = AROUND / 2 * max(right - left, bottom - top)
            x, y = (max(0, int(middle - half)) for middle in ((left + right) / 2, (top + bottom) / 2))
            kept = frame[y : int((top + bottom) / 2 + half), x : int((left + right) / 2 + half)].copy()
            box, points = face.box_xyxy - [x, y, x, y], face.landmarks_xy - [x, y]
            name = f"{video.name} {number}"
            size = kept.shape[0], kept.shape[1]
            faces.append(LabelledFace("clips", "real", name, kept, size, box.astype(np.float32), points.astype(np.float32)))
    return faces


def pairs_of(faces: list[LabelledFace], folder: Path, autoencoder: Path | None) -> Validation:
    if autoencoder is not None:
        decode_faces(faces, folder, AUTOENCODER, autoencoder, torch.device("cpu"), 0, print)
    return Validation.draw(PairMaker(faces, folder, SHARES), Recipe(224, 1.3, HARDNESS, STRENGTH))


def found(weights: Path, pairs: Validation) -> dict[str, str]:
    """Kind of the fakes -> its figures."""
    network, reference = network_of(weights)
    scorer = Scorer(relative(TorchEngine(network, pairs.preprocessing), reference), pairs.preprocessing)
    logits = scorer.logits(pairs.crops)
    figures = {}
    for source in dict.fromkeys(pairs.sources.tolist()):
        of_source = pairs.sources == source
        labels, scores = pairs.labels[of_source], logits[of_source]
        # Each batch holds its reals and then their fakes, in one order.
        in_order = float((scores[labels == 1] > scores[labels == 0]).mean())
        figures[source] = f"{roc_auc(labels, scores):.3f} ({in_order:.2f})"
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path, nargs="+")
    parser.add_argument("--faces", type=Path, required=True)
    parser.add_argument("--clips", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--autoencoder", type=Path)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    held = split_faces(pictures_of(arguments.faces, print), arguments.faces, arguments.folder / "faces.npz", print).validation
    reals = {"held-out pictures": [face for face in held if face.label == "real"], "frames of clips": faces_of_clips(arguments.clips)}
    pairs = {name: pairs_of(faces, arguments.folder / name, arguments.autoencoder) for name, faces in reals.items()}
    print("; ".join(f"{len(faces):,} faces of {name}" for name, faces in reals.items()))
    for weights in arguments.weights:
        print(f"{weights.name}: AUC (share of pairs in order)")
        for name, made in pairs.items():
            print(f"  {name:<18} " + ", ".join(f"{source} {words}" for source, words in found(weights, made).items()), flush=True)


if __name__ == "__main__":
    main()
