"""Seals values of this seat to the key holders that are named now.

Rules:
- Fails closed: without a list of holders that is signed, in force and names two people nothing is
  sealed, and `why_not` says so before anybody types.
- A list is proven once, when it comes; whether it has ended is asked for each value.
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
        self._list: Holders | None = None
        self._trouble: HaloDeskError = NoHoldersError(
            "This seat knows no key holders, so nothing can be sealed here.",
            "Leave the field empty and tell IT.",
        )

    def use(self, data: bytes, *, root: bytes, tenant: str) -> None:
        """From now on seal to the holders of this list; to nobody where it proves to be none."""
        found: Holders | None = None
        trouble = self._trouble
        try:
            found = holders.open_list(data, root=root, tenant=tenant)
        except HaloDeskError as error:
            trouble = error
        with self._guard:
            self._list, self._trouble = found, trouble

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
            found, trouble = self._list, self._trouble
        if found is None:
            raise trouble
        holders.check_in_force(found, self._clock.wall())
        return found
