"""Adds a description to a trained checkpoint: its name, its training sets with their licences, and its limits.

How default weights are made, from the start that scripts/convert_open_nsfw.py writes:

    screener train --end-to-end FACES/manifest.csv -o trained.safetensors --init start.safetensors --autoencoder TAEF2 \\
        --config weights/recipes/screener-default-2.toml
    python scripts/refit_last_layer.py trained.safetensors FACES/manifest.csv -o refitted.safetensors --decoded RUN/decoded --cache CACHE
    screener train --end-to-end FACES/manifest.csv -o distilled.safetensors --init refitted.safetensors --teacher refitted.safetensors \\
        --autoencoder TAEF2 --config weights/recipes/screener-default-5.toml
    python scripts/describe_default_weights.py distilled.safetensors FACES -o described.safetensors
    python scripts/measure_localisation.py FACES RUN_FOLDER --checkpoint described.safetensors --store
    screener calibrate described.safetensors CLIPS -o weights/default.safetensors

The fifth command decides whether reports may show where a face is blended; the sixth fits temperature, bias and thresholds to labelled
videos that were never trained on.
"""

from __future__ import annotations

import argparse
import hashlib
from dataclasses import replace
from pathlib import Path

from screener.checkpoint import Calibration, DataSet, load_checkpoint, save_checkpoint
from screener.checkpoint.saving import SAME_WEIGHTS

NAME = "screener-default-5"
LICENCES = {
    "candid": "street and party photographs, research only",
    "ciplab": "Real and Fake Face Detection (CIPLAB, Yonsei University), research only",
    "dfdc": "DeepFake Detection Challenge, research only",
    "ffhq": "Flickr-Faces-HQ, CC BY-NC-SA 4.0",
    "lfw": "Labeled Faces in the Wild, research only",
    "utkface": "UTKFace, non-commercial research only",
}
LICENCE = "trained on research-only data; not for commercial use without your own review"
LIMITS = (
    "It looks for faces, or parts of them, that were put into a real picture (face swaps, lip-syncs, edits), and learnt from few sources. "
    "Swaps that are sharp or small are often missed, and faces that a generator made whole are mostly not noticed. The model card says "
    "what was measured. A score is a lead to follow, never proof."
)
RECIPE = (
    "Started from Yahoo's open_nsfw (pretrained on ImageNet, BSD-2; `scripts/convert_open_nsfw.py`) and trained end to end on about "
    "125,000 pictures in four legs, the last of which `weights/recipes/screener-default-2.toml` describes: originals beside their "
    "swaps (DFDC), real faces beside what the autoencoder of a diffusion model makes of them, faces blended into themselves "
    "(arXiv:2204.08376) and swapped by landmarks. Both pictures of a pair are degraded by encoders of video and of stills, in half "
    "of the pairs by different ones. Then the last layer alone was fitted anew to 19,200 pictures degraded in more ways "
    "(`scripts/refit_last_layer.py`, arXiv:2204.02937). Last, the network learnt to say in one pass what it said of a crop minus 0.6 times "
    "what it said of the crop's copy as JPEG of quality 20 (arXiv:1503.02531): the score of the copy says more about the source of a "
    "picture than about forgery. It saw {pictures:,} pictures for that (`weights/recipes/screener-default-5.toml`). The network has a "
    "quarter of the inner "
    "channels of Wide ResNet50-2 and half of the outer ones, is stored and computed so, and widens into it without changing its function "
    "(arXiv:1511.05641). What each leg "
    "did is in `docs/training-log.md`."
)


def data_sets(faces: Path) -> tuple[DataSet, ...]:
    """Of each set that has a licence here: name, number of pictures and a hash over the names and bytes."""
    sets = []
    for name, licence in LICENCES.items():
        digest, count = hashlib.sha256(), 0
        for path in sorted((faces / name).glob("*/*")):
            digest.update(path.relative_to(faces / name).as_posix().encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
            count += 1
        if count:
            sets.append(DataSet(name, digest.hexdigest(), count, licence))
    return tuple(sets)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trained", type=Path)
    parser.add_argument("faces", type=Path, help="folder with <set>/{real,fake}/<picture>")
    parser.add_argument("--output", "-o", type=Path, required=True)
    arguments = parser.parse_args()
    checkpoint = load_checkpoint(arguments.trained)
    trained = checkpoint.contract
    pictures = sum(stage["pictures"] for stage in trained.figures["end_to_end_training"]["stages"])
    # The training's own entry is the whole manifest; the sets say more.
    started_from = tuple(data for data in trained.training_data if data.name.startswith("open_nsfw"))
    contract = replace(
        trained,
        name=NAME,
        calibration=Calibration(),
        training_data=(*started_from, *data_sets(arguments.faces)),
        licence=LICENCE,
        limits=LIMITS,
        # Stored otherwise, the weights are others by a rounding.
        figures={
            **{name: figure for name, figure in trained.figures.items() if name != SAME_WEIGHTS},
            "recipe": RECIPE.format(pictures=pictures),
        },
    )
    save_checkpoint(arguments.output, contract, checkpoint.state, storage="float16")
    names = ", ".join(data.name for data in contract.training_data)
    print(f"{arguments.output}: {arguments.output.stat().st_size / 1e6:.1f} MB, learnt from {names}")


if __name__ == "__main__":
    main()
