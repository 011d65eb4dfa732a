"""Seals values of this seat to the key holders that are named now.

Rules:
- Fails closed: without a list of holders that is signed, in force and names two people nothing is
  sealed, and `why_not` says so before anybody types.
- The list is opened anew for each value: one that ends or is damaged in mid-day counts at once.
"""

from __future__ import annotations

import threading

from halodesk.crypto import envelope, holders
from halodesk.crypto.envelope import Place
from halodesk.crypto.holders import Holders
from halodesk.engine.errors import HaloDeskError
from halodesk.runtime.effect_ports import Sealed
from halodesk.runtime.ports import Clock


class NoHoldersError(HaloDeskError):
    """There is no list of key holders that could be used."""


class Sealer:
    """`runtime.effect_ports.SealPort`; any thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._guard = threading.Lock()
        self._data, self._root, self._tenant = b"", b"", ""

    def use(self, data: bytes, *, root: bytes, tenant: str) -> None:
        """From now on seal to the holders of this list; empty: to nobody. It is not believed yet."""
        with self._guard:
            self._data, self._root, self._tenant = data, root, tenant

    def why_not(self) -> str:
        """Why nothing can be sealed here, in words with what to do; empty: it can."""
        try:
            self._holders().recipients()
        except HaloDeskError as error:
            return str(error)
        return ""

    def seal(self, digits: memoryview, *, session: str, field: str, flow_hash: str, version: int) -> Sealed:
        """The envelope of a value. Raises `HaloDeskError` in words."""
        found = self._holders()
        a, b = found.recipients()
        place = Place(tenant=found.tenant, session=session, field=field, flow_hash=flow_hash, version=version)
        return Sealed(envelope=envelope.seal(digits, place, a, b), holders=(a.kid, b.kid))

    def _holders(self) -> Holders:
        with self._guard:
            data, root, tenant = self._data, self._root, self._tenant
        if not data:
            raise NoHoldersError(
                "This seat knows no key holders, so nothing can be sealed here.",
                "Leave the field empty and tell IT.",
            )
        return holders.open_list(data, root=root, tenant=tenant, now=self._clock.wall())
