"""A root, two key holders, someone who may ask, and a value sealed to the two."""

from __future__ import annotations

from msgspec.structs import replace

from halodesk.crypto import envelope as envelopes
from halodesk.crypto import holders as h
from halodesk.crypto.envelope import Place
from halodesk.crypto.holder_file import HolderKeys, new_holder
from halodesk.crypto.hpke_keys import CLASSIC
from halodesk.crypto.signing import SigningKey, key_id

NOW = 1_800_000_000.0
DAY = 86_400.0
SSN = b"123456789"


class Circle:
    """Everybody of one ceremony. `change` makes the next list."""

    def __init__(self, suite: int = CLASSIC, tenant: str = "main") -> None:
        self.root, self.asker = SigningKey.new(), SigningKey.new()
        self.anna = new_holder("anna", "Anna Albers", suite)
        self.bert = new_holder("bert", "Bert Bauer", suite)
        asker = h.Asker(name="tina", owner="Tina Team", key=self.asker.public)
        self.list = h.Holders(
            tenant=tenant,
            version=1,
            root=self.root.public,
            holders=(self.anna.public, self.bert.public),
            pair=(self.anna.public.kid, self.bert.public.kid),
            askers=(asker,),
            issued_at=NOW,
            expires_at=NOW + h.DAYS * DAY,
        )
        self.place = Place(tenant=tenant, session="s1", field="ssn", flow_hash="ab" * 32, version=7)

    @property
    def data(self) -> bytes:
        """The signed list."""
        return h.sign_list(self.root, self.list)

    @property
    def asker_id(self) -> str:
        return key_id(self.asker.public)

    def change(self, **values: object) -> None:
        self.list = replace(self.list, version=self.list.version + 1, **values)

    def admit(self, *more: HolderKeys) -> None:
        self.change(holders=(*self.list.holders, *(keys.public for keys in more)))

    def seal(self, value: bytes = SSN, place: Place | None = None) -> bytes:
        return envelopes.seal(value, place or self.place, *self.list.recipients())
