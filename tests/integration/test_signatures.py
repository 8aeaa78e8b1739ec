"""`scan --sign` and `report verify --signer` with generated keys: valid, wrong and missing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import Ended, run_here

needs_ssh = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed, so nothing can be signed")


def key(path: Path, passphrase: str = "") -> Path:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-C", "editor@example.org", "-f", path], check=True)
    return path


def scanned(checkpoint: Path, *arguments: str | Path) -> Ended:
    return run_here("scan", *arguments, "--frames", "5", "--device", "cpu", "--dtype", "float32", "--checkpoint", checkpoint)


@pytest.fixture(scope="module")
def signed(media: Path, checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ended]:
    """A folder with a key, another's key, and a signed JSON, page and index."""
    folder = tmp_path_factory.mktemp("signed")
    key(folder / "key"), key(folder / "other")
    output = ("--json", "-o", folder / "face.json", "--report", folder / "pages")
    return folder, scanned(checkpoint, media / "face.png", *output, "--sign", folder / "key")


def verify(checkpoint: Path, report: Path, *options: str | Path) -> Ended:
    return run_here("report", "verify", report, "--checkpoint", checkpoint, *options)


@needs_ssh
def test_what_is_written_is_signed_by_the_key(signed: tuple[Path, Ended], checkpoint: Path) -> None:
    folder, ended = signed
    assert "3 signatures, each beside its file as .sig" in ended.err
    assert {path.name.split("-")[0] for path in (folder / "pages").glob("*.sig")} == {"face.png", "index.html.sig"}
    for report in (folder / "face.json", next((folder / "pages").glob("face*.html"))):
        ended = verify(checkpoint, report, "--signer", folder / "key.pub")
        assert ended.status == 0 and "holds    signature" in ended.out and "by the key given, ED25519 key SHA256:" in ended.out


@needs_ssh
def test_signers_are_named_by_a_list_and_several_keys_may_be_given(signed: tuple[Path, Ended], checkpoint: Path, tmp_path: Path) -> None:
    folder = signed[0]
    public, other = (folder / "key.pub").read_text(), (folder / "other.pub").read_text()
    (tmp_path / "list").write_text(f"# the desk\nx@example.org {other}editor@example.org {public}")
    (tmp_path / "keys").write_text(other + public)
    assert "by editor@example.org, ED25519" in verify(checkpoint, folder / "face.json", "--signer", tmp_path / "list").out
    assert verify(checkpoint, folder / "face.json", "--signer", tmp_path / "keys").status == 0
    elsewhere = tmp_path / "elsewhere.sig"
    shutil.copy(folder / "face.json.sig", elsewhere)
    shutil.copy(folder / "face.json", tmp_path)
    given = ("--signature", elsewhere, "--signer", folder / "key.pub")
    assert "holds    signature" in verify(checkpoint, tmp_path / "face.json", *given).out


@needs_ssh
def test_another_key_a_changed_file_and_another_purpose_differ(signed: tuple[Path, Ended], checkpoint: Path, tmp_path: Path) -> None:
    folder = signed[0]
    ended = verify(checkpoint, folder / "face.json", "--signer", folder / "other.pub")
    assert ended.status == 3 and "DIFFERS  signature" in ended.out and "not among those of" in ended.out
    report = tmp_path / "face.json"
    report.write_text((folder / "face.json").read_text().replace('"detail": ""', '"detail": "x"'))
    shutil.copy(folder / "face.json.sig", tmp_path)
    for options in ((), ("--signer", folder / "key.pub")):
        ended = verify(checkpoint, report, *options)
        assert ended.status == 3 and "DIFFERS  signature" in ended.out and "it is no signature of this file" in ended.out
    subprocess.run(["ssh-keygen", "-q", "-Y", "sign", "-f", folder / "key", "-n", "git", folder / "other.pub"], check=True)
    (tmp_path / "face.json.sig").write_bytes((folder / "other.pub.sig").read_bytes())
    assert "DIFFERS  signature" in verify(checkpoint, report, "--signer", folder / "key.pub").out
    (tmp_path / "face.json.sig").write_text("no signature\n")
    assert "DIFFERS  signature" in verify(checkpoint, report, "--signer", folder / "key.pub").out


@needs_ssh
def test_without_a_signer_nobody_vouches_and_without_a_signature_there_is_none(
    signed: tuple[Path, Ended], checkpoint: Path, tmp_path: Path
) -> None:
    folder = signed[0]
    ended = verify(checkpoint, folder / "face.json")
    assert ended.status == 3 and "unknown  signature" in ended.out and "name who should have signed with --signer" in ended.out
    shutil.copy(folder / "face.json", tmp_path)
    assert "signature" not in verify(checkpoint, tmp_path / "face.json").out
    ended = verify(checkpoint, tmp_path / "face.json", "--signer", folder / "key.pub")
    assert ended.status == 3 and "there is none: no face.json.sig beside it" in ended.out
    for wrong in (tmp_path / "face.json", tmp_path / "gone.pub"):
        ended = verify(checkpoint, folder / "face.json", "--signer", wrong)
        assert ended.status == 2 and str(wrong) in ended.err and "Traceback" not in ended.err


@needs_ssh
def test_a_key_that_cannot_sign_is_refused_before_anything_is_judged(media: Path, checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "junk").write_text("no key\n")
    os.chmod(tmp_path / "junk", 0o600)
    os.chmod(key(tmp_path / "open"), 0o644)
    shutil.copy(key(tmp_path / "alone").with_suffix(".pub"), tmp_path / "public.pub")
    wrong = {
        "gone": "no such key", "junk": "it is no SSH key", "open": "others may read this private key", "public.pub": "this is a public key",
    }  # fmt: skip
    for name, words in wrong.items():
        ended = scanned(checkpoint, media / "face.png", "-o", tmp_path / "out.json", "--json", "--sign", tmp_path / name)
        assert ended.status == 2 and words in ended.err and "judged" not in ended.err, ended
        assert not (tmp_path / "out.json").exists()
    assert "name one with -o" in scanned(checkpoint, media / "face.png", "--sign", tmp_path / "alone").err


@needs_ssh
def test_a_key_with_a_passphrase_wants_an_agent(tmp_path: Path) -> None:
    locked = key(tmp_path / "locked", "secret")
    script = f"from pathlib import Path; from screener.runtime.signatures import Signer; Signer(Path({str(locked)!r}))"
    # In a session of its own there is no terminal to ask at.
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, start_new_session=True)
    assert "the key has a passphrase" in ended.stderr


def test_without_ssh_keygen_it_is_said(media: Path, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "key").write_text("a key\n")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    ended = scanned(checkpoint, media / "face.png", "-o", tmp_path / "out.json", "--sign", tmp_path / "key")
    assert ended.status == 2 and "install OpenSSH" in ended.err


def test_a_signature_of_what_was_there_before_is_told(media: Path, checkpoint: Path, tmp_path: Path) -> None:
    output = ("--json", "-o", tmp_path / "face.json", "--report", tmp_path / "pages")
    assert ".sig" not in scanned(checkpoint, media / "face.png", *output).err
    (tmp_path / "face.json.sig").write_text("of an earlier scan")
    again = scanned(checkpoint, media / "face.png", *output)
    assert f"{tmp_path / 'face.json.sig'} is of what was there before this scan; sign again with --sign" in again.err
    (tmp_path / "pages" / "index.html.sig").write_text("of an earlier scan")
    assert "face.json.sig and 1 more signature are of" in scanned(checkpoint, media / "face.png", *output).err
    assert (tmp_path / "face.json.sig").read_text() == "of an earlier scan"
