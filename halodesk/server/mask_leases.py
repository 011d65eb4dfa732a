"""Which calls seats have masked, as it outlives a restart: jobs on the database.

A row is written with the first mask of a call and goes when the call is let go with proof, or is over.
"""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection, delete, insert, select

from halodesk.server import tables as t


class MaskLease(msgspec.Struct, frozen=True, kw_only=True):
    """A call on one PBX that this seat has had masked."""

    tenant: str
    pbx: str
    call: str
    seat: str


def begin(connection: Connection, lease: MaskLease) -> None:
    """The seat has the call masked from now on, whoever had it before."""
    end(connection, lease)
    connection.execute(insert(t.mask_lease).values(msgspec.structs.asdict(lease)))


def end(connection: Connection, lease: MaskLease) -> None:
    """The call is let go, or over."""
    rows = t.mask_lease.c
    mine = rows.tenant == lease.tenant, rows.pbx == lease.pbx, rows.call == lease.call
    connection.execute(delete(t.mask_lease).where(*mine))


def moved(connection: Connection, old: MaskLease, new: MaskLease) -> None:
    """The call goes on under another Call-ID."""
    end(connection, old)
    begin(connection, new)


def listed(connection: Connection) -> list[MaskLease]:
    """All of them."""
    return [MaskLease(**row) for row in connection.execute(select(t.mask_lease)).mappings()]


def stands(connection: Connection, lease: MaskLease) -> bool:
    """Whether that seat still has the call masked: another process may have let it go."""
    rows = t.mask_lease.c
    mine = rows.tenant == lease.tenant, rows.pbx == lease.pbx, rows.call == lease.call
    found = connection.execute(select(rows.seat).where(*mine)).scalar()
    return found == lease.seat
