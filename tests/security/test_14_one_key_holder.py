"""Threat 14, one key holder: with one key, the envelope, the database and all papers nothing opens."""

from __future__ import annotations

import itertools

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec.structs import replace

from halodesk.crypto import ceremony
from halodesk.crypto import envelope as envelopes
from halodesk.crypto.ceremony import CeremonyError
from halodesk.crypto.envelope import EnvelopeError, Share
from halodesk.crypto.holder_file import HolderKeys
from halodesk.crypto.hpke_keys import CLASSIC, HYBRID
from tests.fakes.holders import NOW, SSN, Circle

REASON = "Refund 4711 of May"


@pytest.mark.parametrize("suite", [CLASSIC, HYBRID])
@pytest.mark.parametrize("who", ["anna", "bert"])
def test_one_key_opens_no_value(suite: int, who: str) -> None:
    circle = Circle(suite)
    data = circle.seal()
    keys: HolderKeys = getattr(circle, who)
    own = envelopes.open_share(data, circle.place, suite, keys.seal_private)
    parts = envelopes.unpack(data)
    for guess in (own.data, bytes(32), bytes(x ^ 255 for x in own.data), parts.shares[0][:32]):
        with pytest.raises(InvalidTag):
            AESGCM(guess).decrypt(parts.nonce, parts.ct, None)
        other = "B" if own.slot == "A" else "A"
        with pytest.raises(EnvelopeError):
            envelopes.combine(data, circle.place, own, Share(slot=other, data=guess))  # type: ignore[arg-type]  # one of two
    with pytest.raises(EnvelopeError, match="same share twice"):
        envelopes.combine(data, circle.place, own, own)


def test_one_key_cannot_use_what_it_can_gather() -> None:
    """Many values of the same holder: no share of one opens another, in any order."""
    circle = Circle()
    sealed = [circle.seal() for _ in range(4)]
    own = [envelopes.open_share(data, circle.place, 1, circle.anna.seal_private) for data in sealed]
    for data, one, other in itertools.product(sealed, own, own):
        with pytest.raises(EnvelopeError):
            envelopes.combine(data, circle.place, one, replace(other, slot="B"))


def test_one_approval_twice_or_of_two_requests_opens_nothing() -> None:
    circle = Circle()
    data = circle.seal()
    _, first, private = ceremony.ask(circle.asker, circle.place, data, REASON, now=NOW)
    _, second, _ = ceremony.ask(circle.asker, circle.place, data, REASON, now=NOW)
    one = ceremony.approve(first, circle.list, circle.anna, now=NOW)
    same = ceremony.approve(first, circle.list, circle.anna, now=NOW + 1)
    other = ceremony.approve(second, circle.list, circle.bert, now=NOW)
    for approvals in ((one,), (one, one), (one, same), (one, other)):
        with pytest.raises(CeremonyError):
            ceremony.open_value(first, approvals, private, circle.list, now=NOW + 2)


def test_an_envelope_put_together_for_one_key_is_told() -> None:
    """A holder who seals to the own key twice, or writes the own key over the other one."""
    circle = Circle()
    data = circle.seal()
    with pytest.raises(EnvelopeError, match="two different keys"):
        envelopes.seal(SSN, circle.place, *[circle.anna.public.recipient] * 2)
    doubled = data[:5] + data[5:21] * 2 + data[37:]
    with pytest.raises(EnvelopeError, match="one key twice"):
        envelopes.open_share(doubled, circle.place, 1, circle.anna.seal_private)


def test_both_keys_open_it() -> None:
    """What is refused above is refused for want of the other key, and for nothing else."""
    circle = Circle()
    data = circle.seal()
    shares = [
        envelopes.open_share(data, circle.place, 1, keys.seal_private) for keys in (circle.anna, circle.bert)
    ]
    assert envelopes.combine(data, circle.place, *shares) == SSN
