"""The catalogue: versions of flows and the log of signed pointers to them; jobs on the database.

Rules:
- The server checks what it is given as a seat would, and signs nothing: it cannot make a version.
- A version never changes. Its number is the next one of its flow; a counter only grows.
- The catalogue's number is raised in the publishing transaction itself, under the tenant's row
  lock, so that a number that is visible has all smaller ones before it.
"""

from __future__ import annotations

import hashlib

from sqlalchemy import Connection, func, insert, select, update

from halodesk.crypto import metadata
from halodesk.crypto.metadata import Manifest, Trust
from halodesk.engine import flow as flows
from halodesk.engine.errors import DocumentError
from halodesk.protocol.sync import CatalogueEvent, FlowState, Problem, Publish, RefusedError
from halodesk.server import audit
from halodesk.server import tables as t
from halodesk.server.access import refused
from halodesk.server.tenants import next_cursor

PAGE = 200


def publish(connection: Connection, *, trust: Trust, publisher: str, flow: str, asked: Publish) -> int:
    """Take a signed version and pointer in; the cursor they have.

    `publisher` is the id of the key the request was made with. Raises `MetadataError` for what
    is forged, `RefusedError` 403, 409 or 422 in words.
    """
    manifest = metadata.open_manifest(asked.manifest, trust)
    pointer = metadata.open_pointer(asked.pointer, trust)
    metadata.check_pair(manifest, pointer)
    if manifest.flow != flow:
        raise refused(422, "flow", "The signed version is one of another flow.")
    if publisher != metadata.signer(asked.pointer):
        raise refused(403, "publisher", "The pointer was signed by someone else than who sent it.")
    tenant = trust.tenant
    cursor = next_cursor(connection, tenant)
    state = flow_state(connection, tenant, manifest.flow)
    if manifest.version <= state.version:
        _check_known(connection, tenant, manifest, state.version + 1)
    else:
        _add_version(connection, tenant, manifest, asked, state.version + 1)
    _raise_counter(connection, tenant, manifest.flow, pointer.counter, state.counter)
    connection.execute(
        insert(t.catalogue_event).values(
            tenant=tenant,
            cursor=cursor,
            kind="flow",
            trust=b"",
            manifest=asked.manifest,
            pointer=asked.pointer,
        )
    )
    subject = f"{manifest.flow} {manifest.version}"
    audit.write(
        connection, tenant, actor=publisher, action="publish", subject=subject, detail=manifest.content
    )
    return cursor


def flow_state(connection: Connection, tenant: str, flow: str) -> FlowState:
    """Versions and newest counter of a flow."""
    version = t.flow_version
    rows = connection.execute(
        select(version.c.version, version.c.manifest)
        .where(version.c.tenant == tenant, version.c.flow == flow)
        .order_by(version.c.version)
    ).all()
    pointer = t.flow_pointer
    counter = connection.execute(
        select(pointer.c.counter).where(pointer.c.tenant == tenant, pointer.c.flow == flow)
    ).scalar()
    return FlowState(
        flow=flow,
        version=rows[-1].version if rows else 0,
        counter=counter or 0,
        manifests=tuple(bytes(row.manifest) for row in rows[-PAGE:]),
    )


def latest(connection: Connection, tenant: str) -> int:
    """The newest cursor."""
    return int(connection.execute(select(t.tenant.c.cursor).where(t.tenant.c.id == tenant)).scalar() or 0)


def events_after(connection: Connection, tenant: str, cursor: int) -> tuple[CatalogueEvent, ...]:
    """The next entries, at most 200."""
    entry = t.catalogue_event
    rows = connection.execute(
        select(entry.c.cursor, entry.c.kind, entry.c.trust, entry.c.manifest, entry.c.pointer)
        .where(entry.c.tenant == tenant, entry.c.cursor > cursor)
        .order_by(entry.c.cursor)
        .limit(PAGE)
    )
    return tuple(CatalogueEvent(**row) for row in rows.mappings())


def blob(connection: Connection, tenant: str, sha256: str) -> bytes:
    """A document by its hash. Raises `RefusedError` (404)."""
    query = select(t.blob.c.data).where(t.blob.c.tenant == tenant, t.blob.c.sha256 == sha256)
    data = connection.execute(query).scalar()
    if data is None:
        raise refused(404, "blob", "There is no such document.")
    return bytes(data)


def _check_known(connection: Connection, tenant: str, manifest: Manifest, following: int) -> None:
    version = t.flow_version
    content = connection.execute(
        select(version.c.content).where(
            version.c.tenant == tenant, version.c.flow == manifest.flow, version.c.version == manifest.version
        )
    ).scalar()
    if content != manifest.content:
        raise _expects(
            following, f"Version {manifest.version} of {manifest.flow} is there and does not change."
        )


def _add_version(
    connection: Connection, tenant: str, manifest: Manifest, asked: Publish, following: int
) -> None:
    if manifest.version != following:
        raise _expects(following, f"The next version of {manifest.flow} is {following}.")
    digest = hashlib.sha256(asked.document).hexdigest()
    if digest != manifest.blob or len(asked.document) != manifest.size:
        raise refused(422, "blob", "The document is not the one that was signed.")
    try:
        found = flows.load(asked.document)
    except DocumentError as error:
        raise refused(422, "document", error.message, error.todo) from None
    if found.key != manifest.flow or flows.content_hash(found) != manifest.content:
        raise refused(422, "document", "The document is another flow than the signed one.")
    known = select(func.count()).where(t.blob.c.tenant == tenant, t.blob.c.sha256 == digest)
    if not connection.execute(known).scalar():
        connection.execute(insert(t.blob).values(tenant=tenant, sha256=digest, data=asked.document))
    connection.execute(
        insert(t.flow_version).values(
            tenant=tenant,
            flow=manifest.flow,
            version=manifest.version,
            content=manifest.content,
            manifest=asked.manifest,
        )
    )


def _raise_counter(connection: Connection, tenant: str, flow: str, counter: int, before: int) -> None:
    if counter <= before:
        raise RefusedError(
            409,
            Problem(
                code="counter",
                message=f"This pointer of {flow} is not newer than the one that is there.",
                todo="Sign a new one.",
                expect=before + 1,
            ),
        )
    mine = t.flow_pointer.c.tenant == tenant, t.flow_pointer.c.flow == flow
    if connection.execute(update(t.flow_pointer).where(*mine).values(counter=counter)).rowcount == 0:
        connection.execute(insert(t.flow_pointer).values(tenant=tenant, flow=flow, counter=counter))


def _expects(version: int, message: str) -> RefusedError:
    return RefusedError(409, Problem(code="version", message=message, todo="Publish again.", expect=version))
