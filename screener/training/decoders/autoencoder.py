"""The tiny autoencoder of a diffusion model (TAEF2 for FLUX.2's latents, by madebyollin, MIT licence): pictures -> pictures.

Its weights do not come with screener: two files, for encoder and decoder, from https://github.com/madebyollin/taesd. Knows tensors and
these files. Does not know faces.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from screener.errors import CheckpointError

STRIDE = 8
"""Width and height must be multiples of this."""

KEPT, NOISY = 0.3, 0.7
"""Thresholds of a uniform random number: latents are kept below the first, get noise below the second, and are smoothed otherwise."""


def _conv(incoming: int, outgoing: int, stride: int = 1, bias: bool = True) -> nn.Conv2d:
    return nn.Conv2d(incoming, outgoing, 3, stride, 1, bias=bias)


class _Block(nn.Module):
    def __init__(self, pooled: bool = False) -> None:
        super().__init__()
        self.conv = nn.Sequential(_conv(64, 64), nn.ReLU(), _conv(64, 64), nn.ReLU(), _conv(64, 64))
        self.skip, self.fuse = nn.Identity(), nn.ReLU()
        self.pool = (
            nn.Sequential(nn.Conv2d(64, 256, 1, bias=False), nn.GroupNorm(4, 256), nn.ReLU(), nn.Conv2d(256, 64, 1, bias=False))
            if pooled
            else None
        )

    def forward(self, x: Tensor) -> Tensor:
        if self.pool is not None:
            x = x + self.pool(x)
        fused: Tensor = self.fuse(self.conv(x) + x)
        return fused


class _Clamp(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(x / 3) * 3


def _three(pooled: bool = False) -> list[nn.Module]:
    return [_Block(pooled) for _ in range(3)]


def _double() -> list[nn.Module]:
    return [nn.Upsample(scale_factor=2), _conv(64, 64, bias=False)]


def _halve() -> nn.Conv2d:
    return _conv(64, 64, stride=2, bias=False)


class Autoencoder(nn.Module):
    """(N, 3, h, w) in [0, 1] -> the same shape, through latents of 32 channels at an eighth of the size."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            _conv(3, 64), _Block(), _halve(), *_three(), _halve(), *_three(), _halve(), *_three(True), _conv(64, 32)
        )
        self.decoder = nn.Sequential(
            *(_Clamp(), _conv(32, 64), nn.ReLU(), *_three(True)),
            *(*_double(), *_three(), *_double(), *_three(), *_double()),
            *(_Block(), _conv(64, 3)),
        )

    def forward(self, pictures: Tensor, generator: torch.Generator, mixed: float = 0.0) -> Tensor:
        """Decode the pictures' latents, which are kept, made noisy, or smoothed, at random for each picture.

        mixed: half of the latents are first moved towards the next picture's, by up to this share.
        """
        latents = self.encoder(pictures).float()  # under autocast some of what follows would be done in another type
        drawn = torch.rand(len(latents), 3, generator=generator).to(latents)[..., None, None, None].unbind(1)
        if mixed:
            latents = torch.lerp(latents, latents.roll(1, 0), mixed * (2 * drawn[2] - 1).clamp(min=0))
        noise = torch.randn(latents.shape, generator=generator).to(latents)
        noisy = latents + noise * latents.std() * (0.05 + 0.3 * drawn[1])
        smooth = torch.lerp(latents, F.avg_pool2d(F.pad(latents, (1, 1, 1, 1), mode="replicate"), 3, 1), 0.15 + 0.45 * drawn[1])
        changed = torch.where(drawn[0] < KEPT, latents, torch.where(drawn[0] < NOISY, noisy, smooth))
        decoded: Tensor = self.decoder(changed).clamp(0, 1)
        return decoded


def load_autoencoder(folder: Path) -> Autoencoder:
    """Load `taef2_encoder.pth` and `taef2_decoder.pth` from `folder`. Raises CheckpointError if they are missing or something else."""
    network = Autoencoder()
    for name in ("encoder", "decoder"):
        path = folder / f"taef2_{name}.pth"
        try:
            network.get_submodule(name).load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        except Exception as error:  # torch.load raises many kinds of errors for other files
            raise CheckpointError(f"{path}: cannot be read as the {name} of TAEF2: {error}") from error
    network.float().requires_grad_(False).eval()
    network.to(memory_format=torch.channels_last)  # four times as fast on a CPU, together with bfloat16
    return network
