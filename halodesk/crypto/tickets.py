"""What the one who asked keeps until a request is answered: its one-time private key, sealed on disk.

Rules:
- A ticket lies in the folder of the person's keys, encrypted like those, and is bound to its name.
- It remembers the machine's running time as well as the clock: setting the clock back does not make
  a request last longer. (More running time than its life has passed either way, also after a restart.)
- It is deleted once the value was shown, and when it has ended.
"""

from __future__ import annotations

import os
import re
import secrets
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from halodesk.crypto.ceremony import LIFETIME_S, CeremonyError
from halodesk.crypto.personal_keys import PersonalKeyError, PersonalKeys

_ID = re.compile(r"[0-9a-f]{16}")


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    """`request` is the signed request; `mono` the machine's running time when it was made, in seconds."""

    request: bytes
    private: bytes
    mono: float

    def __repr__(self) -> str:
        """Nothing of what is inside."""
        return "<Ticket>"


class Tickets:
    """The tickets of one folder of keys."""

    def __init__(self, keys: PersonalKeys, mono: Callable[[], float] = time.monotonic) -> None:
        self._keys, self._mono = keys, mono
        self._folder = keys.folder / "requests"

    def keep(self, request_id: str, request: bytes, private: bytes) -> None:
        """Write one."""
        self._folder.mkdir(exist_ok=True, mode=0o700)
        data = msgspec.msgpack.encode(Ticket(request=request, private=private, mono=self._mono()))
        file = self._file(request_id)
        partial = file.with_name(f"{file.name}.{secrets.token_hex(4)}.new")
        handle = os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(handle, "wb") as out:
            out.write(self._keys.wrap(data, f"ticket {request_id}"))
            out.flush()
            os.fsync(out.fileno())
        partial.replace(file)

    def find(self, request_id: str) -> Ticket:
        """The ticket of a request. Raises `CeremonyError`: none here, or its time is over."""
        file = self._file(request_id)
        try:
            data = self._keys.unwrap(file.read_bytes(), f"ticket {request_id}")
            ticket = msgspec.msgpack.decode(data, type=Ticket)
        except FileNotFoundError:
            raise CeremonyError(
                "ticket",
                f"There is no open request {request_id} in {self._keys.folder}.",
                "A value is opened once, where it was asked for. Ask anew.",
            ) from None
        except (OSError, PersonalKeyError, msgspec.DecodeError):
            raise CeremonyError("ticket", f"The request {request_id} does not open.", "Ask anew.") from None
        if self._mono() - ticket.mono > LIFETIME_S:
            self.drop(request_id)
            raise CeremonyError("expired", "This request has ended: it is good for 15 minutes.", "Ask anew.")
        return ticket

    def drop(self, request_id: str) -> None:
        """Delete one; nobody can open the request any more."""
        self._file(request_id).unlink(missing_ok=True)

    def _file(self, request_id: str) -> Path:
        if not _ID.fullmatch(request_id):
            raise CeremonyError("ticket", f'"{request_id[:40]}" is no id of a request.')
        return self._folder / f"{request_id}.ticket"
