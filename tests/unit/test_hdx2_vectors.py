"""Frozen envelopes open for ever, also without HaloDesk; the library's HPKE is that of RFC 9180."""

from __future__ import annotations

import ast
import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.bindings._rust import openssl
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from halodesk.crypto import envelope as envelopes
from halodesk.crypto import hpke_keys
from halodesk.crypto.envelope import Place

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "docs" / "hdx2-vectors.json"
FROZEN = "15284ff1090a190f8d9c63ff88d03363dac83dff8784c5cda5c42fac445467bb"
SCRIPT = ROOT / "tools" / "hdx2-open"
VECTORS: list[dict[str, Any]] = json.loads(FILE.read_text(encoding="utf-8"))["vectors"]


def test_the_vectors_of_the_document_are_frozen() -> None:
    assert hashlib.sha256(FILE.read_bytes()).hexdigest() == FROZEN
    assert {vector["suite"] for vector in VECTORS} == {1, 2}


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_each_vector_opens(vector: dict[str, Any]) -> None:
    place = Place(**{name: vector[name] for name in Place.__struct_fields__})
    data, suite = bytes.fromhex(vector["envelope"]), vector["suite"]
    shares = []
    for who in ("a", "b"):
        private = bytes.fromhex(vector[f"private_{who}"])
        assert hpke_keys.public_of(suite, private).hex() == vector[f"public_{who}"]
        share = envelopes.open_share(data, place, suite, private)
        assert (share.slot, share.data.hex()) == (who.upper(), vector[f"share_{who}"])
        shares.append(share)
    assert envelopes.combine(data, place, *shares) == vector["value"].encode()
    assert envelopes.pack(envelopes.unpack(data)) == data


def test_the_script_of_the_document_opens_them_without_halodesk(tmp_path: Path) -> None:
    """In an empty folder and in isolated mode: nothing of ours is on its path."""
    done = subprocess.run(
        [sys.executable, "-I", str(SCRIPT), str(FILE)], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("ok   ") == len(VECTORS)
    imported = {
        alias.name.partition(".")[0]
        for node in ast.walk(ast.parse(SCRIPT.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import)
        for alias in node.names
    } | {
        str(node.module).partition(".")[0]
        for node in ast.walk(ast.parse(SCRIPT.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom)
    }
    assert imported - sys.stdlib_module_names == {"cryptography"}


def test_the_script_tells_what_does_not_open(tmp_path: Path) -> None:
    broken = VECTORS[0] | {"session": "another"}
    file = tmp_path / "broken.json"
    file.write_text(json.dumps({"vectors": [broken]}), encoding="utf-8")
    done = subprocess.run([sys.executable, "-I", str(SCRIPT), str(file)], capture_output=True, text=True)
    assert done.returncode == 1
    assert "WRONG" in done.stdout


# RFC 9180, appendices A.1.1 and A.2.1: base mode, sequence number 0.
_INFO = bytes.fromhex("4f6465206f6e2061204772656369616e2055726e")
_PLAIN = bytes.fromhex("4265617574792069732074727574682c20747275746820626561757479")
_AAD = b"Count-0"


@pytest.mark.parametrize(
    ("aead", "private", "public", "encapsulated", "ciphertext"),
    [
        (
            AEAD.AES_128_GCM,
            "4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8",
            "3948cfe0ad1ddb695d780e59077195da6c56506b027329794ab02bca80815c4d",
            "37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431",
            "f938558b5d72f1a23810b4be2ab4f84331acc02fc97babc53a52ae8218a355a96d8770ac83d07bea87e13c512a",
        ),
        (
            AEAD.CHACHA20_POLY1305,
            "8057991eef8f1f1af18f4a9491d16a1ce333f695d4db8e38da75975c4478e0fb",
            "4310ee97d88cc1f088a5576c77ab0cf5c3ac797f3d95139c6c84b5429c59662a",
            "1afa08d3dec047a643885163f1180476fa7ddb54c6a8029ea33f95796bf2ac4a",
            "1c5250d8034ec2b784ba2cfd69dbdb8af406cfe3ff938e131f0def8c8b60b4db21993c62ce81883d2dd1b51a28",
        ),
    ],
)
def test_vectors_of_rfc_9180(
    aead: AEAD, private: str, public: str, encapsulated: str, ciphertext: str
) -> None:
    key = X25519PrivateKey.from_private_bytes(bytes.fromhex(private))
    assert key.public_key().public_bytes_raw().hex() == public
    suite = Suite(KEM.X25519, KDF.HKDF_SHA256, aead)
    data = bytes.fromhex(encapsulated + ciphertext)
    assert openssl.hpke._decrypt_with_aad(suite, data, key, info=_INFO, aad=_AAD) == _PLAIN
