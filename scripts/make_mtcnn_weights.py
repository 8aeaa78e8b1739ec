"""Converts MTCNN's weights, as published by facenet-pytorch, into `screener/faces/mtcnn.safetensors`, with the licence in its metadata.

    python scripts/make_mtcnn_weights.py            # writes the file again; the bytes are the same
    python scripts/make_mtcnn_weights.py --check    # exit status 1 if the file in the package is another

Needs facenet-pytorch 2.5.3 (extra `dev`). No value is changed: a test holds every tensor against facenet-pytorch's.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
from importlib import metadata
from pathlib import Path

import torch
from safetensors.torch import save

from screener.faces.networks import NETWORKS, WEIGHTS

LICENCE = WEIGHTS.with_name("mtcnn-LICENSE.txt")


def weights_file() -> bytes:
    """The whole file: tensors named `pnet.conv1.weight` and so on, float32, and where they are from."""
    spec = importlib.util.find_spec("facenet_pytorch")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("facenet-pytorch is not installed: pip install --no-deps facenet-pytorch==2.5.3")
    folder = Path(spec.submodule_search_locations[0]) / "data"
    tensors, hashes = {}, {}
    for name in NETWORKS:
        path = folder / f"{name}.pt"
        hashes[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
        for key, value in torch.load(path, map_location="cpu", weights_only=True).items():
            tensors[f"{name}.{key}"] = value.contiguous()
    about = {
        "source": f"facenet-pytorch {metadata.version('facenet-pytorch')}, facenet_pytorch/data",
        "source_sha256": hashes,
        "method": "Zhang et al. 2016, arXiv:1604.02878",
        "license": LICENCE.read_text(encoding="utf-8"),
    }
    # One text: safetensors writes several entries in random order.
    return save(tensors, {"about": json.dumps(about, indent=1)})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare only")
    made = weights_file()
    if not parser.parse_args().check:
        WEIGHTS.write_bytes(made)
    elif WEIGHTS.read_bytes() != made:
        raise SystemExit(f"{WEIGHTS}: not what facenet-pytorch's files give")
    print(f"{WEIGHTS.name}: {len(made):,} bytes, sha256 {hashlib.sha256(made).hexdigest()}")


if __name__ == "__main__":
    main()
