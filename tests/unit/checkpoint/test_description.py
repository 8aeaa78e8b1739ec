"""A checkpoint in words: every row that `screener weights show` prints."""

from __future__ import annotations

from pathlib import Path

from builders import FROM_TINY, WIDE

from screener.checkpoint import Checkpoint, Contract, load_checkpoint
from screener.checkpoint.description import architecture_in_words, describe
from screener.model.copies import Copies, Widening

from .conftest import make_contract


def test_every_row_of_a_checkpoint(saved: Path) -> None:
    checkpoint = load_checkpoint(saved)
    million = sum(tensor.numel() for tensor in checkpoint.distinct.values()) / 1e6
    assert describe(checkpoint) == [
        ("name", "tiny test head"),
        ("file", str(saved)),
        ("sha256", checkpoint.sha256),
        ("made by", f"screener 0.1.0, format version {checkpoint.contract.format_version}"),
        ("architecture", "tiny with 1, 1, 1, 1 blocks, widths inner 8, outer 4, stem 4"),
        ("weights", f"{million:.1f} million"),
        ("backbone", f"up to layer3, fingerprint {checkpoint.contract.backbone_fingerprint}"),
        ("answers", "real or fake"),
        (
            "face crop",
            "square of 1.3 times the face box, 32 x 32 pixels, rgb, mean [0.485, 0.456, 0.406], std [0.229, 0.224, 0.225], "
            "area_or_linear, rule version 1",
        ),
        ("detector", "name mtcnn, stage_thresholds [0.6, 0.7, 0.7]"),
        ("sampling", "frames 32"),
        ("pooling", "mean"),
        ("calibration", "p_fake = sigmoid(logit / 1.5 -0.25)"),
        ("at 1% false positives", "fake from 0.900, genuine below 0.300, measured on 120 real and 130 fake videos"),
        ("at 5% false positives", "fake from 0.700, genuine below 0.200, measured on 120 real and 130 fake videos"),
        ("valid face_px", "40 to 600"),
        ("valid sharpness", "8 to 5000"),
        ("learned from", f"made-up faces: 1,000 pictures, CC0-1.0, sha256 {'ab' * 32}"),
        ("figure video_auc", '{"value": 0.91, "interval": [0.88, 0.94]}'),
        ("locator", "not shown in reports, for it was not measured"),
        ("licence", "Apache-2.0"),
        ("limits", "Made for tests."),
    ]


def test_what_was_not_saved_has_no_file() -> None:
    rows = dict(describe(Checkpoint(make_contract(), {}, None, "ab" * 32)))
    assert rows["file"] == "not saved yet"
    assert rows["weights"] == "0.0 million"


def architecture(copies: Copies) -> str:
    contract: Contract = make_contract(architecture=WIDE, copies=copies)
    return architecture_in_words(contract)


def test_a_network_of_copies_says_how_many_channels_are_distinct() -> None:
    wide = "wide with 1, 1, 1, 1 blocks, widths inner 32, outer 8, stem 4"
    assert architecture(FROM_TINY) == f"{wide}, of which those stored and computed are widths inner 8, outer 4, stem 4"
    halved = Copies(Widening(stem=2, inner=4, outer=2), Widening(stem=1, inner=4, outer=2))
    assert architecture(halved) == f"{wide}, of which those stored and computed are widths inner 8, outer 4, stem 2"
    backbone_alone = Copies(Widening(stem=1, inner=4, outer=2), Widening(stem=1, inner=1, outer=1))
    assert architecture(backbone_alone) == (
        f"{wide}, of which those stored and computed are widths inner 8, outer 4, stem 4 in the backbone, "
        "widths inner 32, outer 8 in the head"
    )
