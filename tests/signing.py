"""C2PA manifests signed with a generated certificate, which is trusted only if a test says so."""

from __future__ import annotations

import datetime
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import c2pa
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

GENERATED = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"


@dataclass(frozen=True)
class Authority:
    """root_pem: what who trusts it has to know. chain_pem, key_pem: of the signer."""

    root_pem: str
    chain_pem: bytes
    key_pem: bytes


def _named(organisation: str, common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation), x509.NameAttribute(NameOID.COMMON_NAME, common)])


def authority() -> Authority:
    now = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root_name, name = _named("Made for tests", "Root made for tests"), _named("Test Camera Works", "Test signer")
    usage = {"content_commitment": False, "key_encipherment": False, "data_encipherment": False, "key_agreement": False}
    usage |= {"encipher_only": False, "decipher_only": False}

    def built(subject: x509.Name, public: Any, is_root: bool) -> x509.CertificateBuilder:
        made = x509.CertificateBuilder().subject_name(subject).issuer_name(root_name).public_key(public)
        made = made.serial_number(x509.random_serial_number()).not_valid_before(now).not_valid_after(now + datetime.timedelta(3650))
        made = made.add_extension(x509.BasicConstraints(is_root, None), True)
        made = made.add_extension(x509.SubjectKeyIdentifier.from_public_key(public), False)
        made = made.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), False)
        signs = {"digital_signature": not is_root, "key_cert_sign": is_root, "crl_sign": is_root}
        return made.add_extension(x509.KeyUsage(**usage, **signs), True)

    root = built(root_name, root_key.public_key(), True).sign(root_key, hashes.SHA256())
    purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
    leaf = built(name, key.public_key(), False).add_extension(purpose, False).sign(root_key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return Authority(root.public_bytes(pem).decode(), leaf.public_bytes(pem) + root.public_bytes(pem), private)


def signed(source: Path, target: Path, by: Authority, generated: bool = False, remote: str | None = None) -> Path:
    """A copy with a manifest: that it was made by a machine, or captured and then edited. remote: the manifest lies there alone."""
    made_by = GENERATED if generated else GENERATED.replace("trainedAlgorithmicMedia", "digitalCapture")
    first = {"action": "c2pa.created", "digitalSourceType": made_by}
    actions = [first] if generated else [first, {"action": "c2pa.color_adjustments"}]
    manifest = {
        "claim_generator_info": [{"name": "Test Studio", "version": "3.2"}],
        "title": source.name,
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": actions}}],
    }
    signer = c2pa.Signer.from_info(c2pa.C2paSignerInfo(c2pa.C2paSigningAlg.ES256, by.chain_pem, by.key_pem, None))
    builder = c2pa.Builder(json.dumps(manifest))
    if remote:
        builder.set_remote_url(remote)
        builder.set_no_embed()
    kind = {".mp4": "video/mp4", ".jpg": "image/jpeg", ".png": "image/png"}[source.suffix]
    with source.open("rb") as given, target.open("w+b") as made:
        builder.sign(signer, kind, given, made)
    return target
