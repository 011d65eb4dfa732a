"""HDX2: two together open it, one alone never; whatever was moved, swapped, cut or flipped does not open."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from halodesk.crypto import envelope as envelopes
from halodesk.crypto import hpke_keys
from halodesk.crypto.envelope import EnvelopeError, Place, Share
from halodesk.crypto.holder_file import HolderKeys, new_holder
from halodesk.crypto.hpke_keys import CLASSIC, HYBRID, SealKeyError
from tests.fakes.holders import SSN, Circle

CIRCLES = {suite: Circle(suite) for suite in (CLASSIC, HYBRID)}
CIRCLE = CIRCLES[CLASSIC]
ENVELOPE = CIRCLE.seal()


def share(keys: HolderKeys, data: bytes, place: Place | None = None) -> Share:
    return envelopes.open_share(data, place or CIRCLE.place, keys.public.suite, keys.seal_private)


def both(circle: Circle, data: bytes) -> bytes:
    shares = (share(keys, data, circle.place) for keys in (circle.anna, circle.bert))
    return bytes(envelopes.combine(data, circle.place, *shares))


@pytest.mark.parametrize("suite", [CLASSIC, HYBRID])
def test_two_holders_open_what_was_sealed(suite: int) -> None:
    circle = CIRCLES[suite]
    assert both(circle, circle.seal()) == SSN


@pytest.mark.parametrize("length", [1, 31, 32, 33, 64, envelopes.LONGEST])
def test_any_value_comes_back_whole(length: int) -> None:
    value = bytes(range(256)) * 16
    assert both(CIRCLE, CIRCLE.seal(value[:length])) == value[:length]


def test_the_length_of_a_short_value_is_not_told() -> None:
    assert len({len(CIRCLE.seal(b"1" * length)) for length in range(1, 32)}) == 1
    assert len(CIRCLE.seal(b"1" * 32)) > len(CIRCLE.seal(b"1" * 31))


def test_the_same_value_never_looks_the_same() -> None:
    assert CIRCLE.seal() != CIRCLE.seal()
    assert SSN not in ENVELOPE


@pytest.mark.parametrize("one", ["anna", "bert"])
def test_one_holder_alone_opens_nothing(one: str) -> None:
    own = share(getattr(CIRCLE, one), ENVELOPE)
    with pytest.raises(EnvelopeError, match="same share twice"):
        envelopes.combine(ENVELOPE, CIRCLE.place, own, own)
    other = "B" if own.slot == "A" else "A"
    for guess in (bytes(32), own.data, bytes([own.data[0] ^ 1]) + own.data[1:]):
        with pytest.raises(EnvelopeError, match=r"same share twice|do not open"):
            envelopes.combine(ENVELOPE, CIRCLE.place, own, Share(slot=other, data=guess))  # type: ignore[arg-type]  # one of the two


def test_a_holder_cannot_open_the_share_of_the_other() -> None:
    parts = envelopes.unpack(ENVELOPE)
    swapped = envelopes.pack(replace(parts, shares=parts.shares[::-1]))
    for keys in (CIRCLE.anna, CIRCLE.bert):
        with pytest.raises(EnvelopeError, match="does not open"):
            share(keys, swapped)


def test_a_third_key_is_told_whom_it_was_sealed_to() -> None:
    with pytest.raises(EnvelopeError, match=CIRCLE.anna.public.kid):
        share(new_holder("carl", "Carl"), ENVELOPE)


@pytest.mark.parametrize(
    "moved",
    [
        {"tenant": "other"},
        {"session": "s2"},
        {"field": "ssn2"},
        {"flow_hash": "cd" * 32},
        {"version": 8},
        {"session": "s1s", "field": "sn"},
    ],
)
def test_an_envelope_that_was_moved_does_not_open(moved: dict[str, object]) -> None:
    place = replace(CIRCLE.place, **moved)
    with pytest.raises(EnvelopeError, match="moved here"):
        share(CIRCLE.anna, ENVELOPE, place)
    shares = (share(CIRCLE.anna, ENVELOPE), share(CIRCLE.bert, ENVELOPE))
    with pytest.raises(EnvelopeError, match="do not open"):
        envelopes.combine(ENVELOPE, place, *shares)


def test_a_share_of_another_envelope_does_not_fit() -> None:
    other = CIRCLE.seal()
    with pytest.raises(EnvelopeError, match="do not open"):
        envelopes.combine(ENVELOPE, CIRCLE.place, share(CIRCLE.anna, ENVELOPE), share(CIRCLE.bert, other))
    mixed = replace(envelopes.unpack(ENVELOPE), shares=envelopes.unpack(other).shares)
    with pytest.raises(EnvelopeError, match="does not open"):
        share(CIRCLE.anna, envelopes.pack(mixed))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(ENVELOPE) * 8 - 1))
def test_no_flipped_bit_goes_unnoticed(bit: int) -> None:
    flipped = bytearray(ENVELOPE)
    flipped[bit // 8] ^= 1 << bit % 8
    with pytest.raises(EnvelopeError):
        both(CIRCLE, bytes(flipped))


@pytest.mark.parametrize("cut", [0, 3, 4, 5, 48, 49, 100, len(ENVELOPE) - 32, len(ENVELOPE) - 1])
def test_a_truncated_envelope_is_told_from_a_whole_one(cut: int) -> None:
    with pytest.raises(EnvelopeError, match=r"no sealed value|cut off"):
        envelopes.unpack(ENVELOPE[:cut])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda data: data + b"\0", "something added"),
        (lambda data: data + bytes(envelopes.LONGEST * 2), "something added"),
        (lambda data: data[:4] + b"\7" + data[5:], "suite 7"),
        (lambda data: data[:5] + data[5:21] * 2 + data[37:], "one key twice"),
        (lambda data: b"HDX1" + data[4:], "no sealed value"),
    ],
)
def test_what_nobody_made_is_named(change: Callable[[bytes], bytes], words: str) -> None:
    with pytest.raises(EnvelopeError, match=words):
        envelopes.unpack(change(ENVELOPE))


def test_nothing_is_sealed_to_one_key_twice_or_to_two_suites() -> None:
    anna = CIRCLE.anna.public.recipient
    hybrid = CIRCLES[HYBRID].bert.public.recipient
    for other in (anna, hybrid):
        with pytest.raises(EnvelopeError, match="two different keys"):
            envelopes.seal(SSN, CIRCLE.place, anna, other)


@pytest.mark.parametrize("value", [b"", bytes(envelopes.LONGEST + 1)])
def test_a_value_without_sense_is_not_sealed(value: bytes) -> None:
    with pytest.raises(EnvelopeError, match="is not sealed"):
        CIRCLE.seal(value)


def test_a_view_of_the_vault_is_sealed_without_a_copy_of_it() -> None:
    buffer = bytearray(SSN)
    with memoryview(buffer) as whole, whole.toreadonly() as view:
        data = envelopes.seal(view, CIRCLE.place, *CIRCLE.list.recipients())
    assert buffer == SSN
    assert both(CIRCLE, data) == SSN


def test_a_share_does_not_print_itself() -> None:
    own = share(CIRCLE.anna, ENVELOPE)
    assert own.data.hex() not in repr(own)
    assert repr(own) == "<Share A>"


@pytest.mark.parametrize(
    ("suite", "public", "words"),
    [
        (3, bytes(32), "no suite 3"),
        (CLASSIC, bytes(31), "32 bytes"),
        (HYBRID, bytes(32), "1216 bytes"),
        (HYBRID, b"\xff" * 1216, "no public key"),
    ],
)
def test_a_malformed_public_key_is_refused(suite: int, public: bytes, words: str) -> None:
    with pytest.raises(SealKeyError, match=words):
        hpke_keys.check_public(suite, public)


def test_a_public_key_of_small_order_is_not_encrypted_to() -> None:
    with pytest.raises(SealKeyError, match="Nothing can be encrypted"):
        hpke_keys.encrypt(CLASSIC, bytes(32), SSN, b"")
