"""Splits: nothing that belongs together is on two sides, labels are spread alike, given splits stay."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import networkx
import numpy as np
import pytest
import trees
from hypothesis import given
from hypothesis import strategies as st

from screener.datasets import LabelledItem, components, plan_folds, read_data
from screener.errors import DatasetError, SettingsError
