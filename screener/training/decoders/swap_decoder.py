"""Decoders like those of face-swap tools, trained on the given faces: encoder, narrow code, pixel-shuffle decoder.

What such a decoder draws looks like a swap, whoever's face it is: skin without pores, regular upsampling artefacts, averaged colours. Knows
aligned faces as tensors. Does not know files, boxes or masks.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from screener.scoring import choose_dtype

Say = Callable[[str], None]

STRIDE = 16
"""Pixels of a side that become one cell of the code."""

WARP_CELLS, WARP_REACH = 5, 0.05
"""The encoder gets a warped face and the decoder draws the unwarped one, as in face-swap tools: cells of the warp, and its reach relative
to the side.
"""

ADVERSARIAL_FROM = 0.35
"""Share of the training after which the critic is added."""

PARTS_UNTIL, PART_PX = 0.6, 96
"""A decoder with a spatial code learns from square parts of faces up to this share of the training, and from whole faces after it: parts
take less time, and many steps matter more at first than what is far away in a face.
"""


@dataclass(frozen=True)
class SwapDecoderSpec:
    """size: side of the aligned faces, a multiple of 16 pixels. width: channels of the first layer.

    code: length of the dense code of a face; 0 keeps a spatial code, `code_channels` for each 16 x 16 pixels.
    is_adversarial: a critic makes it invent fine texture, as newer tools do; without it the result is soft.
    """

    size: int
    width: int
    code: int
    code_channels: int = 24
    is_adversarial: bool = False


SPECS: dict[str, SwapDecoderSpec] = {
    "swap-96": SwapDecoderSpec(96, 48, code=384),
    "swap-128": SwapDecoderSpec(128, 64, code=512, is_adversarial=True),
    "swap-192": SwapDecoderSpec(192, 48, code=0, code_channels=20, is_adversarial=True),
    "swap-224": SwapDecoderSpec(224, 48, code=0, code_channels=40),
}
"""By name; the number is the size."""


class _Up(nn.Module):
    """Twice the size by pixel shuffle, then a residual block."""

    def __init__(self, incoming: int, outgoing: int) -> None:
        super().__init__()
        self.grow = nn.Conv2d(incoming, 4 * outgoing, 3, padding=1)
        self.first, self.second = nn.Conv2d(outgoing, outgoing, 3, padding=1), nn.Conv2d(outgoing, outgoing, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.pixel_shuffle(F.leaky_relu(self.grow(x), 0.1), 2)
        return F.leaky_relu(x + self.second(F.leaky_relu(self.first(x), 0.2)), 0.2)


class SwapDecoder(nn.Module):
    """(N, 3, S, S) in [0, 1] -> the same shape."""

    def __init__(self, spec: SwapDecoderSpec) -> None:
        super().__init__()
        w, self.cells, self.is_dense = spec.width, spec.size // STRIDE, spec.code > 0
        widths = [w, 2 * w, 4 * w, 8 * w]
        layers: list[nn.Module] = []
        for incoming, outgoing in zip([3, *widths[:-1]], widths, strict=True):
            layers += [nn.Conv2d(incoming, outgoing, 5, 2, 2), nn.LeakyReLU(0.1)]
        self.encoder = nn.Sequential(*layers)
        if self.is_dense:
            self.narrow: nn.Module = nn.Linear(8 * w * self.cells**2, spec.code)
            self.widen: nn.Module = nn.Linear(spec.code, 4 * w * self.cells**2)
        else:
            self.narrow, self.widen = nn.Conv2d(8 * w, spec.code_channels, 1), nn.Conv2d(spec.code_channels, 4 * w, 1)
        self.decoder = nn.Sequential(_Up(4 * w, 4 * w), _Up(4 * w, 2 * w), _Up(2 * w, w), _Up(w, w), nn.Conv2d(w, 3, 5, padding=2))

    def encode(self, faces: Tensor) -> Tensor:
        """(N, 3, S, S) in [0, 1] -> the code: (N, code) if dense, else (N, channels, S / 16, S / 16)."""
        features = self.encoder(faces * 2 - 1)
        code: Tensor = self.narrow(features.flatten(1) if self.is_dense else features)
        return code

    def decode(self, code: Tensor) -> Tensor:
        """A code from `encode` -> (N, 3, S, S) in [0, 1], float32."""
        wide = self.widen(code)
        if self.is_dense:
            wide = wide.unflatten(1, (-1, self.cells, self.cells))
        return torch.sigmoid(self.decoder(F.leaky_relu(wide, 0.1)).float())

    def forward(self, faces: Tensor) -> Tensor:
        """Encode the faces and decode them again."""
        return self.decode(self.encode(faces))


def _critic(width: int) -> nn.Sequential:
    """Classifies patches of 70 pixels (PatchGAN, Isola et al. 2017, arXiv:1611.07004)."""
    layers: list[nn.Module] = []
    for incoming, outgoing, stride in ((3, width, 2), (width, 2 * width, 2), (2 * width, 4 * width, 2), (4 * width, 4 * width, 1)):
        layers += [nn.utils.spectral_norm(nn.Conv2d(incoming, outgoing, 4, stride, 1)), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Conv2d(4 * width, 1, 4, 1, 1))


def train_swap_decoder(
    spec: SwapDecoderSpec, faces: Tensor, seconds: float, batch: int, device: torch.device, seed: int, say: Say
) -> SwapDecoder:
    """Train a decoder for `seconds`. faces: (N, 3, S, S) uint8, aligned, on any device."""
    torch.manual_seed(seed)
    network = SwapDecoder(spec)
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.AdamW(network.parameters(), lr=4e-4, betas=(0.5, 0.99), weight_decay=0.01)
    critic = _critic(spec.width).to(device) if spec.is_adversarial else None
    critic_optimiser = torch.optim.Adam(critic.parameters(), lr=3e-4, betas=(0.5, 0.99)) if critic is not None else None
    started, steps, losses = time.monotonic(), 0, [0.0]
    half = choose_dtype("auto", device) is torch.bfloat16
    while (done := (time.monotonic() - started) / seconds) < 1:
        chosen = torch.randint(len(faces), (batch,), device=faces.device)
        plain = faces[chosen].to(device).float() / 255
        plain = torch.where(torch.rand(batch, 1, 1, 1, device=device) < 0.5, plain.flip(3), plain)
        for group in optimiser.param_groups:
            group["lr"] = 4e-4 * min(1.0, (steps + 1) / 200) * max(0.05, 1 - done)
        given = _warped(plain)
        if not network.is_dense and done < PARTS_UNTIL and spec.size > PART_PX:
            given, plain = _same_part(given, plain)
        with torch.autocast(device.type, torch.bfloat16, enabled=half):
            drawn = network(given)
        loss = _difference(drawn, plain)
        if critic is not None and critic_optimiser is not None and done > ADVERSARIAL_FROM:
            _teach_critic(critic, critic_optimiser, plain, drawn.detach(), half)
            with torch.autocast(device.type, torch.bfloat16, enabled=half):
                loss = loss - 0.02 * critic(drawn).float().mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        steps += 1
        if steps % 50 == 0:
            losses.append(float(loss.detach()))
    say(f"swap decoder of {spec.size} px: {steps} steps of {batch} faces in {seconds:.0f} s, loss {losses[-1]:.4f}")
    network.requires_grad_(False).eval()
    return network


def _teach_critic(critic: nn.Module, optimiser: torch.optim.Optimizer, plain: Tensor, drawn: Tensor, half: bool) -> None:
    """One training step of the critic with the hinge loss."""
    with torch.autocast(plain.device.type, torch.bfloat16, enabled=half):
        loss = F.relu(1 - critic(plain).float()).mean() + F.relu(1 + critic(drawn).float()).mean()
    optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    optimiser.step()


def _same_part(one: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    """A square part of both, at the same random place on the grid of codes."""
    y, x = (STRIDE * int(torch.randint((one.shape[-1] - PART_PX) // STRIDE + 1, ())) for _ in range(2))
    part = (..., slice(y, y + PART_PX), slice(x, x + PART_PX))
    return one[part], other[part]


def _warped(faces: Tensor) -> Tensor:
    n, device = len(faces), faces.device
    bent = (torch.rand(n, 2, WARP_CELLS, WARP_CELLS, device=device) * 2 - 1) * 2 * WARP_REACH
    bent = F.interpolate(bent, faces.shape[-2:], mode="bicubic", align_corners=True).permute(0, 2, 3, 1)
    plain = F.affine_grid(torch.eye(2, 3, device=device).expand(n, 2, 3), list(faces.shape), align_corners=False)
    return F.grid_sample(faces, plain + bent, padding_mode="reflection", align_corners=False)


def _difference(drawn: Tensor, plain: Tensor) -> Tensor:
    """Mean absolute difference plus half of one minus the structural similarity (Wang et al. 2004) over windows of 7 pixels."""
    mean_a, mean_b = F.avg_pool2d(drawn, 7, 2), F.avg_pool2d(plain, 7, 2)
    var_a = F.avg_pool2d(drawn**2, 7, 2) - mean_a**2
    var_b = F.avg_pool2d(plain**2, 7, 2) - mean_b**2
    both = F.avg_pool2d(drawn * plain, 7, 2) - mean_a * mean_b
    similar = ((2 * mean_a * mean_b + 1e-4) * (2 * both + 9e-4)) / ((mean_a**2 + mean_b**2 + 1e-4) * (var_a + var_b + 9e-4))
    return (drawn - plain).abs().mean() + 0.25 * (1 - similar).mean()
