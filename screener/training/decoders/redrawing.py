"""Puts what decoders draw back into the pictures, and keeps the results as files beside a run.

Knows faces, the decoders and files. Does not know pairs, labels of data sets or the network that will learn from this.
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
from screener.training.decoders.autoencoder import STRIDE, Autoencoder, load_autoencoder
from screener.training.decoders.drawn_pictures import INDEX, WHOLE_PICTURES
from screener.training.decoders.swap_decoder import SPECS, SwapDecoder, train_swap_decoder
from screener.training.labelled_pictures import LabelledFace
from screener.training.self_blending import match_colour, mix

UInt8 = NDArray[np.uint8]
Rng = np.random.Generator
Say = Callable[[str], None]

Drawn = tuple[LabelledFace, bytes]
"""A face and the JPEG of its copy."""

TEMPLATE = np.array([(0.34, 0.40), (0.66, 0.40), (0.5, 0.58), (0.37, 0.76), (0.63, 0.76)], np.float32)
"""Where eyes, nose and mouth corners lie in an aligned face, in shares of its side."""

FACE_PX = (56.0, 200.0)
"""Size of the face when the whole picture goes through the autoencoder, log-uniform."""

FACES_ALONE = "face-autoencoder"
"""How the name of a pass begins in which the autoencoder draws the aligned face alone."""

ALIGNED_PX = (80.0, 208.0)
"""Side of the aligned face when it goes through the autoencoder alone, log-uniform: swap tools draw faces of 96 to 224 pixels."""

MOST_MIXED = 0.35
"""How far at most an aligned face's latents are moved towards another face's."""

MOST_ERROR = 0.08
"""Mean difference, of values from 0 to 1, up to which a decoder counts as drawing faces at all."""

QUALITY = [cv2.IMWRITE_JPEG_QUALITY, 97, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]


@dataclass(frozen=True, eq=False)
class Aligned:
    """A face on the template. crop_rgb: (size, size, 3) uint8. matrix: (2, 3), from the picture to the crop."""

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
    """Draw every real face by each of `kinds` that `folder` does not hold yet, and write the pictures there.

    kinds: name of a decoder -> seconds for which it is trained first. A name that begins with `autoencoder` or `face-autoencoder` is a pass
    of the autoencoder in the folder `autoencoder`, which comes trained, over the whole pictures or over the aligned faces; the others are
    of `SPECS`, and one that has not learnt to draw a face in its time is left out. Raises CheckpointError when the autoencoder cannot be
    read, OutputError when a picture cannot be written.
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
    """The pictures of each batch as files named by their number; name of the face -> name of the file."""
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
    """Every picture through the autoencoder, those of one size together, each batch in a size of its own."""
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
            with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
                drawn = network(_tensor(pictures).to(device).float() / 255, generator)
            back = (drawn.float() * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
            data = pool.map(lambda picture, wh: _encoded(_resized(picture, *wh)), back, [(width, height)] * len(back))
            yield list(zip(chosen, data, strict=True))


def _faces_alone(
    faces: Sequence[LabelledFace], network: Autoencoder, device: torch.device, rng: Rng, pool: ThreadPoolExecutor
) -> Iterator[list[Drawn]]:
    """Every aligned face through the autoencoder, in sizes that swap tools work in, some moved towards another face; then blended back."""
    generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
    order = rng.permutation(len(faces))
    for batch in np.array_split(order, -(-len(order) // _batch(device))):
        side = STRIDE * round(float(np.exp(rng.uniform(*np.log(ALIGNED_PX)))) / STRIDE)
        found = list(pool.map(lambda face, side: _aligned(face, side), [faces[i] for i in batch], [side] * len(batch)))
        aligned = [Aligned(faces[i], crop, matrix) for i, (crop, matrix) in zip(batch, found, strict=True) if matrix is not None]
        if not aligned:
            continue
        crops = _tensor(np.stack([one.crop_rgb for one in aligned])).to(device).float() / 255
        with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            drawn = network(crops, generator, MOST_MIXED)
        yield _blended_back(aligned, (drawn.float() * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy(), rng, pool)


def _blended_back(aligned: Sequence[Aligned], patches: UInt8, rng: Rng, pool: ThreadPoolExecutor) -> list[Drawn]:
    seeds = rng.integers(2**62, size=len(aligned)).tolist()
    data = pool.map(lambda one, patch, drawn: _encoded(_put_back(one, patch, np.random.default_rng(drawn))), aligned, patches, seeds)
    return list(zip([one.face for one in aligned], data, strict=True))


def _trained(
    faces: Sequence[LabelledFace], kind: str, seconds: float, device: torch.device, seed: int, pool: ThreadPoolExecutor, say: Say
) -> tuple[SwapDecoder | None, list[Aligned]]:
    """The decoder, trained on the aligned faces, and these; no decoder where it has not learnt to draw them."""
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
    """Each face drawn by the decoder and blended back in."""
    for first in range(0, len(aligned), _batch(device)):
        batch = aligned[first : first + _batch(device)]
        patches = _drawn(network, _tensor(np.stack([one.crop_rgb for one in batch])).to(device).float() / 255, rng)
        yield _blended_back(batch, patches, rng, pool)


def _drawn(network: SwapDecoder, faces: torch.Tensor, rng: Rng) -> UInt8:
    """(N, 3, S, S) in [0, 1] -> (N, S, S, 3) uint8. Of dense codes, half are moved some way towards another face's."""
    with torch.inference_mode():
        code = network.encode(faces)
        if network.is_dense:
            share = rng.uniform(0, 0.6, len(code)) * (rng.random(len(code)) < 0.5)
            code = torch.lerp(code, code.roll(1, 0), torch.from_numpy(share).to(code)[:, None])
        drawn = network.decode(code)
    return np.asarray((drawn * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy(), np.uint8)


def _aligned(face: LabelledFace, size: int) -> tuple[UInt8, NDArray[np.float64] | None]:
    """The face with its landmarks on the template, (size, size, 3), and the matrix that brought it there; None where they cannot lie so."""
    matrix, _ = cv2.estimateAffinePartial2D(face.landmarks_xy, TEMPLATE * size, method=cv2.LMEDS)
    if matrix is None or not 0.1 < np.hypot(matrix[0, 0], matrix[1, 0]) < 10:
        return np.zeros((size, size, 3), np.uint8), None
    how = cv2.INTER_AREA if np.hypot(matrix[0, 0], matrix[1, 0]) < 1 else cv2.INTER_CUBIC
    crop = cv2.warpAffine(face.picture_rgb, matrix, (size, size), flags=how, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(crop, np.uint8), np.asarray(matrix, np.float64)


def _put_back(aligned: Aligned, patch: UInt8, rng: Rng) -> UInt8:
    """The patch moved to where it was cut, under a soft oval mask; in most cases with the colours of what it covers."""
    picture = aligned.face.picture_rgb
    height, width = picture.shape[:2]
    size = patch.shape[0]
    mask = np.zeros((size, size), np.float32)
    axes = (round(size * rng.uniform(0.32, 0.45)), round(size * rng.uniform(0.36, 0.48)))
    cv2.ellipse(mask, (size // 2, round(size * rng.uniform(0.52, 0.58))), axes, 0, 0, 360, 1.0, -1)
    mask = np.asarray(cv2.GaussianBlur(mask, (0, 0), size * rng.uniform(0.012, 0.06)), np.float32)
    # The square's edge must not show where the oval reaches it.
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


def _batch(device: torch.device) -> int:
    return 64 if device.type == "cuda" else 8
