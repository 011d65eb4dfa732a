"""`halodesk session verify | erase | import`: what is proven of records, and what may be done to them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from halodesk.cli.output import Json, failing, show

if TYPE_CHECKING:
    from halodesk.store.proofs import Proof
    from halodesk.store.seat_store import SeatStore

Data = Annotated[Path | None, typer.Option("--data", help="Data folder of the seat.")]
_WORDS = {"proven": "proven", "not_proven": "not proven", "broken": "BROKEN"}


def verify(
    session: Annotated[
        str | None, typer.Argument(help="Id, its first characters, or its number; without: every session.")
    ] = None,
    file: Annotated[
        Path | None, typer.Option(help="Check this exported record (jsonl) instead of a session here.")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Count what is not proven as a finding.")] = False,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Say what is proven of a session and what is not; names the first broken link.

    Chain: nothing was changed. Seal: the seat closed it so. Receipt: the server holds the same. Counter:
    no session before it is missing. Exit code 1 when something is broken.
    """
    with failing(as_json):
        if file is not None:
            _verify_file(file, as_json)
            return
        from halodesk.cli.session import open_store

        with open_store(data) as store:
            if session is None:
                _verify_all(store, strict, as_json)
                return
            proof = store.proofs.prove(session)
    good = proof.ok and (proof.proven or not strict)
    show(proof, as_json=as_json, words=lambda: _words(proof))
    raise typer.Exit(0 if good else 1)


def _words(proof: Proof) -> str:
    lines = [f"{'OK' if proof.ok else 'BROKEN'}: {proof.events} events. {proof.message}"]
    lines += [f"  {_WORDS[part.state]:11} {part.name:8} {part.message}" for part in proof.parts]
    return "\n".join(lines)


def _verify_file(file: Path, as_json: bool) -> None:
    from halodesk.cli.files import read_bytes
    from halodesk.store.restoring import read_file

    stamps, rows = read_file(read_bytes(file))
    first = stamps[0]
    erased = sum(row.payload is None for row in rows)
    words = (
        f"OK: {len(rows)} events of session {first.session}, seat {first.seat}. The chain holds. Not proven: "
        "who made it, and that nothing was cut off its end. Compare the last head "
        "with the seat's or the server's:"
    )
    result: dict[str, Any] = {
        "ok": True,
        "session": first.session,
        "seat": first.seat,
        "number": first.number,
        "events": len(rows),
        "erased": erased,
        "head": rows[-1].head.hex(),
    }
    show(result, as_json=as_json, words=lambda: f"{words}\n{rows[-1].head.hex()}")


def _verify_all(store: SeatStore, strict: bool, as_json: bool) -> None:
    rows = store.sessions.rows(limit=10_000_000)
    proofs = [store.proofs.prove(row.id) for row in rows]
    missing = store.sessions.missing()
    bad = [proof for proof in proofs if not proof.ok or (strict and not proof.proven)]

    def words() -> str:
        lines = [f"{proof.number:>5}  {proof.session}  {proof.message}" for proof in bad]
        if missing:
            shown = ", ".join(map(str, missing[:20])) + (" …" if len(missing) > 20 else "")
            lines.append(f"BROKEN: {len(missing)} sessions of this seat are missing: number {shown}.")
        lines.append(f"{len(proofs)} sessions checked, {len(bad)} with findings, {len(missing)} missing.")
        return "\n".join(lines)

    show(
        {"ok": not bad and not missing, "checked": len(proofs), "missing": missing, "findings": bad},
        as_json=as_json,
        words=words,
    )
    raise typer.Exit(1 if bad or missing else 0)


def erase(
    session: Annotated[str, typer.Argument(help="Id, its first characters, or its number.")],
    reason: Annotated[str, typer.Option(help="Why, in a sentence. It is kept and sent to the server.")],
    field: Annotated[
        str, typer.Option(help="Only this field, and whatever repeats its values; without: the session.")
    ] = "",
    recordings: Annotated[
        bool, typer.Option("--recordings", help="With --field: delete the recordings of the call, too.")
    ] = False,
    person: Annotated[
        str,
        typer.Option("--as", help="Who erases, where people sign in at this seat; asks for the password."),
    ] = "",
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Erase what a session holds of a person. Its chain stays valid, and the server erases it, too.

    For a supervisor or an admin. Who did it and why stays with the session. Exported files and backups
    are not reached: they must be erased by hand.
    """
    with failing(as_json):
        from halodesk.cli.people import signed_in
        from halodesk.cli.session import open_store
        from halodesk.runtime.threads import SystemClock
        from halodesk.store.erasing import Wish, may_erase

        with open_store(data) as store:
            by, role, roles = signed_in(store, person)
            may_erase(roles)
            wish = Wish(session=session, reason=reason, by=by, role=role, field=field, recordings=recordings)
            done = store.eraser.erase(wish, SystemClock())
    order = done.order
    result: dict[str, Any] = {
        "id": order.id,
        "session": order.session,
        "events": len(order.seqs),
        "recordings": order.recordings,
        "left": done.left,
    }

    def words() -> str:
        lines = [f"Erased: {len(order.seqs)} entries of {order.session}, {order.recordings} recordings."]
        if field and not order.recordings:
            lines.append("The recording of the call is kept: it may say it, too. Use --recordings.")
        lines += [f"NOT deleted yet: {name}. HaloDesk tries again when it starts." for name in done.left]
        return "\n".join([*lines, "Files exported before, and backups, still hold it."])

    show(result, as_json=as_json, words=words)


def import_session(
    file: Annotated[Path, typer.Argument(help="A record of this seat, exported as jsonl.")],
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Put a session back that was lost here. A changed record is refused at its first broken link."""
    with failing(as_json):
        from halodesk.cli.files import read_bytes
        from halodesk.cli.session import open_store

        content = read_bytes(file)
        with open_store(data) as store:
            found = store.restore(content)
    show({"session": found}, as_json=as_json, words=lambda: f"Session {found} is back.")
