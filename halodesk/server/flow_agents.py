"""Flow agents of a tenant: their documents, version by version; jobs on the database.

Rules:
- A version never changes and is never taken away: a call that runs goes on with the one it began with.
- A change names the version it is of (If-Match). Two at once: one is in, the other is told (412).
- What has errors is refused with all its findings; warnings and hints come back with the answer.
- A document is kept, and given back, as it came: ids, positions and keys nobody knows here too.
"""

from __future__ import annotations

import time
import uuid
from typing import Any

import msgspec
from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from halodesk.engine.errors import DocumentError
from halodesk.engine.flow_agent import document as documents
from halodesk.engine.flow_agent.document import Document
from halodesk.engine.flow_agent.lints import Finding, findings
from halodesk.protocol.sync import RefusedError
from halodesk.server import audit
from halodesk.server import tables as t
from halodesk.server.access import refused


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """One agent in a list."""

    agent_id: str
    name: str
    version: int


class Saved(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a change; `findings` are what need not be mended."""

    agent_id: str
    name: str
    version: int
    findings: list[Finding]


def listed(connection: Connection, *, tenant: str) -> list[Listed]:
    """Every agent, by name."""
    table = t.flow_agent
    query = select(table.c.id, table.c.name, table.c.version).where(table.c.tenant == tenant)
    rows = connection.execute(query.order_by(table.c.name))
    return [Listed(agent_id=row.id, name=row.name, version=row.version) for row in rows]


def load(connection: Connection, *, tenant: str, agent: str, version: int = 0) -> tuple[Document, int]:
    """A version of an agent, 0 for the newest, and its number. Raises `RefusedError` (404)."""
    if not version:
        version = _current(connection, tenant, agent)
    table = t.flow_agent_version
    query = select(table.c.document).where(
        table.c.tenant == tenant, table.c.id == agent, table.c.version == version
    )
    found = connection.execute(query).scalar_one_or_none()
    if found is None:
        raise _nobody(agent)
    return documents.loads(bytes(found), agent), version


def replace_flow(
    connection: Connection, *, tenant: str, agent: str, actor: str, nodes: Any, of: int
) -> Saved:
    """Put other nodes into an agent whose newest version is `of`.

    Raises `RefusedError`: 404, 412 when there is a newer version, 422 for what cannot be used.
    """
    before, current = load(connection, tenant=tenant, agent=agent)
    if current != of:
        raise _stale(current)
    try:
        document = documents.with_nodes(before, nodes)
    except DocumentError as error:
        raise _unreadable(error) from None
    found = checked(document)
    raised = (
        update(t.flow_agent)
        .where(t.flow_agent.c.tenant == tenant, t.flow_agent.c.id == agent, t.flow_agent.c.version == of)
        .values(version=of + 1)
    )
    if connection.execute(raised).rowcount != 1:
        raise _stale(_current(connection, tenant, agent))
    _keep(connection, tenant, agent, of + 1, actor, document)
    return Saved(agent_id=agent, name=document.name, version=of + 1, findings=found)


def take_in(connection: Connection, *, tenant: str, actor: str, raw: Any) -> Saved:
    """A whole document as a new agent, or, with `overwrite`, as a new version of the one of its name.

    Raises `RefusedError`: 409 when there is one already, 422 for what cannot be used.
    """
    try:
        document = documents.read(raw)
    except DocumentError as error:
        raise _unreadable(error) from None
    found = checked(document)
    table = t.flow_agent
    known = select(table.c.id, table.c.version).where(table.c.tenant == tenant, table.c.name == document.name)
    row = connection.execute(known.with_for_update()).one_or_none()
    if row is None:
        agent, version = str(uuid.uuid4()), 1
        values = {"tenant": tenant, "id": agent, "name": document.name, "version": version}
        try:
            with connection.begin_nested():
                connection.execute(insert(table).values(**values))
        except IntegrityError:
            raise _exists(document.name) from None
    elif not document.overwrite:
        raise _exists(document.name)
    else:
        agent, version = row.id, row.version + 1
        connection.execute(
            update(table).where(table.c.tenant == tenant, table.c.id == agent).values(version=version)
        )
    _keep(connection, tenant, agent, version, actor, document)
    return Saved(agent_id=agent, name=document.name, version=version, findings=found)


def checked(document: Document) -> list[Finding]:
    """What need not be mended. Raises `RefusedError` (422) with the errors."""
    found = findings(document)
    wrong = [one for one in found if one.severity == "error"]
    if wrong:
        words = " ".join(f"{one.node or document.name}: {one.message}" for one in wrong[:5])
        more = f" And {len(wrong) - 5} more." if len(wrong) > 5 else ""
        raise refused(422, "flow_agent_errors", words + more, wrong[0].fix)
    return found


def _keep(
    connection: Connection, tenant: str, agent: str, version: int, actor: str, document: Document
) -> None:
    connection.execute(
        insert(t.flow_agent_version).values(
            tenant=tenant,
            id=agent,
            version=version,
            at=int(time.time()),
            actor=actor,
            document=msgspec.json.encode(document.source),
        )
    )
    detail = f"version {version}"
    audit.write(
        connection, tenant, actor=actor, action="flow_agent_saved", subject=document.name, detail=detail
    )


def _current(connection: Connection, tenant: str, agent: str) -> int:
    table = t.flow_agent
    query = select(table.c.version).where(table.c.tenant == tenant, table.c.id == agent)
    found = connection.execute(query).scalar_one_or_none()
    if found is None:
        raise _nobody(agent)
    return int(found)


def _nobody(agent: str) -> RefusedError:
    return refused(404, "not_found", f"There is no flow agent “{agent[:80]}”, or not in this version.")


def _stale(current: int) -> RefusedError:
    return refused(
        412, "stale", f"Version {current} was saved meanwhile.", "Load it, and make your change again."
    )


def _exists(name: str) -> RefusedError:
    return refused(
        409, "exists", f"There is a flow agent “{name}” already.", 'Send "overwrite": true to replace it.'
    )


def _unreadable(error: DocumentError) -> RefusedError:
    return refused(422, "document", error.message, error.fix)
