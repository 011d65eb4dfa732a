"""Signatures, signed metadata, publishers' keys."""

from __future__ import annotations

import stat
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from halodesk.crypto import metadata
from halodesk.crypto.metadata import Manifest, MetadataError, Pointer, Publisher, Trust
from halodesk.crypto.personal_keys import PersonalKeyError, PersonalKeys
from halodesk.crypto.signing import SigningKey, holds, statement

ROOT, ANNA, EVE = SigningKey.new(), SigningKey.new(), SigningKey.new()
TRUST = Trust(
    tenant="main", version=1, root=ROOT.public, publishers=(Publisher(name="anna", key=ANNA.public),)
)
MANIFEST = Manifest(
    tenant="main",
    flow="flow",
    version=1,
    name="Flow",
    blob="b",
    content="c",
    size=1,
    min_engine=1,
    created_at=1.0,
)
POINTER = Pointer(tenant="main", flow="flow", counter=5, version=1, content="c", at=1.0)

parts = st.lists(st.one_of(st.text(), st.binary(), st.integers(0, 2**64 - 1)), max_size=4)


@given(parts, parts)
def test_no_two_statements_have_the_same_bytes(one: list[object], other: list[object]) -> None:
    as_bytes = [
        [
            part.to_bytes(8, "big")
            if isinstance(part, int)
            else part.encode()
            if isinstance(part, str)
            else part
            for part in side
        ]
        for side in (one, other)
    ]
    same = statement("T", *one) == statement("T", *other)  # type: ignore[arg-type]
    assert same == (as_bytes[0] == as_bytes[1])


def test_a_signature_fits_one_key_one_tag_one_statement() -> None:
    signature = ANNA.sign("HDTEST", "a", b"b", 3)
    assert holds(ANNA.public, signature, "HDTEST", "a", b"b", 3)
    assert not holds(EVE.public, signature, "HDTEST", "a", b"b", 3)
    assert not holds(ANNA.public, signature, "HDOTHER", "a", b"b", 3)
    assert not holds(ANNA.public, signature, "HDTEST", "a", b"b", 4)
    assert not holds(ANNA.public, signature, "HDTEST", "ab", b"", 3)
    assert not holds(b"short", signature, "HDTEST", "a", b"b", 3)
    assert not holds(ANNA.public, b"short", "HDTEST", "a", b"b", 3)


def test_a_key_shows_no_secret_and_vectors_hold() -> None:
    # RFC 8032, 7.1, test 1: the seed and its public key.
    seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    key = SigningKey(seed)
    assert key.public.hex() == public
    assert seed.hex() not in repr(key)


def test_signed_metadata_is_read_back() -> None:
    trust = metadata.open_trust(metadata.sign(ROOT, TRUST), root=ROOT.public, tenant="main")
    assert trust == TRUST
    assert metadata.open_manifest(metadata.sign(ANNA, MANIFEST), trust) == MANIFEST
    assert metadata.open_pointer(metadata.sign(ANNA, POINTER), trust) == POINTER
    metadata.check_pair(MANIFEST, POINTER)


def test_who_may_not_publish_is_refused() -> None:
    with pytest.raises(MetadataError, match="may not publish"):
        metadata.open_manifest(metadata.sign(EVE, MANIFEST), TRUST)
    named_anna = msgspec.json.decode(metadata.sign(EVE, MANIFEST))
    named_anna["key"] = msgspec.json.decode(metadata.sign(ANNA, MANIFEST))["key"]
    with pytest.raises(MetadataError, match="forged"):
        metadata.open_manifest(msgspec.json.encode(named_anna), TRUST)


def test_the_root_may_not_publish_and_a_publisher_is_no_root() -> None:
    with pytest.raises(MetadataError):
        metadata.open_manifest(metadata.sign(ROOT, MANIFEST), TRUST)
    own_list = msgspec.structs.replace(TRUST, root=ANNA.public)
    with pytest.raises(MetadataError):
        metadata.open_trust(metadata.sign(ANNA, own_list), root=ROOT.public, tenant="main")
    with pytest.raises(MetadataError, match="another root"):
        metadata.open_trust(metadata.sign(ROOT, own_list), root=ROOT.public, tenant="main")


def test_one_kind_cannot_stand_for_another() -> None:
    with pytest.raises(MetadataError):
        metadata.open_pointer(metadata.sign(ANNA, MANIFEST), TRUST)
    other = msgspec.structs.replace(POINTER, content="other")
    with pytest.raises(MetadataError, match="belong together"):
        metadata.check_pair(MANIFEST, other)
    with pytest.raises(MetadataError, match="another organisation"):
        metadata.open_pointer(metadata.sign(ANNA, msgspec.structs.replace(POINTER, tenant="x")), TRUST)


@given(st.data())
def test_no_changed_byte_passes(data: st.DataObject) -> None:
    signed = bytearray(metadata.sign(ANNA, POINTER))
    at = data.draw(st.integers(0, len(signed) - 1))
    signed[at] ^= data.draw(st.integers(1, 255))
    try:
        found = metadata.open_pointer(bytes(signed), TRUST)
    except MetadataError:
        return
    assert found == POINTER  # the last character of base64 has bits that mean nothing


@given(st.binary(max_size=300))
def test_noise_is_refused(noise: bytes) -> None:
    with pytest.raises(MetadataError):
        metadata.open_pointer(noise, TRUST)


def test_a_key_newer_publishers_added_stays_signed() -> None:
    body = msgspec.json.encode(msgspec.to_builtins(POINTER) | {"cohort": 5})
    signed = msgspec.json.encode(
        {
            "body": body,
            "key": metadata.signer(metadata.sign(ANNA, POINTER)),
            "signature": ANNA.sign("HDPOINT1", body),
        }
    )
    assert metadata.open_pointer(signed, TRUST) == POINTER


def test_publishers_keys_are_kept_wrapped(tmp_path: Path) -> None:
    keys = PersonalKeys(tmp_path)
    made = keys.new("anna")
    file = tmp_path / "anna.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert made.seed not in file.read_bytes()
    assert PersonalKeys(tmp_path).load("anna").seed == made.seed
    assert keys.names() == ["anna"]


def test_a_key_file_cannot_be_swapped_or_changed(tmp_path: Path) -> None:
    keys = PersonalKeys(tmp_path)
    keys.new("anna")
    (tmp_path / "bob.key").write_bytes((tmp_path / "anna.key").read_bytes())
    for name, words in (("bob", "does not open"), ("carl", "no key"), ("../anna", "no name")):
        with pytest.raises(PersonalKeyError, match=words):
            keys.load(name)
    with pytest.raises(PersonalKeyError, match="already"):
        keys.new("anna")


def test_the_list_of_publishers_grows_and_shrinks_with_its_number(tmp_path: Path) -> None:
    keys = PersonalKeys(tmp_path)
    first = keys.admit("main", Publisher(name="anna", key=ANNA.public))
    second = keys.admit("main", Publisher(name="eve", key=EVE.public))
    third = keys.remove("main", "eve")
    assert [trust.version for trust in (first, second, third)] == [1, 2, 3]
    assert [publisher.name for publisher in third.publishers] == ["anna"]
    assert first.root == third.root
    with pytest.raises(PersonalKeyError, match="not on the list"):
        keys.remove("main", "eve")


def test_a_lost_root_is_not_made_anew_in_silence(tmp_path: Path) -> None:
    keys = PersonalKeys(tmp_path)
    keys.admit("main", Publisher(name="anna", key=ANNA.public))
    (tmp_path / "root.key").unlink()
    with pytest.raises(PersonalKeyError, match="no key root"):
        keys.admit("main", Publisher(name="eve", key=EVE.public))
