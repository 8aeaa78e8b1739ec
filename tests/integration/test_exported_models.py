"""Models as ONNX: the same output as the checkpoint, correct metadata, and refused by any other checkpoint."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from builders import FROM_TINY, TINY_PREPROCESSING, WIDE, tiny_contract, tiny_network
from scipy.special import expit

from screener.checkpoint import Calibration, Checkpoint, load_checkpoint, save_checkpoint, save_contract
from screener.errors import CheckpointError, DeviceError, OutputError, SettingsError
from screener.export import agreement, export_model
from screener.model.copies import Copies
from screener.model.network import Network
from screener.model.reference import Reference, recompressed
from screener.model.widening import widen
from screener.runtime.file_hash import sha256_of
from screener.scanning.engines import build_scorer, model_beside
from screener.scoring import TOLERANCE_P_FAKE, OnnxRuntimeEngine, Scorer
from screener.settings import ScanSettings

MODULES = ("onnx", "onnxscript", "onnxruntime")
CROPS = np.random.default_rng(0).integers(0, 256, (24, 64, 64, 3), np.uint8)
"""Around even odds for the tiny network, so that a probability shows every difference."""


def needs_the_extra() -> None:
    for name in MODULES:
        pytest.importorskip(name, reason="needs the extra export")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save_checkpoint(path, tiny_contract(calibration=Calibration(2.0, 0.5)), tiny_network().state_dict())
    return load_checkpoint(path)


@pytest.fixture(scope="module")
def model(checkpoint: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> Path:
    needs_the_extra()
    path = tmp_path_factory.mktemp("models") / "tiny.onnx"
    found = export_model(path, checkpoint)
    assert found.agreement is not None and found.agreement.worst <= TOLERANCE_P_FAKE["float32"]
    assert (found.dtype, found.bytes) == ("float32", path.stat().st_size)
    return path


@pytest.fixture(scope="module")
def int8_model(checkpoint: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights forgive 8 bits less than learned ones do."""
    needs_the_extra()
    path = tmp_path_factory.mktemp("models") / "tiny.int8.onnx"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(agreement.MOST_APART, "int8", (0.2, 0.5))
        found = export_model(path, checkpoint, int8_crops=CROPS)
    assert found.dtype == "int8" and found.calibrated_on >= 16 and found.agreement is not None
    return path


def scorer(checkpoint: Checkpoint, engine: str, batch_size: int = 16) -> Scorer:
    return build_scorer(checkpoint, ScanSettings(device="cpu", engine=engine, batch_size=batch_size))


def plain_logits(checkpoint: Checkpoint) -> np.ndarray:
    return Scorer(checkpoint.build_network(), TINY_PREPROCESSING, "cpu", "float32").logits(CROPS)


@pytest.mark.parametrize("batch_size", [1, 5, 64])
def test_a_model_scores_as_the_checkpoint_does(batch_size: int, model: Path, checkpoint: Checkpoint) -> None:
    made = scorer(checkpoint, str(model), batch_size)
    assert made.ran_on() == {"engine": "onnxruntime", "device": "cpu", "dtype": "float32", "model_sha256": sha256_of(model)}
    logits, maps = made.logits_and_maps(CROPS)
    assert np.abs(expit(logits) - expit(plain_logits(checkpoint))).max() <= TOLERANCE_P_FAKE["float32"]
    assert np.array_equal(logits, made.logits(CROPS))
    _, expected = Scorer(checkpoint.build_network(), TINY_PREPROCESSING, "cpu", "float32").logits_and_maps(CROPS)
    np.testing.assert_allclose(maps, expected, atol=1e-3)
    assert np.ptp(expit(logits)) > 0.1


@pytest.mark.parametrize("batch", [None, 3])
@pytest.mark.parametrize("reference", [Reference(20, 0.5), Reference(20, 0.5, side=32)])
def test_a_model_that_needs_the_copies_logit_as_well_gives_no_probability_of_its_own(
    reference: Reference, batch: int | None, tmp_path: Path
) -> None:
    """Its metadata says what to subtract, and the engine does, whatever the copies' size."""
    needs_the_extra()
    import onnx

    save_checkpoint(tmp_path / "tiny.safetensors", tiny_contract(reference=reference), tiny_network().state_dict())
    checkpoint = load_checkpoint(tmp_path / "tiny.safetensors")
    export_model(tmp_path / "tiny.onnx", checkpoint, batch)
    written = onnx.load(str(tmp_path / "tiny.onnx"))
    assert [output.name for output in written.graph.output] == ["logit", "blend_map"]
    meaning = OnnxRuntimeEngine(tmp_path / "tiny.onnx", TINY_PREPROCESSING).description["outputs"]["logit"]
    assert meaning.startswith(f"(N,) logit; minus 0.5 times that of {reference.copy_in_words}, it is the log-odds of fake")
    of_copies = Scorer(checkpoint.build_network(), TINY_PREPROCESSING, "cpu", "float32").logits(recompressed(CROPS, reference))
    expected = plain_logits(checkpoint) - 0.5 * of_copies
    assert scorer(checkpoint, str(tmp_path / "tiny.onnx")).logits(CROPS) == pytest.approx(expected, abs=1e-3)


def test_8_bits_are_calibrated_on_crops_and_their_smaller_copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needs_the_extra()
    monkeypatch.setitem(agreement.MOST_APART, "int8", (0.2, 0.5))
    reference = Reference(20, 0.5, side=32)
    save_checkpoint(tmp_path / "tiny.safetensors", tiny_contract(reference=reference), tiny_network().state_dict())
    checkpoint = load_checkpoint(tmp_path / "tiny.safetensors")
    found = export_model(tmp_path / "tiny.int8.onnx", checkpoint, int8_crops=CROPS)
    assert found.calibrated_on == 2 * 16
    made = scorer(checkpoint, str(tmp_path / "tiny.int8.onnx")).logits(CROPS)
    expected = scorer(checkpoint, "torch").logits(CROPS)
    assert np.abs(expit(made) - expit(expected)).mean() < 0.1 and np.corrcoef(made, expected)[0, 1] > 0.9


@pytest.mark.parametrize("head", ["with the backbone's copies", "of its own"])
def test_a_model_computes_copied_channels_once_and_answers_as_the_wide_network(head: str, tmp_path: Path) -> None:
    needs_the_extra()
    state = widen(tiny_network().state_dict(), FROM_TINY)
    if head == "of its own":
        generator = torch.Generator().manual_seed(2)
        state = {
            n: t + 0.02 * torch.randn(t.shape, generator=generator) if "head.layer4" in n and t.dim() == 4 else t for n, t in state.items()
        }
    save_checkpoint(tmp_path / "wide.safetensors", tiny_contract(architecture=WIDE), state, storage="float32")
    checkpoint = load_checkpoint(tmp_path / "wide.safetensors")
    assert checkpoint.contract.copies == (FROM_TINY if head != "of its own" else Copies(FROM_TINY.backbone))
    export_model(tmp_path / "wide.onnx", checkpoint)
    whole = Network(WIDE).eval()
    whole.load_state_dict(state)
    logits, maps = OnnxRuntimeEngine(tmp_path / "wide.onnx", TINY_PREPROCESSING).logits_and_maps(CROPS)
    expected, expected_maps = Scorer(whole, TINY_PREPROCESSING, "cpu", "float32").logits_and_maps(CROPS)
    assert np.abs(expit(logits) - expit(expected)).max() <= TOLERANCE_P_FAKE["float32"]
    np.testing.assert_allclose(maps, expected_maps, atol=1e-3)
    import onnx

    (weight,) = [i for i in onnx.load(str(tmp_path / "wide.onnx")).graph.initializer if list(i.dims)[1:] == [3, 7, 7]]
    sizes = sum(int(np.prod(i.dims)) for i in onnx.load(str(tmp_path / "wide.onnx")).graph.initializer)
    assert weight.dims[0] == WIDE.stem_width and sizes < sum(t.numel() for t in whole.parameters()) / (4 if head != "of its own" else 1.1)


def test_a_model_says_what_it_is(model: Path, checkpoint: Checkpoint) -> None:
    import onnx
    import onnxruntime

    loaded = onnx.load(str(model))
    (text,) = [entry.value for entry in loaded.metadata_props if entry.key == "screener"]
    values = json.loads(text)
    assert values["checkpoint_sha256"] == checkpoint.sha256 in values["weights_sha256"]
    assert values["contract"] == json.loads(json.dumps(checkpoint.contract.to_dict()))
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    logit, p_fake = session.run(["logit", "p_fake"], {"crops_rgb": CROPS[:3]})
    assert p_fake == pytest.approx(expit(logit / 2.0 + 0.5), abs=1e-5)
    assert str(Path(__file__).parents[3]).encode() not in model.read_bytes()


def test_a_model_of_one_batch_size_takes_any_number_of_crops(tmp_path: Path, checkpoint: Checkpoint) -> None:
    needs_the_extra()
    export_model(tmp_path / "four.onnx", checkpoint, batch=4)
    engine = OnnxRuntimeEngine(tmp_path / "four.onnx", TINY_PREPROCESSING)
    assert engine.logits(CROPS[:7]) == pytest.approx(plain_logits(checkpoint)[:7], abs=1e-3)


@pytest.mark.parametrize(("batch", "timed"), [(3, 18), (20, 20)])
def test_its_time_for_a_crop_does_not_count_what_fills_a_batch(
    batch: int, timed: int, checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs_the_extra()
    given: list[tuple[str, int]] = []
    monkeypatch.setattr(agreement, "_cpu_ms", lambda engine, crops_rgb: given.append((engine.name, len(crops_rgb))) or 1.0)
    export_model(tmp_path / "some.onnx", checkpoint, batch)
    assert given == [("onnxruntime", timed), ("torch", agreement.TIMED_CROPS)]


def test_8_bits_stay_near_and_are_smaller(int8_model: Path, model: Path, checkpoint: Checkpoint) -> None:
    made = scorer(checkpoint, str(int8_model))
    assert made.dtype_name == "int8"
    found, expected = expit(made.logits(CROPS)), expit(plain_logits(checkpoint))
    assert np.corrcoef(found, expected)[0, 1] > 0.9
    assert not np.array_equal(found, expected)
    alone = np.array([made.logits(crop[None])[0] for crop in CROPS])
    assert np.abs(expit(alone) - found).max() <= TOLERANCE_P_FAKE["int8"]
    import onnx

    nodes = onnx.load(str(int8_model)).graph.node
    assert {"QuantizeLinear", "DequantizeLinear"} <= {node.op_type for node in nodes}
    # The first convolution, of which most of the error would be, stays as it was, and the others do not.
    maker = {out: node.op_type for node in nodes for out in node.output}
    in_8_bits = [maker.get(node.input[1]) == "DequantizeLinear" for node in nodes if node.op_type == "Conv"]
    assert in_8_bits[1:] and not in_8_bits[0] and all(in_8_bits[1:])


def test_a_model_is_refused_by_other_weights_and_taken_by_a_new_calibration(model: Path, checkpoint: Checkpoint, tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "other.safetensors", tiny_contract(), tiny_network(seed=1).state_dict())
    with pytest.raises(CheckpointError, match=r"made from the weights .*delete it, or export it again"):
        scorer(load_checkpoint(tmp_path / "other.safetensors"), str(model))
    assert checkpoint.path is not None
    again = replace(checkpoint.contract, calibration=Calibration(3.0, 0.0))
    save_contract(tmp_path / "again.safetensors", again, checkpoint.path)
    assert scorer(load_checkpoint(tmp_path / "again.safetensors"), str(model)).engine.name == "onnxruntime"


@pytest.mark.parametrize(("proved", "taken"), [(True, "onnxruntime"), (False, "torch")])
def test_beside_its_checkpoint_a_model_is_taken_unasked_only_when_it_proved_faster(
    proved: bool, taken: str, int8_model: Path, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    from screener.export.graph import describe_file, description

    assert checkpoint.path is not None
    shutil.copy(checkpoint.path, tmp_path / "tiny.safetensors")
    here = load_checkpoint(tmp_path / "tiny.safetensors")
    beside = model_beside(here)
    assert beside is not None
    shutil.copy(int8_model, beside)
    describe_file(beside, {**description(checkpoint, "int8", None), "proved": proved})
    assert scorer(here, "auto").engine.name == taken
    assert scorer(here, "onnxruntime").engine.name == "onnxruntime"
    assert build_scorer(here, ScanSettings(device="cpu", dtype="float32")).engine.name == "torch"


def test_a_model_that_strays_is_not_written(checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needs_the_extra()
    target = tmp_path / "model.onnx"
    target.write_bytes(b"what was there before")
    monkeypatch.setitem(agreement.MOST_APART, "int8", (0.0, 0.0))
    with pytest.raises(CheckpointError, match=r"the int8 model's p_fake lies .* calibrate it on more clips"):
        export_model(target, checkpoint, int8_crops=CROPS)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("model.onnx", b"what was there before")]


def test_wrong_requests(checkpoint: Checkpoint, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"at least 16 faces to calibrate on, the clips gave 3"):
        export_model(tmp_path / "m.onnx", checkpoint, int8_crops=CROPS[:3])
    with pytest.raises(SettingsError, match="batch: expected"):
        export_model(tmp_path / "m.onnx", checkpoint, batch=0)
    with pytest.raises(OutputError, match="cannot be written"):
        export_model(tmp_path / "nowhere" / "m.onnx", checkpoint)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("missing", ["onnx", "onnxscript"])
def test_missing_tools_name_the_extra(missing: str, checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(DeviceError, match=r'pip install "screener-video\[export\]"'):
        export_model(tmp_path / "m.onnx", checkpoint)
    assert not list(tmp_path.iterdir())


def test_a_model_of_nobody_we_know_is_refused(model: Path, tmp_path: Path) -> None:
    import onnx

    loaded = onnx.load(str(model))
    del loaded.metadata_props[:]
    onnx.save(loaded, str(tmp_path / "bare.onnx"))
    with pytest.raises(CheckpointError, match=r"bare.onnx: its metadata has no sound 'screener' entry"):
        OnnxRuntimeEngine(tmp_path / "bare.onnx", TINY_PREPROCESSING)
