"""A planted canary is found in every form and container; what is none is not."""

from __future__ import annotations

import base64
import bz2
import gzip
import hashlib
import io
import json
import lzma
import zipfile
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from halodesk.selftest.leak_scan import Canary, Scanner, is_text

CARD, AMEX, SSN, CODE = "4000001234567899", "378282345678901", "912873645", "739"
CANARIES = [
    Canary(kind="card_number", value=CARD),
    Canary(kind="card_number", value=AMEX),
    Canary(kind="ssn", value=SSN),
    Canary(kind="medicare_id", value="1EG4TE5MK73"),
    Canary(kind="cvv", value=CODE),
]


def found(data: bytes, *, codes: bool = True) -> set[int]:
    return {find.canary for find in Scanner(CANARIES).scan(data, "here", codes=codes)}


def forms(value: str) -> dict[str, bytes]:
    plain = value.encode()
    shapes = {
        "plain": plain,
        "spaced": b" ".join(plain[i : i + 4] for i in range(0, len(plain), 4)),
        "dashed": b"-".join(plain[i : i + 3] for i in range(0, len(plain), 3)),
        "no-break spaces": "\u00a0".join(value).encode(),
        "one sign a JSON item": json.dumps(list(value)).encode(),
        "two lines": plain[:7] + b"\r\n    " + plain[7:],
        "reversed": plain[::-1],
        "hex": plain.hex().encode(),
        "HEX with colons": plain.hex(":").upper().encode(),
        "percent": "".join(f"%{sign:02x}" for sign in plain).encode(),
        "escaped": "".join(f"\\u{sign:04x}" for sign in plain).encode(),
        "UTF-16": value.encode("utf-16-le"),
        "UTF-16 with a mark": value.encode("utf-16"),
        "UTF-16, big-endian": value.encode("utf-16-be"),
        "UTF-32": value.encode("utf-32-le"),
        "hex of UTF-16": value.encode("utf-16-le").hex().encode(),
        "base64 of UTF-16": base64.b64encode(value.encode("utf-16-le")),
        "SHA-256": hashlib.sha256(plain).hexdigest().encode(),
    }
    for shift in range(3):
        shapes[f"base64 {shift}"] = base64.b64encode(b"{'a"[:shift] + plain + b"'}")
    return shapes


@pytest.mark.parametrize("form", sorted(forms(CARD)))
@pytest.mark.parametrize("number", range(4))
def test_each_form_is_found_in_the_middle_of_other_bytes(form: str, number: int) -> None:
    planted = forms(CANARIES[number].value)[form]
    assert found(b"before " + planted + b" after") == {number}
    assert found(b"\xff\x01, " + planted + b"\xfe\x02") == {number}


@pytest.mark.parametrize("size", [8, 16])
def test_a_card_as_a_binary_number_is_found(size: int) -> None:
    assert found(b"\xff" + int(CARD).to_bytes(8, "big") + b"\xff" * size) == {0}
    assert found(b"\xff" + int(CARD).to_bytes(8, "little") + b"\xff" * size) == {0}
    assert found(b"\xff" + bytes.fromhex(CARD) + b"\xff" * size) == {0}


def zipped(data: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inner.csv", data)
    return out.getvalue()


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, zstandard.compress, zipped])
def test_containers_are_opened_also_inside_each_other(pack: object) -> None:
    assert callable(pack)
    packed = pack(f"name,card\nRobin,{CARD}\n".encode() * 9)
    assert CARD.encode() not in packed
    assert found(packed) == {0}
    assert found(zipped(packed)) == {0}
    assert found(packed[:-7]) <= {0}, "a torn one is looked at as it is"


def test_where_it_was_found_is_said_and_not_what(tmp_path: Path) -> None:
    file = tmp_path / f"{CARD}.zip"
    file.write_bytes(zipped(CARD.encode()))
    finds = Scanner(CANARIES).scan_file(file, "export")
    assert {find.where for find in finds} == {"name of export", "export › inner.csv"}
    assert CARD not in repr(finds)
    assert CARD not in repr(CANARIES)
    assert Scanner(CANARIES).scan_file(tmp_path / "gone", "gone") == []


@pytest.mark.parametrize(
    ("text", "is_found"),
    [
        ('{"cvv": "739"}', True),
        ("739", True),
        ("cvv=739", False),
        ("code 739.", True),
        ("[951,739]", True),
        ("at 12.739 s", False),
        ("739.25 ms", False),
        ("#739abc", False),
        ('"pid": 739,', False),
        ('"page_ms": 739,', False),
        ("27396", False),
        ("a1b739/x", False),
    ],
)
def test_a_code_is_a_token_of_its_own(text: str, is_found: bool) -> None:
    assert (4 in found(text.encode())) is is_found
    assert 4 not in found(text.encode(), codes=False)
    assert 4 not in found(b"\x00\x01" + text.encode()), "three bytes of something else"


@given(st.binary(max_size=400))
def test_random_bytes_hold_nothing(data: bytes) -> None:
    scanner = Scanner(CANARIES[:4])
    assert scanner.scan(data, "x") == []
    assert scanner.bytes_seen >= len(data)


def test_text_is_told_from_bytes() -> None:
    assert is_text("Grüße\n\t".encode())
    assert not is_text(b"fLaC\x00\x00")
    assert not is_text(b"\xff\xfe")
