"""Batch norms of a network that learns no more, folded into the convolutions before them. Does not know devices."""

from __future__ import annotations

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from screener.model.network import Bottleneck, Network


def fold_batch_norm(network: Network) -> Network:
    """Fold every batch norm of an `eval()` network into the convolution before it, in place."""
    _fold(network.backbone, 1)
    for block in network.modules():
        if isinstance(block, Bottleneck):
            for number in (1, 2, 3):
                _fold(block, number)
            if block.downsample is not None:
                convolution, norm = block.downsample
                assert isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d)
                block.downsample = nn.Sequential(fuse_conv_bn_eval(convolution, norm))
    return network


def _fold(module: nn.Module, number: int) -> None:
    convolution, norm = f"conv{number}", f"bn{number}"
    setattr(module, convolution, fuse_conv_bn_eval(getattr(module, convolution), getattr(module, norm)))
    setattr(module, norm, nn.Identity())
