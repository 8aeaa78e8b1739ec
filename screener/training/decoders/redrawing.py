"""Inserts faces drawn by decoders into the pictures, and stores the results as files beside a run.

Knows faces, the decoders and files. Does not know pairs, labels or the network to be trained.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from screener.runtime.files import make_folder, telling, write_whole
from screener.scoring import choose_dtype
from screener.training.decoders.autoencoder import STRIDE, Autoencoder, load_autoencoder
from screener.training.decoders.drawn_pictures import INDEX, WHOLE_PICTURES
from screener.training.decoders.swap_decoder import SPECS, SwapDecoder, train_swap_decoder
from screener.training.labelled_pictures import LabelledFace
from screener.training.self_blending import match_colour, mix, warped

UInt8 = NDArray[np.uint8]
Rng = np.random.Generator
Say = Callable[[str], None]

Drawn = tuple[LabelledFace, bytes]
"""A face and the JPEG of its copy."""

TEMPLATE = np.array([(0.34, 0.40), (0.66, 0.40), (0.5, 0.58), (0.37, 0.76), (0.63, 0.76)], np.float32)
"""Positions of eyes, nose and mouth corners in an aligned face, relative to its side."""

FACE_PX = (56.0, 200.0)
"""Range of the face size, log-uniform, when the autoencoder processes the whole picture."""

FACES_ALONE = "face-autoencoder"
"""Prefix of the names of passes in which the autoencoder draws only the aligned face."""

ALIGNED_PX = (80.0, 208.0)
"""Range of the aligned face's side, log-uniform, when the autoencoder draws only the face: swap tools draw faces of 96 to 224 pixels."""

MOST_MIXED = 0.35
"""Maximum share by which an aligned face's latents are moved towards another face's."""

MOST_ERROR = 0.08
"""Maximum mean difference, on values from 0 to 1, for a decoder to count as having learnt to draw faces."""

QUALITY = [cv2.IMWRITE_JPEG_QUALITY, 97, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]


@dataclass(frozen=True, eq=False)
class Aligned:
    """A face aligned to the template. crop_rgb: (size, size, 3) uint8. matrix: (2, 3), from the picture to the crop."""

    face: LabelledFace
    crop_rgb: UInt8
    matrix: NDArray[np.float64]


def decode_faces(
    faces: Sequence[LabelledFace],
    folder: Path,
    kinds: Mapping[str, float],
    autoencoder: Path,
    device: torch.device,
    seed: int,
    say: Say,
) -> None:
    """Draw every real face with each of `kinds` that `folder` does not contain yet, and write the pictures there.

    kinds: name of a decoder -> seconds of its training. A name that begins with `autoencoder` or `face-autoencoder` is a pass of the
    pre-trained autoencoder in the folder `autoencoder`, over whole pictures or aligned faces; the others are keys of `SPECS`, and one that
    has not learnt to draw faces in its time is skipped. Raises CheckpointError if the autoencoder cannot be read, OutputError if a picture
    cannot be written.
    """
    reals = [face for face in faces if face.label == "real"]
    with ThreadPoolExecutor() as pool:
        for number, (kind, seconds) in enumerate(kinds.items()):
            target = folder / kind
            if (target / INDEX).exists():
                continue
            make_folder(target)
            rng = np.random.default_rng([seed, number])
            if kind.startswith(WHOLE_PICTURES):
                drawn = _whole_pictures(reals, load_autoencoder(autoencoder).to(device), device, rng, pool)
            elif kind.startswith(FACES_ALONE):
                drawn = _faces_alone(reals, load_autoencoder(autoencoder).to(device), device, rng, pool)
            else:
                network, aligned = _trained(reals, kind, seconds, device, seed, pool, say)
                if network is None:
                    continue
                drawn = _swapped_faces(aligned, network, device, rng, pool)
            written = _write(drawn, target)
            write_whole(target / INDEX, json.dumps(written))
            say(f"{kind}: {len(written):,} faces drawn")


def _write(drawn: Iterator[Sequence[Drawn]], folder: Path) -> dict[str, str]:
    """Write the pictures of each batch as numbered files; returns name of the face -> name of the file."""
    names: dict[str, str] = {}
    for batch in drawn:
        for face, data in batch:
            path = folder / f"{len(names):06d}.jpg"
            with telling(path):
                path.write_bytes(data)
            names[face.name] = path.name
    return names


def _encoded(picture: UInt8) -> bytes:
    return bytes(cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), QUALITY)[1].data)


def _whole_pictures(
    faces: Sequence[LabelledFace], network: Autoencoder, device: torch.device, rng: Rng, pool: ThreadPoolExecutor
) -> Iterator[list[Drawn]]:
    """Every picture through the autoencoder, batched by size, each batch rescaled to a random size."""
    by_size: dict[tuple[int, int], list[LabelledFace]] = {}
    for face in faces:
        by_size.setdefault(face.size_hw, []).append(face)
    generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
    for (height, width), of_size in by_size.items():
        order = rng.permutation(len(of_size))
        for batch in np.array_split(order, -(-len(order) // _batch(device))):
            chosen = [of_size[i] for i in batch]
            middle = np.median([max(f.box_xyxy[2] - f.box_xyxy[0], f.box_xyxy[3] - f.box_xyxy[1]) for f in chosen])
            scale = min(float(np.exp(rng.uniform(*np.log(FACE_PX)))) / float(middle), 1.15)
            side_wh = [max(64, round(length * scale / STRIDE) * STRIDE) for length in (width, height)]
            pictures = np.stack(list(pool.map(lambda face, wh: _resized(face.picture_rgb, *wh), chosen, [side_wh] * len(chosen))))
            with torch.inference_mode(), _half(device):
                drawn = network(_tensor(pictures).to(device).float() / 255, generator)
            back = (drawn.float() * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
            data = pool.map(lambda picture, wh: _encoded(_resized(picture, *wh)), back, [(width, height)] * len(back))
            yield list(zip(chosen, data, strict=True))


def _faces_alone(
    faces: Sequence[LabelledFace], network: Autoencoder, device: torch.device, rng: Rng, pool: ThreadPoolExecutor
) -> Iterator[list[Drawn]]:
    """Every aligned face through the autoencoder, in the sizes of swap tools, some mixed with another face, then blended back."""
    generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
    order = rng.permutation(len(faces))
    for batch in np.array_split(order, -(-len(order) // _batch(device))):
        side = STRIDE * round(float(np.exp(rng.uniform(*np.log(ALIGNED_PX)))) / STRIDE)
        found = list(pool.map(lambda face, side: _aligned(face, side), [faces[i] for i in batch], [side] * len(batch)))
        aligned = [Aligned(faces[i], crop, matrix) for i, (crop, matrix) in zip(batch, found, strict=True) if matrix is not None]
        if not aligned:
            continue
        crops = _tensor(np.stack([one.crop_rgb for one in aligned])).to(device).float() / 255
        with torch.inference_mode(), _half(device):
            drawn = network(crops, generator, MOST_MIXED)
        yield _blended_back(aligned, (drawn.float() * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy(), rng, pool)


def _blended_back(aligned: Sequence[Aligned], patches: UInt8, rng: Rng, pool: ThreadPoolExecutor) -> list[Drawn]:
    seeds = rng.integers(2**62, size=len(aligned)).tolist()
    data = pool.map(lambda one, patch, drawn: _encoded(_put_back(one, patch, np.random.default_rng(drawn))), aligned, patches, seeds)
    return list(zip([one.face for one in aligned], data, strict=True))


def _trained(
    faces: Sequence[LabelledFace], kind: str, seconds: float, device: torch.device, seed: int, pool: ThreadPoolExecutor, say: Say
) -> tuple[SwapDecoder | None, list[Aligned]]:
    """The decoder, trained on the aligned faces, and these faces; None instead of the decoder if it has not learnt to draw them."""
    spec = SPECS[kind]
    found = pool.map(lambda face: _aligned(face, spec.size), faces)
    aligned = [Aligned(face, crop, matrix) for face, (crop, matrix) in zip(faces, found, strict=True) if matrix is not None]
    crops = _tensor(np.stack([one.crop_rgb for one in aligned])).to(device if device.type == "cuda" else "cpu")
    network = train_swap_decoder(spec, crops, seconds, 128 if device.type == "cuda" else 16, device, seed, say)
    some = crops[:: max(1, len(crops) // 256)].to(device).float() / 255
    with torch.inference_mode():
        error = float((network(some) - some).abs().mean())
    if error > MOST_ERROR:
        say(f"{kind}: left out, for after {seconds:g} s it draws faces {error:.3f} off on average; give it more time")
        return None, aligned
    say(f"{kind}: draws faces {error:.3f} off on average")
    return network, aligned


def _swapped_faces(
    aligned: Sequence[Aligned], network: SwapDecoder, device: torch.device, rng: Rng, pool: ThreadPoolExecutor
) -> Iterator[list[Drawn]]:
    """Each face drawn by the decoder and blended back into its picture."""
    for first in range(0, len(aligned), _batch(device)):
        batch = aligned[first : first + _batch(device)]
        patches = _drawn(network, _tensor(np.stack([one.crop_rgb for one in batch])).to(device).float() / 255, rng)
        yield _blended_back(batch, patches, rng, pool)


def _drawn(network: SwapDecoder, faces: torch.Tensor, rng: Rng) -> UInt8:
    """(N, 3, S, S) in [0, 1] -> (N, S, S, 3) uint8. Half of the dense codes are moved some way towards another face's."""
    with torch.inference_mode(), _half(faces.device):
        code = network.encode(faces)
        if network.is_dense:
            share = rng.uniform(0, 0.6, len(code)) * (rng.random(len(code)) < 0.5)
            code = torch.lerp(code, code.roll(1, 0), torch.from_numpy(share).to(code)[:, None])
        drawn = network.decode(code)
    return np.asarray((drawn.float() * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy(), np.uint8)


def _aligned(face: LabelledFace, size: int) -> tuple[UInt8, NDArray[np.float64] | None]:
    """The face aligned to the template, (size, size, 3), and the matrix of the alignment; None if the landmarks do not allow it."""
    matrix, _ = cv2.estimateAffinePartial2D(face.landmarks_xy, TEMPLATE * size, method=cv2.LMEDS)
    if matrix is None or not 0.1 < np.hypot(matrix[0, 0], matrix[1, 0]) < 10:
        return np.zeros((size, size, 3), np.uint8), None
    placed = np.asarray(matrix, np.float64)
    return warped(face.picture_rgb, placed, size), placed


def _put_back(aligned: Aligned, patch: UInt8, rng: Rng) -> UInt8:
    """Move the patch back to its place, with a soft oval mask; mostly with the colours matched to the picture."""
    picture = aligned.face.picture_rgb
    height, width = picture.shape[:2]
    size = patch.shape[0]
    mask = np.zeros((size, size), np.float32)
    axes = (round(size * rng.uniform(0.32, 0.45)), round(size * rng.uniform(0.36, 0.48)))
    cv2.ellipse(mask, (size // 2, round(size * rng.uniform(0.52, 0.58))), axes, 0, 0, 360, 1.0, -1)
    mask = np.asarray(cv2.GaussianBlur(mask, (0, 0), size * rng.uniform(0.012, 0.06)), np.float32)
    # The square's edge must not show where it cuts the oval.
    mask *= np.asarray(cv2.GaussianBlur(np.pad(np.ones((size - 8, size - 8), np.float32), 4), (0, 0), 2.0))
    back = cv2.invertAffineTransform(aligned.matrix)
    moved = np.asarray(cv2.warpAffine(patch, back, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101), np.uint8)
    weight = np.asarray(cv2.warpAffine(mask, back, (width, height), flags=cv2.INTER_LINEAR), np.float32)
    if rng.random() < 0.75:
        moved = match_colour(moved, picture, weight)
    return mix(moved, picture, weight)


def _resized(picture: UInt8, width: int, height: int) -> UInt8:
    how = cv2.INTER_AREA if width < picture.shape[1] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, (width, height), interpolation=how), np.uint8)


def _tensor(pictures: UInt8) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(pictures.transpose(0, 3, 1, 2)))


def _half(device: torch.device) -> torch.autocast:
    """bfloat16 where the hardware computes in it: three times as fast on such a CPU."""
    return torch.autocast(device.type, torch.bfloat16, enabled=choose_dtype("auto", device) is torch.bfloat16)


def _batch(device: torch.device) -> int:
    return 64 if device.type == "cuda" else 8
