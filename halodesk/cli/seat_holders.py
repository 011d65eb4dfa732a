"""`halodesk seat holders`: whom this seat seals to; a list by hand where there is no server."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from halodesk.cli.output import Json, failing, show

if TYPE_CHECKING:
    from halodesk.store.seat_store import SeatStore


def seat_holders(
    file: Annotated[Path | None, typer.Argument(help="A *.holders file to take.")] = None,
    root: Annotated[
        str, typer.Option(help="Id of the root key, as `keys holders` shows it; for the first list.")
    ] = "",
    tenant: Annotated[str, typer.Option(help="The organisation, at a seat without a server.")] = "main",
    data: Annotated[Path | None, typer.Option("--data", help="Data folder of the seat.")] = None,
    as_json: Json = False,
) -> None:
    """Whom sealed fields are sealed to here. Exit code 1 where nothing can be sealed.

    A seat with a server gets its list from there. Restart HaloDesk after taking a list by hand.
    """
    with failing(as_json):
        from halodesk.cli.files import read_bytes
        from halodesk.crypto import holders
        from halodesk.runtime.paths import data_dir
        from halodesk.runtime.sealer import Sealer
        from halodesk.runtime.threads import SystemClock
        from halodesk.store.seat_store import SeatStore

        store = SeatStore(data_dir(data))
        try:
            if file is not None:
                _take(store, read_bytes(file), root, tenant)
            kept = store.holders.current()
        finally:
            store.close()
        sealer = Sealer(SystemClock())
        names: list[str] = []
        if kept is not None:
            sealer.use(kept.data, root=kept.root, tenant=kept.tenant)
            found = holders.open_list(kept.data, root=kept.root, tenant=kept.tenant)
            names = [f"{one.name} ({one.owner})" for one in found.holders if one.kid in found.pair]
        problem = sealer.why_not()
    version = kept.version if kept else 0
    show(
        {"version": version, "sealed_to": names, "problem": problem},
        as_json=as_json,
        words=lambda: problem or f"List {version}: values are sealed to {' and '.join(names)}.",
    )
    raise typer.Exit(1 if problem else 0)


def _take(store: SeatStore, signed: bytes, root: str, tenant: str) -> None:
    from halodesk.crypto import holders
    from halodesk.crypto.signing import key_id
    from halodesk.engine.errors import SettingsError

    link, kept = store.sync.link(), store.holders.current()
    if link is not None and link.enrolled:
        public, tenant = link.root, link.tenant
    elif kept is not None:
        public, tenant = kept.root, kept.tenant
    else:
        public = holders.claimed_root(signed)
        if key_id(public) != root.strip().lower():
            raise SettingsError(
                f"The list is signed by the root {key_id(public)}.",
                "If that is yours, say so: --root and this id. The seat believes no other from then on.",
            )
    store.holders.install(signed, root=public, tenant=tenant, now=time.time())
