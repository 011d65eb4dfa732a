"""Making the list of key holders, where the root key is.

The list lies beside the list of publishers as `TENANT.holders` and is public. Each change signs the
next version; the one before stays in force until the new one has come.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from msgspec.structs import replace

from halodesk.crypto import holders as h
from halodesk.crypto import metadata
from halodesk.crypto.holders import Asker, Holder, Holders
from halodesk.crypto.personal_keys import ROOT, PersonalKeyError, PersonalKeys

_DAY_S = 86_400.0


class HolderList:
    """The list of one organisation. Raises `PersonalKeyError`, `MetadataError` in words."""

    def __init__(self, keys: PersonalKeys, tenant: str) -> None:
        self._keys, self._tenant = keys, tenant

    @property
    def file(self) -> Path:
        """Where it lies."""
        return self._keys.trust_file(self._tenant).with_suffix(".holders")

    def current(self) -> Holders | None:
        """As it is here, also when it has ended; None where there is none."""
        if not self.file.exists():
            return None
        data = self.file.read_bytes()
        return h.open_list(data, root=h.claimed_root(data), tenant=self._tenant)

    def admit_holder(self, data: bytes) -> Holders:
        """Put a holder on the list by what `keys new-holder` made. One key is admitted once."""
        holder, before = h.introduced(data), self._before()
        if before.holder(holder.kid) is not None:
            raise PersonalKeyError(f"The key {holder.kid} is on the list already.")
        if any(known.name == holder.name for known in before.holders):
            raise PersonalKeyError(
                f"There is a holder {holder.name} already.",
                "Give the new key another name: values that were sealed to the old one still need it.",
            )
        return self._sign(replace(before, holders=(*before.holders, holder)))

    def admit_asker(self, data: bytes) -> Holders:
        """Let someone ask for values to be opened; a new key for a name takes the old one's place."""
        asker, before = introduced_asker(data), self._before()
        others = tuple(known for known in before.askers if known.name != asker.name)
        return self._sign(replace(before, askers=(*others, asker)))

    def pair(self, a: str, b: str) -> Holders:
        """Have values sealed to these two from now on, by name. Also renews a list that ends."""
        before = self._before()
        return self._sign(replace(before, pair=(_named(before, a).kid, _named(before, b).kid)))

    def remove(self, name: str) -> Holders:
        """Take a holder who is not in the pair, or an asker, off the list."""
        before = self._before()
        holders = tuple(known for known in before.holders if known.name != name)
        askers = tuple(known for known in before.askers if known.name != name)
        if len(holders) + len(askers) == len(before.holders) + len(before.askers):
            raise PersonalKeyError(f"{name} is not on the list of {self._tenant}.")
        if any(known.name == name and known.kid in before.pair for known in before.holders):
            raise PersonalKeyError(
                f"Values are sealed to {name} now.", "Name another pair first: halodesk keys pair"
            )
        return self._sign(replace(before, holders=holders, askers=askers))

    def _before(self) -> Holders:
        known = self.current()
        if known is not None:
            return known
        return Holders(tenant=self._tenant, version=0, root=self._keys.load(ROOT).public)

    def _sign(self, holders: Holders) -> Holders:
        root, now = self._keys.load(ROOT), time.time()
        new = replace(
            holders,
            version=holders.version + 1,
            root=root.public,
            issued_at=now,
            expires_at=now + h.DAYS * _DAY_S,
        )
        signed = h.sign_list(root, new)
        partial = self.file.with_suffix(".holders.new")
        with partial.open("wb") as out:
            out.write(signed)
            out.flush()
            os.fsync(out.fileno())
        partial.replace(self.file)
        return new


def introduced_asker(data: bytes) -> Asker:
    """The public key of someone who wants to ask, signed with it. Raises `MetadataError`."""
    return metadata.open_as(data, metadata.claimed(data, Asker).key, h.OWNER_TAG, Asker)


def _named(known: Holders, name: str) -> Holder:
    found = next((holder for holder in known.holders if holder.name == name), None)
    if found is None:
        names = ", ".join(holder.name for holder in known.holders) or "nobody"
        raise PersonalKeyError(f"{name} is no holder on the list, which has {names}.")
    return found
