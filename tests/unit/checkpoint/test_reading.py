"""Damaged, hostile or unrelated files: refused with the reason, and never executed."""

from __future__ import annotations

import os
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import load, save_file
from torch import Tensor

from screener.checkpoint import load_checkpoint, save_checkpoint, verify_checkpoint
from screener.checkpoint.reading import StoredCheckpoint
from screener.checkpoint.tensors import Array
from screener.errors import CheckpointError

from .conftest import make_contract, make_network
from .files import reseal, rewrite

CONV = "head.layer4.0.conv1.weight"


class Canary:
    """An object whose unpickling leaves a file behind."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.trace),)


def as_pickle(canary: Canary, path: Path, protocol: int) -> None:
    path.write_bytes(pickle.dumps(canary, protocol=protocol))


def as_torch_zip(canary: Canary, path: Path, protocol: int) -> None:
    torch.save({"state": canary}, path, pickle_protocol=protocol)


def as_torch_legacy(canary: Canary, path: Path, protocol: int) -> None:
    torch.save({"state": canary}, path, pickle_protocol=protocol, _use_new_zipfile_serialization=False)


def as_disguised_pickle(canary: Canary, path: Path, protocol: int) -> None:
    """A sound pickle that drops a first string, so that the ninth byte is that of a safetensors header."""
    content = pickle.dumps(canary, protocol=protocol)
    path.write_bytes(content[:2] + b"U\x05abcd{0" + content[2:])
    assert path.read_bytes()[8:9] == b"{"


@pytest.mark.parametrize("write", [as_pickle, as_torch_zip, as_torch_legacy, as_disguised_pickle])
@pytest.mark.parametrize("name", ["weights.safetensors", "weights.pt", "weights"])
@pytest.mark.parametrize("protocol", [2, 4])
def test_pickles_are_refused_without_being_opened(tmp_path: Path, write: Callable[..., None], name: str, protocol: int) -> None:
    trace = tmp_path / "executed"
    write(Canary(trace), tmp_path / name, protocol)
    for open_it in (load_checkpoint, verify_checkpoint):
        with pytest.raises(CheckpointError, match=name):
            open_it(tmp_path / name)
    assert not trace.exists()


@pytest.mark.parametrize("write", [as_pickle, as_disguised_pickle])
def test_the_canary_would_sing(tmp_path: Path, write: Callable[..., None]) -> None:
    write(Canary(tmp_path / "executed"), tmp_path / "a.pt", 2)
    pickle.loads((tmp_path / "a.pt").read_bytes())
    assert (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"PK\x03\x04 and more", "zip archive such as torch.save writes; checkpoints are safetensors files only"),
        (pickle.dumps({"a": 1}, protocol=4), "Python pickle; checkpoints are safetensors files only"),
        (pickle.dumps({"a": 1}, protocol=5), "Python pickle; checkpoints are safetensors files only"),
        (b"\x80\x06 is no protocol yet", "it is not a safetensors file"),
        (b"\x89PNG\r\n\x1a\n rest", r"not a safetensors file \(it starts with b'\\x89PNG"),
        (b"\x10", "not a safetensors file"),
        (struct.pack("<Q", 2**63) + b"{}", "header says it is 9223372036854775808 bytes long, more than the 16777216 allowed"),
        (struct.pack("<Q", 16 * 2**20 + 1) + b"{" * 100, "more than the 16777216 allowed"),
        (struct.pack("<Q", 1000) + b"{}", "truncated: its header should be 1000 bytes, but only 2 follow"),
        (struct.pack("<Q", 16 * 2**20) + b"{" * 100, "truncated: its header should be 16777216 bytes, but only 100 follow"),
        (struct.pack("<Q", 9) + b"{}", "truncated: its header should be 9 bytes, but only 2 follow"),
        (struct.pack("<Q", 2) + b"{]", "safetensors header does not fit the file"),
        (struct.pack("<Q", 2) + b"{}", "no 'screener' entry: these are bare weights"),
    ],
)
def test_other_files_are_named_for_what_they_are(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=f"weights.safetensors: .*{message}"):
        load_checkpoint(path)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"nowhere.safetensors: there is no such file"):
        load_checkpoint(tmp_path / "nowhere.safetensors")
    with pytest.raises(CheckpointError, match="not a regular file"):
        load_checkpoint(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.safetensors")
    with pytest.raises(CheckpointError, match="not a regular file"):
        load_checkpoint(tmp_path / "pipe.safetensors")


def test_forbidden_file(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*args: Any, **kwargs: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", forbidden)
    with pytest.raises(CheckpointError, match=r"cannot be read \(Permission denied\); check the path"):
        load_checkpoint(saved)


@pytest.mark.parametrize("share", [0.001, 0.1, 0.5, 0.999])
def test_truncated_files(saved_any: Path, share: float) -> None:
    content = saved_any.read_bytes()
    saved_any.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(CheckpointError, match="again"):
        load_checkpoint(saved_any)


def test_bytes_after_the_end_are_refused(saved: Path) -> None:
    saved.write_bytes(saved.read_bytes() + b"payload")
    with pytest.raises(CheckpointError, match="does not fit the file"):
        load_checkpoint(saved)


@given(st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_header_never_fails_in_another_way(saved: Path, tmp_path: Path, data: st.DataObject) -> None:
    content = bytearray(saved.read_bytes())
    header = 8 + int.from_bytes(content[:8], "little")
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, header - 1))] = data.draw(st.integers(0, 255))
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(content)
    try:
        load_checkpoint(damaged)
    except CheckpointError as error:
        assert "damaged.safetensors" in str(error)


def test_rewriting_alone_breaks_nothing(saved_any: Path) -> None:
    reseal(saved_any)
    assert load_checkpoint(saved_any).contract.name == "tiny test head"


@pytest.mark.parametrize(
    "change",
    [
        {"change_tensors": lambda t: t["head.fc.bias"].add_(1e-3)},
        {"change_tensors": lambda t: t["head.layer4.0.conv1.weight"].view(-1)[:1].add_(1)},
        {"change_tensors": lambda t: t["head.layer4.0.conv1.weight.scale"][:1].mul_(2)},
        {"change_tensors": lambda t: t.update({"backbone.conv1.weight": t["backbone.conv1.weight"].flip(0).contiguous()})},
        {"change_contract": lambda c: c["operating_points"][0].update(threshold=0.91)},
    ],
)
def test_what_changed_since_it_was_written_is_refused(saved: Path, change: dict[str, Callable[[Any], object]]) -> None:
    rewrite(saved, **change)
    for open_it in (load_checkpoint, verify_checkpoint):
        with pytest.raises(CheckpointError, match=r"tiny.safetensors: sha256: .*not as they were written.*copy or download the file"):
            open_it(saved)


@given(st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_flipped_bit_of_the_weights_goes_unnoticed(saved: Path, tmp_path: Path, data: st.DataObject) -> None:
    content = bytearray(saved.read_bytes())
    header = 8 + int.from_bytes(content[:8], "little")
    content[data.draw(st.integers(header, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"damaged.safetensors: .*copy or download the file again"):
        load_checkpoint(damaged)


def test_a_file_without_its_hash_is_refused(saved: Path) -> None:
    rewrite(saved, change_seal=lambda said: None)
    with pytest.raises(CheckpointError, match=r"sha256: contract and weights are not as they were written, the file says None"):
        load_checkpoint(saved)


def put(name: str, value: Callable[[Tensor], Tensor]) -> Callable[[dict[str, Tensor]], object]:
    return lambda tensors: tensors.update({name: value(tensors.get(name, torch.zeros(1)))})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.pop("head.fc.weight"), r"tensor head\.fc\.weight: missing, but architecture 'tiny' needs it"),
        (put("head.fd.weight", lambda t: t), r"'head\.fd\.weight': architecture 'tiny' has no such tensor"),
        (put("head.fc.weight", lambda t: t[:, :9].contiguous()), r"head\.fc\.weight: expected shape \(2, 128\).*got \(2, 9\)"),
        (put("head.fc.weight", lambda t: t * float("inf")), r"head\.fc\.weight: holds NaN or infinite values, \d+ of 256"),
        (put("backbone.bn1.running_var", lambda t: t * float("nan")), r"backbone\.bn1\.running_var: holds NaN"),
        (put("backbone.bn1.running_var", lambda t: -t), r"backbone\.bn1\.running_var: holds a negative variance"),
        (put("head.fc.weight", lambda t: t.double()), r"'head\.fc\.weight': expected F32 or F16, or I8 .*got F64"),
        (put("head.fc.weight", lambda t: t.to(torch.int8)), r"'head\.fc\.weight': expected F32 or F16, or I8 .*got I8"),
        (put(CONV, lambda t: t.to(torch.uint8)), r"conv1\.weight': expected F32 or F16, or I8 for the weights of a convolution, got U8"),
        (lambda t: t.pop(CONV + ".scale"), r"conv1\.weight\.scale': expected F32 of shape \(32,\)|conv1\.weight\.scale'.*got none"),
        (put(CONV + ".scale", lambda t: t[:1].contiguous()), r"conv1\.weight\.scale': expected F32 of shape"),
        (put(CONV + ".scale", lambda t: t.half()), r"conv1\.weight\.scale': expected F32 of shape"),
        (put(CONV + ".scale", lambda t: t * 0), r"conv1\.weight\.scale: expected scales above 0, got 0"),
        (put(CONV + ".scale", lambda t: -t), r"conv1\.weight\.scale: expected scales above 0, got -"),
        (put(CONV + ".scale", lambda t: t * float("nan")), r"conv1\.weight\.scale: holds NaN or infinite"),
        (put(CONV + ".scale", lambda t: torch.full_like(t, 3e38)), r"conv1\.weight\.scale: holds NaN or infinite"),
        (put("head.fc.weight.scale", lambda t: torch.ones(2)), r"'head\.fc\.weight\.scale': architecture 'tiny' has no such tensor"),
        (put("head.fc.weight", lambda t: (t * 0 + float("inf")).half()), r"head\.fc\.weight: holds NaN or infinite values"),
    ],
)
def test_wrong_tensors(saved: Path, change: Callable[[dict[str, Tensor]], object], message: str) -> None:
    reseal(saved, change_tensors=change)
    for open_it in (load_checkpoint, verify_checkpoint):
        with pytest.raises(CheckpointError, match=f"tiny.safetensors: .*(?:{message}).*copy or download the file again"):
            open_it(saved)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.pop("calibration"), "calibration: missing"),
        (lambda c: c.update(format_version=99), "format_version: expected 1, 2, 3 or 4.*got 99"),
        (lambda c: c.update(class_names=["fake", "real"]), "class_names: expected"),
        (lambda c: c["preprocessing"].update(rule_version=7), r"preprocessing\.rule_version: this screener crops by version 1"),
        (lambda c: c["preprocessing"].update(resize_rule="lanczos"), r"preprocessing\.colour_order and resize_rule: .*'lanczos'"),
        (lambda c: c.pop("copies"), "copies: missing"),
        (lambda c: c["copies"]["backbone"].update(inner=3), r"copies: inner: 8 channels cannot be 3 times fewer"),
        (lambda c: c["copies"]["backbone"].update(inner=0), r"copies\.backbone\.inner: expected each channel 1 to 512 times"),
        (lambda c: c["copies"]["head"].update(outer=2), r"copies\.head\.outer: expected a divisor of backbone\.outer"),
        (lambda c: c["architecture"].update(blocks=[9**9, 1, 1, 1]), r"architecture\.blocks: expected at most 64"),
        (lambda c: c["calibration"].update(temperature=float("nan")), "contract: .*not sound JSON.*NaN is not allowed"),
    ],
)
def test_wrong_contracts(saved: Path, change: Callable[[dict[str, Any]], object], message: str) -> None:
    reseal(saved, change_contract=change)
    with pytest.raises(CheckpointError, match=f"tiny.safetensors: .*{message}.*make it again"):
        load_checkpoint(saved)


def test_an_architecture_that_the_weights_do_not_have(saved: Path) -> None:
    reseal(saved, change_contract=lambda contract: contract["architecture"].update(blocks=[1, 1, 2, 1]))
    with pytest.raises(CheckpointError, match=r"backbone\.layer3\.1\..*: missing"):
        load_checkpoint(saved)


@pytest.mark.parametrize("text", ["", "{", "[1]", "null", '{"a": NaN}', "[" * 100_000, "1" * 5000])
def test_bad_json_in_the_metadata(saved: Path, text: str) -> None:
    save_file(load(saved.read_bytes()), saved, metadata={"screener": text})
    with pytest.raises(CheckpointError, match=r"tiny.safetensors: contract: "):
        load_checkpoint(saved)


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}])
def test_bare_weights(saved: Path, metadata: dict[str, str] | None) -> None:
    save_file(load(saved.read_bytes()), saved, metadata=metadata)
    with pytest.raises(CheckpointError, match="no 'screener' entry"):
        load_checkpoint(saved)


def test_what_is_said_twice_is_refused(tmp_path: Path, tiny_checkpoint: Path) -> None:
    """In the contract, and in the header, where one name would stand for two tensors."""
    with safe_open(tiny_checkpoint, framework="pt") as handle:
        text = handle.metadata()["screener"]
    path = tmp_path / "twice.safetensors"
    save_file(load(tiny_checkpoint.read_bytes()), path, metadata={"screener": text[:-1] + ', "name": "another"}'})
    with pytest.raises(CheckpointError, match="'name' stands in it twice"):
        load_checkpoint(path)
    entry = '"a":{"dtype":"F32","shape":[1],"data_offsets":[%d,%d]}'
    header = ("{" + entry % (0, 4) + "," + entry % (4, 8) + "}").encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(8))
    with pytest.raises(CheckpointError, match="header does not fit"):
        load_checkpoint(path)


@pytest.mark.skipif(os.name == "nt", reason="Windows does not replace a file that is open")
def test_a_file_that_is_replaced_while_it_is_read_is_refused(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its hash would be that of the new file, its weights those of the old one."""
    read = StoredCheckpoint.tensors

    def tensors(stored: StoredCheckpoint) -> dict[str, Array]:
        found = read(stored)
        save_checkpoint(saved, make_contract(name="another"), make_network(seed=1).state_dict())
        return found

    with monkeypatch.context() as patch:
        patch.setattr(StoredCheckpoint, "tensors", tensors)
        with pytest.raises(CheckpointError, match=r"tiny.safetensors: it was replaced while it was read; try again"):
            load_checkpoint(saved)
    assert load_checkpoint(saved).contract.name == "another"
