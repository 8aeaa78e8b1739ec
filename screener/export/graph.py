"""The network with its preprocessing and calibration as one graph: crops in, scores out. Knows PyTorch's exporter."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from screener.checkpoint import Checkpoint, scored_alike
from screener.errors import DeviceError
from screener.model.architecture import STRIDE
from screener.model.network import fake_logit
from screener.model.reference import NO_REFERENCE
from screener.scoring import Normalisation, TorchEngine
from screener.scoring.onnxruntime_engine import BLEND_MAP, INPUT, LOGIT, METADATA_KEY, P_FAKE

FORMAT_VERSION = 1
"""Version of the metadata."""

ADVICE = 'pip install "screener-video[export]"'


class Graph(nn.Module):
    """(N, S, S, 3) uint8 RGB crops -> logit (N,), p_fake (N,) and blend map (N, S/16, S/16), all float32; without p_fake if it needs the
    logit of a recompressed copy as well.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        super().__init__()
        contract = checkpoint.contract
        # As in the scorer: batch norms folded, copies computed once.
        self.network = TorchEngine(checkpoint.build_network(), contract.preprocessing, "cpu", "float32").network
        self.normalise = Normalisation(contract.preprocessing)
        self._temperature, self._bias = contract.calibration.temperature, contract.calibration.bias
        self._alone = contract.reference == NO_REFERENCE

    def forward(self, crops_rgb: Tensor) -> tuple[Tensor, ...]:
        """(N, S, S, 3) uint8 crops -> `output_names`: logits (N,), p_fake (N,) and blend maps (N, S/16, S/16)."""
        features = self.network.backbone(self.normalise(crops_rgb))
        logit = fake_logit(self.network.head(features))
        blend_map = torch.sigmoid(self.network.locator(features)[:, 0])
        if not self._alone:
            return logit, blend_map
        return logit, torch.sigmoid((logit / self._temperature + self._bias).clamp(-60, 60)), blend_map


def output_names(checkpoint: Checkpoint) -> list[str]:
    """Names of the model's outputs, in order."""
    return [LOGIT, P_FAKE, BLEND_MAP] if checkpoint.contract.reference == NO_REFERENCE else [LOGIT, BLEND_MAP]


def description(checkpoint: Checkpoint, dtype: str, batch: int | None) -> dict[str, Any]:
    """The metadata of a model: enough to crop correctly, to interpret its results, and to identify its origin.

    weights_sha256: of the checkpoint files with these weights. batch: crops at once, None for any number.
    """
    reference = checkpoint.contract.reference
    meaning = {
        LOGIT: "(N,) log-odds of fake, uncalibrated"
        if reference == NO_REFERENCE
        else f"(N,) logit; minus {reference.weight:g} times that of {reference.copy_in_words}, it is the log-odds of fake, uncalibrated",
        P_FAKE: "(N,) probability of fake, calibrated",
        BLEND_MAP: "(N, S/16, S/16) certainty, 0 to 1, of a blend there",
    }
    return {
        "format_version": FORMAT_VERSION,
        "checkpoint_sha256": checkpoint.sha256,
        "weights_sha256": sorted(scored_alike(checkpoint)),
        "dtype": dtype,
        "batch": batch,
        "input": {
            INPUT: "(N, S, S, 3) uint8, RGB, cut and resized as contract.preprocessing says; normalised inside"
            + (f"; copies have S = {reference.side}" if reference.side else "")
        },
        "outputs": {name: meaning[name] for name in output_names(checkpoint)},
        "contract": checkpoint.contract.to_dict(),
    }


def write_graph(checkpoint: Checkpoint, path: Path, batch: int | None) -> None:
    """Write the float32 model. Raises DeviceError if ONNX's tools are missing."""
    with quiet_tools():
        try:
            import onnx
            import onnxscript  # noqa: F401 - the exporter's own need, asked for here to say so in time
        except ImportError as error:
            raise DeviceError(f"export: ONNX's tools cannot be loaded ({error}); {ADVICE}") from error
        side = checkpoint.contract.preprocessing.input_size
        dynamic = _dynamic_shapes(checkpoint, batch)
        torch.onnx.export(
            Graph(checkpoint).eval(),
            (torch.zeros(batch or 2, side, side, 3, dtype=torch.uint8),),
            str(path),
            dynamo=True,
            external_data=False,
            input_names=[INPUT],
            output_names=output_names(checkpoint),
            dynamic_shapes=dynamic,
            verbose=False,
        )
        model = onnx.load(str(path))
        # The exporter notes the source line of each node, which is useless elsewhere and contains local paths.
        for node in model.graph.node:
            del node.metadata_props[:]
        onnx.save(model, str(path))
    describe_file(path, description(checkpoint, "float32", batch))


def _dynamic_shapes(checkpoint: Checkpoint, batch: int | None) -> dict[str, dict[int, Any]] | None:
    """Which sizes of the input the model leaves open: the number of crops, and their side if copies have another."""
    sizes: dict[int, Any] = {0: torch.export.Dim("crops", min=1)} if batch is None else {}
    if checkpoint.contract.reference.side:
        side = STRIDE * torch.export.Dim("cells", min=2)
        sizes |= {1: side, 2: side}
    return {"crops_rgb": sizes} if sizes else None


def describe_file(path: Path, values: dict[str, Any]) -> None:
    """Replace a model's metadata by `values`."""
    import onnx

    model = onnx.load(str(path))
    onnx.helper.set_model_props(model, {METADATA_KEY: json.dumps(values, ensure_ascii=True, allow_nan=False)})
    onnx.save(model, str(path))


@contextlib.contextmanager
def quiet_tools() -> Iterator[None]:
    """Silence the developers' messages of the exporter and the quantiser; problems show as errors or in the measured agreement."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
