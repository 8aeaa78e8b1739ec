"""Detached signatures of files with SSH keys, made and checked by OpenSSH's `ssh-keygen -Y` (PROTOCOL.sshsig), namespace `screener`.

A signature of FILE lies beside it as FILE.sig. No key is read here: ssh-keygen does that, or an agent that holds it. Knows files, not
reports.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from screener.errors import DatasetError, OutputError, SettingsError
from screener.runtime.files import write_whole

NAMESPACE = "screener"
"""A signature for another purpose, such as of a commit, is none of a report."""

SUFFIX = ".sig"

_SOMEONE = "signer"
"""Name of whoever owns a bare public key, where only a list of signers would name them."""

_FAULTS = {
    "passphrase": "the key has a passphrase, and there was none; load it with ssh-add and give its .pub",
    "are too open": "others may read this private key; chmod 600 it",
    "Couldn't load public key": "it is no SSH key; give a private one, such as ssh-keygen -t ed25519 makes",
    "not found in agent": "this is a public key, and no agent holds its private one; load that with ssh-add, or give its file",
    "No private key found": "this is a public key, and no agent holds its private one; load that with ssh-add, or give its file",
}
"""What ssh-keygen says, and what to say of it."""

_KEY = re.compile(r"(ssh-|ecdsa-|sk-ssh-|sk-ecdsa-)\S+ [A-Za-z0-9+/=]{16,}")
_BY = re.compile(r'Good "screener" signature (?:for (?P<who>.*) )?with (?P<key>\S+ key \S+)')


class Signer:
    """Signs with one key, which is tried at once. Raises SettingsError if it cannot sign, or ssh-keygen is missing."""

    def __init__(self, key: Path) -> None:
        """key: a private key, or the public one of a key that an agent holds."""
        self._key = key
        if not key.is_file():
            raise SettingsError(f"--sign {key}: no such key; give a private SSH key, such as ssh-keygen -t ed25519 makes")
        with tempfile.TemporaryFile() as nothing:
            ended = self._signed(nothing)
        if ended.returncode:
            raise SettingsError(f"--sign {key}: {_why(ended)}")

    def sign(self, paths: Iterable[Path]) -> int:
        """Write the signature of each file beside it, in place of an older one; how many. Raises OutputError."""
        count = 0
        for path in paths:
            try:
                with path.open("rb") as file:
                    ended = self._signed(file)
            except OSError as error:
                raise OutputError(f"{path}: cannot be signed: {error.strerror}") from error
            if ended.returncode:
                raise OutputError(f"{path}: cannot be signed: {_why(ended)}")
            write_whole(signature_of(path), ended.stdout)
            count += 1
        return count

    def _signed(self, file: BinaryIO) -> subprocess.CompletedProcess[bytes]:
        return _keygen(["sign", "-f", str(self._key.absolute())], file)


@dataclass(frozen=True)
class Check:
    """holds: None where nobody vouches for the key. words: by whom, or what is wrong."""

    holds: bool | None
    words: str


def signature_of(path: Path) -> Path:
    """Where the signature of a file lies."""
    return path.with_name(path.name + SUFFIX)


def checked(path: Path, signature: Path, signers: Path | None) -> Check:
    """Whether a signature is of this file, and by whom.

    signers: a public key, several of them (one a line), or a list of signers as in `man ssh-keygen`, ALLOWED SIGNERS. Raises DatasetError
    if a file cannot be read or is none of these, SettingsError if ssh-keygen is missing.
    """
    _required(signature, "signature")
    named = ["-s", str(signature.absolute())]
    if signers is None:
        fits = _of_file(path, ["check-novalidate", *named])
        said = "it is no signature of this file"
        return Check(None, f"by {_key_of(fits)}; name who should have signed with --signer") if not fits.returncode else Check(False, said)
    with tempfile.TemporaryDirectory(prefix="screener-") as folder:
        allowed = Path(folder) / "signers"
        allowed.write_text(_list_of(signers), encoding="utf-8")
        options = [*named, "-f", str(allowed)]
        who = _of_file(path, ["find-principals", *options])
        for name in who.stdout.decode("utf-8", "replace").splitlines() if not who.returncode else ():
            ended = _of_file(path, ["verify", *options, "-I", name])
            if not ended.returncode:
                return Check(True, f"by {'the key given' if name == _SOMEONE else name}, {_key_of(ended)}")
        fits = _of_file(path, ["check-novalidate", *named])
    other = f"by {_key_of(fits)}, which is not among those of {signers}" if not fits.returncode else "it is no signature of this file"
    return Check(False, other)


def _list_of(signers: Path) -> str:
    """A list of signers; of bare keys one is made, in which all have one name."""
    lines = [line for line in _required(signers, "signers").splitlines() if line.strip() and not line.startswith("#")]
    if not lines or not all(_KEY.search(line) for line in lines):
        raise DatasetError(f"{signers}: neither a public SSH key nor a list of signers")
    return "".join(f'{_SOMEONE} namespaces="{NAMESPACE}" {line}\n' if _KEY.match(line) else f"{line}\n" for line in lines)


def _required(path: Path, what: str) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise DatasetError(f"{path}: the {what} cannot be read: {error.strerror}") from error


def _of_file(path: Path, arguments: list[str]) -> subprocess.CompletedProcess[bytes]:
    try:
        with path.open("rb") as file:
            return _keygen(arguments, file)
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {error.strerror}") from error


def _keygen(arguments: list[str], file: BinaryIO) -> subprocess.CompletedProcess[bytes]:
    program = shutil.which("ssh-keygen")
    if program is None:
        raise SettingsError("signatures need ssh-keygen, which is not here; install OpenSSH (8.2 or later)")
    action, *rest = arguments
    return subprocess.run([program, "-Y", action, "-n", NAMESPACE, *rest], stdin=file, capture_output=True, check=False)


def _why(ended: subprocess.CompletedProcess[bytes]) -> str:
    """Why it could not be signed, and what helps; in the words of ssh-keygen where none of ours fit."""
    said = ended.stderr.decode("utf-8", "replace")
    ours = next((words for sign, words in _FAULTS.items() if sign in said), None)
    lines = [line for line in said.splitlines() if line.strip().strip("@")]
    return ours or (f"ssh-keygen cannot sign: {lines[-1].strip()}" if lines else f"ssh-keygen ended with {ended.returncode}")


def _key_of(ended: subprocess.CompletedProcess[bytes]) -> str:
    found = _BY.search((ended.stdout + ended.stderr).decode("utf-8", "replace"))
    return found["key"] if found else "a key"
