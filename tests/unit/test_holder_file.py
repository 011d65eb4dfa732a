"""A holder's key file: opens with its passphrase, is refused with the reason in every other case."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from pathlib import Path
from typing import Any

import msgspec
import pytest

from halodesk.crypto import holder_file as files
from halodesk.crypto.holder_file import FLOOR_KIB, HolderFileError, HolderKeys, new_holder
from halodesk.crypto.hpke_keys import HYBRID

CHEAP = 64
"""KiB: the stretching of these tests, which takes no time; a real file is refused below 256 MiB."""
PASSPHRASE = "correct horse battery"
KEYS = new_holder("anna", "Anna Albers")
FILE = files.wrap(KEYS, PASSPHRASE, memory_kib=CHEAP)


def unwrap(data: bytes, passphrase: str = PASSPHRASE, use: files.Use = "holder") -> HolderKeys:
    return files.unwrap(data, passphrase, use, floor_kib=CHEAP)


def changed(**values: Any) -> bytes:
    """The file with other values, its digest made anew: by somebody who means it."""
    whole = msgspec.json.decode(FILE)
    body = msgspec.json.encode(whole["body"] | values)
    return msgspec.json.encode({"body": msgspec.Raw(body), "digest": hashlib.sha256(body).hexdigest()})


@pytest.mark.parametrize("suite", [1, HYBRID])
def test_a_file_gives_its_keys_back(suite: int) -> None:
    keys = new_holder("anna", "Anna Albers", suite)
    data = files.wrap(keys, PASSPHRASE, memory_kib=CHEAP)
    assert unwrap(data) == keys
    assert files.public_part(data) == keys.public
    for secret in (keys.seal_private, keys.sign_seed):
        assert secret not in data


def test_by_default_a_file_costs_256_mib() -> None:
    data = files.wrap(KEYS, PASSPHRASE)
    assert msgspec.json.decode(data)["body"]["memory_kib"] == FLOOR_KIB == 256 * 1024
    assert files.unwrap(data, PASSPHRASE) == KEYS


@pytest.mark.parametrize(
    "wrong", ["correct horse batterz", "Correct horse battery", "", "x" * 1000, "ä" * 12]
)
def test_a_wrong_passphrase(wrong: str) -> None:
    with pytest.raises(HolderFileError, match="not that of this file"):
        unwrap(FILE, wrong)


@pytest.mark.parametrize("cut", [0, 1, 100, len(FILE) // 2, len(FILE) - 3])
def test_a_truncated_file(cut: int) -> None:
    with pytest.raises(HolderFileError, match="cut off"):
        unwrap(FILE[:cut])


def test_a_flipped_file_is_told_from_a_wrong_passphrase() -> None:
    digits = [match.start() for match in re.finditer(rb"[A-Za-z0-9]", FILE)]
    for at in digits[:: max(1, len(digits) // 60)]:
        flipped = bytearray(FILE)
        flipped[at] = ord("1") if flipped[at] != ord("1") else ord("2")
        with pytest.raises(HolderFileError, match=r"damaged|cut off|cannot be read|far too"):
            unwrap(bytes(flipped))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"memory_kib": CHEAP - 1}, "stretches its passphrase over 0 MiB"),
        ({"memory_kib": 2**40}, "stretches its passphrase"),
        ({"passes": 0}, "nobody uses"),
        ({"lanes": 2**30}, "nobody uses"),
        ({"memory_kib": CHEAP * 2}, "not that of this file"),
        ({"passes": 2}, "not that of this file"),
        ({"use": "escrow"}, "an escrow copy"),
        ({"format": "halodesk-holder-9"}, "is not known here"),
        ({"salt": "AAAAAAAAAAAAAAAAAAAAAA=="}, "not that of this file"),
        ({"salt": 7}, "cannot be read"),
    ],
)
def test_a_file_that_somebody_changed(values: dict[str, Any], words: str) -> None:
    with pytest.raises(HolderFileError, match=words):
        unwrap(changed(**values))


def test_another_owner_cannot_be_written_into_a_file() -> None:
    holder = msgspec.json.decode(FILE)["body"]["holder"]
    with pytest.raises(HolderFileError, match="not that of this file"):
        unwrap(changed(holder=holder | {"owner": "Bert Bauer"}))


def test_a_file_made_cheap_is_refused() -> None:
    with pytest.raises(HolderFileError, match="256 MiB are wanted"):
        files.unwrap(FILE, PASSPHRASE)


def test_something_else_is_no_key_file() -> None:
    for data in (b"{}", b"null", b"\xff\xfe", b"x" * (files.LARGEST_FILE + 1)):
        with pytest.raises(HolderFileError, match="no holder's key file"):
            unwrap(data)


def test_a_short_passphrase_is_not_taken() -> None:
    with pytest.raises(HolderFileError, match="12 characters"):
        files.wrap(KEYS, "eleven char", memory_kib=CHEAP)


def test_an_escrow_copy_only_makes_a_file_again() -> None:
    code = files.new_escrow_code()
    assert re.fullmatch(r"([A-Z2-9]{4}-){5}[A-Z2-9]{4}", code)
    assert code != files.new_escrow_code()
    copy = files.wrap(KEYS, code, "escrow", memory_kib=CHEAP)
    with pytest.raises(HolderFileError, match="an escrow copy"):
        unwrap(copy, code)
    with pytest.raises(HolderFileError, match="no escrow copy"):
        unwrap(FILE, use="escrow")
    again = files.wrap(unwrap(copy, code, "escrow"), "another passphrase", memory_kib=CHEAP)
    assert unwrap(again, "another passphrase") == KEYS


def test_a_file_is_its_owners_alone_and_never_written_over(tmp_path: Path) -> None:
    file = tmp_path / "anna.key"
    files.save(file, FILE)
    if os.name == "posix":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with pytest.raises(HolderFileError, match="already"):
        files.save(file, b"other")
    assert file.read_bytes() == FILE


def test_keys_do_not_print_themselves() -> None:
    assert repr(KEYS) == f"<HolderKeys {KEYS.public.kid}>"
