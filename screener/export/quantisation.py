"""A float32 model file in, an 8-bit one out: weights quantised per channel, activations by the ranges that real crops give.

Static quantisation in QDQ format (float operators between quantise-dequantise pairs) with ONNX Runtime's tools. Sources: of the scheme,
Jacob et al. 2018, arXiv:1712.05877; of ranges by percentile, Wu et al. 2020, arXiv:2004.09602.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from screener.errors import DeviceError
from screener.export.graph import ADVICE, quiet_tools
from screener.scoring.onnxruntime_engine import INPUT

CROPS_AT_ONCE = 4
"""Batch size of calibration; every activation of the network is held in memory for this many crops."""

PERCENTILE = 99.999
"""Percentage of each tensor's values inside its 8-bit range. Compared with the full range this halves the error, because few values lie far
out.
"""

OPERATORS = ("Conv", "Add", "MaxPool")
"""Operators computed in 8 bits. The head's average and last layer are not, nor is the first convolution: half of the error of the default
weights is from it (`scripts/measure_quantisation.py`), and it is little of the work.
"""


def quantise_file(source: Path, target: Path, crops_rgb: Sequence[NDArray[np.uint8]]) -> None:
    """Write `source` in 8 bits to `target`, calibrated on whole groups of CROPS_AT_ONCE of each array of crops.

    Raises DeviceError if the tools are missing.
    """
    try:
        import onnx
        from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static
    except ImportError as error:
        raise DeviceError(f"export: ONNX Runtime's quantiser cannot be loaded ({error}); {ADVICE}") from error
    first = next(node.name for node in onnx.load(str(source)).graph.node if node.op_type == "Conv")
    with quiet_tools():
        quantize_static(
            str(source),
            str(target),
            CropGroups(crops_rgb),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=list(OPERATORS),
            nodes_to_exclude=[first],
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.Percentile,
            extra_options={"CalibPercentile": PERCENTILE, "CalibStridedMinMax": 1},
        )


class CropGroups:
    """Crops in the form that the quantiser reads (`onnxruntime.quantization.CalibrationDataReader`), group by group."""

    def __init__(self, crops_rgb: Sequence[NDArray[np.uint8]]) -> None:
        self._groups = [
            of_one_size[i : i + CROPS_AT_ONCE]
            for of_one_size in crops_rgb
            for i in range(0, len(of_one_size) - CROPS_AT_ONCE + 1, CROPS_AT_ONCE)
        ]
        self._next, self._end = 0, len(self._groups)

    def __len__(self) -> int:
        return len(self._groups)

    def set_range(self, start_index: int, end_index: int) -> None:
        """Select the next groups of crops, from `start_index` to before `end_index`; called by ONNX Runtime."""
        self._next, self._end = start_index, end_index

    def get_next(self) -> dict[str, Any] | None:
        """The next group of crops by name of the input; None after the last."""
        if self._next >= self._end:
            return None
        self._next += 1
        return {INPUT: self._groups[self._next - 1]}
