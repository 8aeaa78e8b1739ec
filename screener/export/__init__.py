"""A checkpoint in, an ONNX file out: the network from crops to scores for another engine, in float32 or, calibrated on real faces, in 8
bits.

The file's only input is RGB crops as bytes; preprocessing after the crop is inside, and its metadata says how to crop. Connects the
checkpoint, the scan (for calibration crops) and ONNX's tools. These are an extra, and loaded only when used.
"""

from screener.export.agreement import Agreement
from screener.export.calibration_crops import crops_of
from screener.export.writing import Exported, export_model, require_possible

__all__ = ["Agreement", "Exported", "crops_of", "export_model", "require_possible"]
