"""Values of options and files in, frozen settings out, checked at construction: scanning, watching, extraction, training, the audit,
and runs on many machines.

Settings of calibration and of tracking stand beside their code. No settings know the command line, files or the checkpoint.
"""

from screener.settings.checks import DECODERS, DEVICES, DTYPES
from screener.settings.cluster import ClusterSettings
from screener.settings.end_to_end import AUTOENCODER_PASSES, FAKE_SOURCES, SWAP_DECODERS, EndToEndSettings
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
    TrainSettings,
)

__all__ = [
    "AUTOENCODER_PASSES",
    "DECODERS",
    "DEVICES",
    "DTYPES",
    "FAKE_SOURCES",
    "HEAD_STARTS",
    "KEEPS",
    "L1_SCOPES",
    "OPTIMISERS",
    "PRESETS",
    "SCHEDULES",
    "SWAP_DECODERS",
    "ClusterSettings",
    "EndToEndSettings",
    "ExtractSettings",
    "LiveSettings",
    "ScanSettings",
    "TrainSettings",
]
