"""Values of options and files in, frozen settings out, checked at construction: scanning, watching, extraction, training and the audit.

Those of the audit and of calibration lie beside what they set. None knows the command line, files or the checkpoint.
"""

from screener.settings.checks import DECODERS, DEVICES, DTYPES
from screener.settings.extraction import ExtractSettings
from screener.settings.live import LiveSettings
from screener.settings.scanning import ScanSettings
from screener.settings.training import (
    HEAD_STARTS,
    KEEPS,
    L1_SCOPES,
    OPTIMISERS,
    PRESETS,
    SCHEDULES,
    EndToEndSettings,
    TrainSettings,
)

__all__ = [
    "DECODERS",
    "DEVICES",
    "DTYPES",
    "HEAD_STARTS",
    "KEEPS",
    "L1_SCOPES",
    "OPTIMISERS",
    "PRESETS",
    "SCHEDULES",
    "EndToEndSettings",
    "ExtractSettings",
    "LiveSettings",
    "ScanSettings",
    "TrainSettings",
]
