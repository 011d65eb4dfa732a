"""Sealing: a field sealed and opened, against the bare HPKE and AES-GCM that it cannot do without."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from halodesk.crypto import envelope as envelopes
from halodesk.crypto.envelope import Place, Recipient
from halodesk.crypto.holder_file import HolderKeys, new_holder
from halodesk.crypto.hpke_keys import CLASSIC, HYBRID
from tests.bench.measure import Figure, figure, seconds

RUNS = 9
TIMES = 100
VALUE = b"219099999"
PLACE = Place(tenant="main", session="5f0c2a9be41d77a3c6f21b08", field="ssn", flow_hash="9f" * 32, version=7)


def figures() -> Iterator[Figure]:
    """Seal and open of one field in both suites, and their ratio to the bare primitives."""
    bare = _Bare()
    a, b = _pair(CLASSIC)
    ours, floor = _runs(lambda: _seal(a, b), bare.seal)
    data = _seal(a, b)
    yield _micro("seal a field", ours)
    yield _ratio("seal a field / two HPKE and one AES-GCM", ours, floor)
    ours, floor = _runs(lambda: _open(data, a, b), bare.open)
    yield _micro("open a field (both shares and the value)", ours)
    yield _ratio("open a field / two HPKE and one AES-GCM", ours, floor)
    a, b = _pair(HYBRID)
    data = _seal(a, b)
    yield _micro("seal a field, suite 2 (ML-KEM-768 with X25519)", *_runs(lambda: _seal(a, b)))
    yield _micro("open a field, suite 2", *_runs(lambda: _open(data, a, b)))


class _Bare:
    """The same cryptography with keys ready in hand, no format, no binding, no check."""

    def __init__(self) -> None:
        self.suite = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
        self.privates = [X25519PrivateKey.generate() for _ in range(2)]
        self.publics: list[X25519PublicKey] = [key.public_key() for key in self.privates]
        self.info = bytes(44)
        self.key, self.nonce = os.urandom(32), os.urandom(12)
        self.shares: list[bytes] = []
        self.ct = b""
        self.seal()

    def seal(self) -> None:
        self.ct = AESGCM(self.key).encrypt(self.nonce, bytes(32), bytes(250))
        self.shares = [self.suite.encrypt(self.key, public, info=self.info) for public in self.publics]

    def open(self) -> None:
        for share, private in zip(self.shares, self.privates, strict=True):
            self.suite.decrypt(share, private, info=self.info)
        AESGCM(self.key).decrypt(self.nonce, self.ct, bytes(250))


def _pair(suite: int) -> tuple[HolderKeys, HolderKeys]:
    return new_holder("a", "A", suite), new_holder("b", "B", suite)


def _seal(a: HolderKeys, b: HolderKeys) -> bytes:
    recipients: tuple[Recipient, Recipient] = (a.public.recipient, b.public.recipient)
    return envelopes.seal(VALUE, PLACE, *recipients)


def _open(data: bytes, a: HolderKeys, b: HolderKeys) -> bytearray:
    shares = (envelopes.open_share(data, PLACE, one.public.suite, one.seal_private) for one in (a, b))
    return envelopes.combine(data, PLACE, *shares)


def _runs(*works: Callable[[], object]) -> list[list[float]]:
    """Seconds of each, taken in turns: what else the machine does meets all of them alike."""

    def many(work: Callable[[], object]) -> None:
        for _ in range(TIMES):
            work()

    for work in works:
        work()
    turns = [[seconds(partial(many, work)) / TIMES for work in works] for _ in range(RUNS)]
    return [list(values) for values in zip(*turns, strict=True)]


def _micro(name: str, values: list[float]) -> Figure:
    return figure(name, [value * 1e6 for value in values], "µs")


def _ratio(name: str, ours: list[float], floor: list[float]) -> Figure:
    return figure(name, [one / other for one, other in zip(ours, floor, strict=True)], "ratio")
