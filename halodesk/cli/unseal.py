"""`halodesk unseal`: ask for a sealed value, approve as a holder, open it. Over the server or by files."""

from __future__ import annotations

import contextlib
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from halodesk.cli.holders import PassphraseFile, passphrase_of
from halodesk.cli.keys import Keys, Tenant, keys_of
from halodesk.cli.output import Json, failing, show

if TYPE_CHECKING:
    from halodesk.crypto.ceremony import Request
    from halodesk.crypto.envelope import Place
    from halodesk.crypto.holder_file import HolderKeys
    from halodesk.crypto.holders import Asker, Holders
    from halodesk.crypto.personal_keys import PersonalKeys
    from halodesk.engine.sealed import SealedAnswer
    from halodesk.sync.unsealing import UnsealClient

app = typer.Typer(help="Open a sealed value: one asks, two holders approve.", no_args_is_help=True)

Server = Annotated[
    str, typer.Option("--server", envvar="HALODESK_SERVER", help="Address of the server, https://…")
]
Ca = Annotated[
    Path | None, typer.Option("--ca", help="Believe only this certificate authority (PEM) for the server.")
]
List = Annotated[
    Path | None,
    typer.Option("--list", envvar="HALODESK_HOLDERS", help="The signed list, TENANT.holders, as IT gave it."),
]
As = Annotated[str, typer.Option("--as", help="Name of your key of `keys new-asker`.")]
HolderFile = Annotated[Path, typer.Option("--holder", help="Your key file of `keys new-holder`.")]
SHOWN_S = 60.0


@app.command()
def request(
    session: Annotated[str, typer.Argument(help="Id of the session.")],
    field: Annotated[str, typer.Argument(help="Name of the sealed field.")],
    reason: Annotated[str, typer.Option(help="Why; holders decide by it, and it stays in the audit.")],
    name: As = "asker",
    server: Server = "",
    out: Annotated[Path | None, typer.Option("--out", help="Write the request to a file instead.")] = None,
    source: Annotated[
        Path | None, typer.Option("--from", help="Take the value from an export (jsonl) of the session.")
    ] = None,
    data: Annotated[Path | None, typer.Option("--data", help="… or from this seat's folder.")] = None,
    tenant: Tenant = "main",
    known: List = None,
    keys: Keys = None,
    ca: Ca = None,
    as_json: Json = False,
) -> None:
    """Ask for a value to be opened. The request ends after 15 minutes."""
    with failing(as_json):
        from halodesk.crypto import ceremony
        from halodesk.crypto.envelope import Place
        from halodesk.crypto.tickets import Tickets
        from halodesk.engine.errors import SettingsError

        if bool(server) == (out is not None):
            raise SettingsError("A request goes to a server or into a file.", "Give --server or --out.")
        own = keys_of(keys)
        pinned = _pinned(known, keys, tenant)
        key = own.load(name)
        client = _asking(server, own, name, tenant, pinned, ca) if server else None
        full, value = _value(client, session, field, source, data)
        place = Place(
            tenant=tenant, session=full, field=field, flow_hash=value.flow_hash, version=value.version
        )
        made, signed, private = ceremony.ask(key, place, value.envelope, reason, now=time.time())
        ceremony.read_request(signed, _in_force(pinned, tenant), now=time.time())
        Tickets(own).keep(made.id, signed, private)
        ends = made.expires_at
        if client is not None:
            ends = client.ask(signed).expires_at
        if out is not None:
            out.write_bytes(signed)
    show(
        {"id": made.id, "expires_at": ends, "holders": value.holders, "file": str(out or "")},
        as_json=as_json,
        words=lambda: (
            f"Request {made.id}: {field} of {full}, until {_clock(ends)}.\n"
            f"The holders of the keys {' and '.join(value.holders)} have to approve it:\n"
            f"  halodesk unseal approve {out or made.id} --holder FILE"
        ),
    )


@app.command()
def waiting(
    holder: HolderFile,
    server: Server,
    tenant: Tenant = "main",
    known: List = None,
    keys: Keys = None,
    passphrase_file: PassphraseFile = None,
    ca: Ca = None,
    as_json: Json = False,
) -> None:
    """Requests that wait for a holder's approval."""
    with failing(as_json):
        from halodesk.crypto import ceremony

        own = _holder(holder, passphrase_file)
        client = _holding(server, own, tenant, _pinned(known, keys, tenant), ca)
        found = client.waiting()
        listed = client.list_of(found.holders)
        rows = []
        for one in found.requests:
            with contextlib.suppress(ceremony.CeremonyError):  # of someone who may ask no more, say
                rows.append((one, *ceremony.read_request(one.data, listed, now=time.time())))
    show(
        {"requests": [_as_json(asked, who) | {"approved": one.approved} for one, asked, who in rows]},
        as_json=as_json,
        words=lambda: "\n\n".join(_words(asked, who) for _, asked, who in rows) or "Nothing waits for you.",
    )


@app.command()
def approve(
    what: Annotated[str, typer.Argument(metavar="REQUEST", help="Id at the server, or a file.")],
    holder: HolderFile,
    server: Server = "",
    out: Annotated[Path | None, typer.Option("--out", help="Write the approval to a file.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask again.")] = False,
    tenant: Tenant = "main",
    known: List = None,
    keys: Keys = None,
    passphrase_file: PassphraseFile = None,
    ca: Ca = None,
    as_json: Json = False,
) -> None:
    """Approve as one of the two holders, once you have read who asks for what and why."""
    with failing(as_json):
        from halodesk.cli.files import read_bytes
        from halodesk.crypto import ceremony
        from halodesk.engine.errors import SettingsError

        if bool(server) == (out is not None):
            raise SettingsError("An approval goes to a server or into a file.", "Give --server or --out.")
        pinned = _pinned(known, keys, tenant)
        client: UnsealClient | None = None
        if server:
            own = _holder(holder, passphrase_file)
            client = _holding(server, own, tenant, pinned, ca)
            found = client.waiting()
            listed = client.list_of(found.holders)
            signed = next((one.data for one in found.requests if one.id == what), b"")
            if not signed:
                raise SettingsError(
                    f"No request {what} waits for you.", "It may have ended. See: halodesk unseal waiting"
                )
        else:
            signed, listed = read_bytes(Path(what)), _in_force(pinned, tenant)
        asked, who = ceremony.read_request(signed, listed, now=time.time())
        if not yes:
            sys.stderr.write(_words(asked, who) + "\n")
            typer.confirm("Approve?", abort=True, err=True)
        if client is None:
            own = _holder(holder, passphrase_file)
        approval = ceremony.approve(signed, listed, own, now=time.time())
        approvals = client.approve(asked.id, approval).approvals if client is not None else 0
        if out is not None:
            out.write_bytes(approval)
    show(
        {"id": asked.id, "approvals": approvals, "file": str(out or "")},
        as_json=as_json,
        words=lambda: f"Approved. {f'{approvals} of 2 holders have.' if client else f'Written: {out}'}",
    )


@app.command(name="open")
def open_value(
    what: Annotated[list[str], typer.Argument(metavar="REQUEST", help="Id, or the files F G H.")],
    name: As = "asker",
    server: Server = "",
    seconds: Annotated[float, typer.Option(help="How long the value is shown.")] = SHOWN_S,
    tenant: Tenant = "main",
    known: List = None,
    keys: Keys = None,
    ca: Ca = None,
    as_json: Json = False,
) -> None:
    """Show the value, once, where it was asked for, when both holders have approved."""
    with failing(as_json):
        from halodesk.cli.files import read_bytes
        from halodesk.crypto import ceremony
        from halodesk.crypto.tickets import Tickets
        from halodesk.engine.errors import SettingsError

        if not as_json and not sys.stdout.isatty():
            raise SettingsError(
                "A value is only shown on a screen: this would write it to a file or a pipe.",
                "Say --json where that is wanted.",
            )
        own = keys_of(keys)
        pinned = _pinned(known, keys, tenant)
        client: UnsealClient | None = None
        if server:
            client = _asking(server, own, name, tenant, pinned, ca)
            answer = client.answer(what[0])
            listed, signed, approvals = client.list_of(answer.holders), answer.data, answer.approvals
        else:
            signed, *rest = [read_bytes(Path(file)) for file in what]
            listed, approvals = _in_force(pinned, tenant), tuple(rest)
        tickets = Tickets(own)
        asked = ceremony.claimed_request(signed)
        ticket = tickets.find(asked.id)
        if ticket.request != signed:
            raise SettingsError("This is not the request that was made here.", "Ask anew.")
        value = ceremony.open_value(signed, approvals, ticket.private, listed, now=time.time())
        note = ceremony.opened(own.load(name), signed, approvals, now=time.time())
        if client is not None:
            client.opened(asked.id, note)  # before it is shown: what is seen is in the audit
        else:
            Path(what[0] + ".opened").write_bytes(note)
        tickets.drop(asked.id)
    try:
        _reveal(asked, value, seconds, as_json=as_json)
    finally:
        value[:] = bytes(len(value))


def _reveal(asked: Request, value: bytearray, seconds: float, *, as_json: bool) -> None:
    if as_json:
        show({"id": asked.id, "field": asked.place.field, "value": value.decode()}, as_json=True, words=str)
        return
    out = sys.stdout
    out.write("\x1b[?1049h\x1b[H\x1b[2J")  # a screen of its own: nothing stays in the scroll-back
    try:
        out.write(f"{asked.place.field} of {asked.place.session}\n\n    {value.decode()}\n\n")
        out.write(f"Shown for {seconds:g} seconds. Ctrl+C ends it now.\n")
        out.flush()
        time.sleep(seconds)
    except KeyboardInterrupt:
        pass
    finally:
        out.write("\x1b[H\x1b[2J\x1b[?1049l")
        out.flush()
    out.write("The value was shown. The request is closed.\n")


def _value(
    client: UnsealClient | None, session: str, field: str, source: Path | None, data: Path | None
) -> tuple[str, SealedAnswer]:
    """The session's whole id, and the newest envelope of the field. Raises `SessionFileError`."""
    from halodesk.cli.files import read_bytes
    from halodesk.engine.errors import SessionFileError
    from halodesk.engine.sealed import SealedAnswer, sealed_answers
    from halodesk.protocol import log_lines

    if source is not None:
        lines = log_lines.read(read_bytes(source))
        session = lines[0][0].session if lines else session
        found = sealed_answers(row.payload for _, row in lines if row.payload is not None)
    elif data is not None or client is None:
        from halodesk.cli.session import open_store

        with open_store(data) as store:
            session = store.sessions.find(session).id
            rows = store.sessions.events(session)
            found = sealed_answers(row.payload for row in rows if row.payload is not None)
    else:
        answer = client.sealed(session)
        fields = ("field", "flow_hash", "version", "envelope", "holders")
        found = [SealedAnswer(**{one: getattr(each, one) for one in fields}) for each in answer.values]
    value = next((one for one in found if one.field == field), None)
    if value is None:
        names = ", ".join(dict.fromkeys(one.field for one in found)) or "none at all"
        raise SessionFileError(f"The session {session} has no sealed value of {field}.", f"It has: {names}.")
    return session, value


def _pinned(known: Path | None, keys: Path | None, tenant: str) -> bytes:
    """The list that the person has. A holder needs no folder of keys where it is named."""
    from halodesk.cli.files import read_bytes
    from halodesk.crypto.holder_list import HolderList

    return read_bytes(known if known is not None else HolderList(keys_of(keys), tenant).file)


def _in_force(pinned: bytes, tenant: str) -> Holders:
    from halodesk.crypto import holders

    return holders.open_list(pinned, root=holders.claimed_root(pinned), tenant=tenant, now=time.time())


def _holder(file: Path, passphrase_file: Path | None) -> HolderKeys:
    from halodesk.cli.files import read_bytes
    from halodesk.crypto.holder_file import public_part, unwrap

    data = read_bytes(file)
    return unwrap(data, passphrase_of(passphrase_file, f"Passphrase of {public_part(data).name}"))


def _asking(
    server: str, own: PersonalKeys, name: str, tenant: str, pinned: bytes, ca: Path | None
) -> UnsealClient:
    from halodesk.cli.files import read_bytes
    from halodesk.crypto.signing import key_id
    from halodesk.sync.unsealing import UnsealClient

    key = own.load(name)
    return UnsealClient(
        server,
        key,
        role="asker",
        subject=key_id(key.public),
        tenant=tenant,
        pinned=pinned,
        authority=read_bytes(ca) if ca else b"",
    )


def _holding(server: str, own: HolderKeys, tenant: str, pinned: bytes, ca: Path | None) -> UnsealClient:
    from halodesk.cli.files import read_bytes
    from halodesk.sync.unsealing import UnsealClient

    return UnsealClient(
        server,
        own.signing,
        role="holder",
        subject=own.public.kid,
        tenant=tenant,
        pinned=pinned,
        authority=read_bytes(ca) if ca else b"",
    )


def _words(asked: Request, who: Asker) -> str:
    place: Place = asked.place
    return (
        f"Request {asked.id}, until {_clock(asked.expires_at)}\n"
        f"  {who.owner} ({who.name}) asks for {place.field} of session {place.session}\n"
        f"  Reason: {asked.reason}"
    )


def _as_json(asked: Request, who: Asker) -> dict[str, object]:
    return {
        "id": asked.id,
        "session": asked.place.session,
        "field": asked.place.field,
        "reason": asked.reason,
        "asker": who.name,
        "owner": who.owner,
        "expires_at": asked.expires_at,
    }


def _clock(seconds: float) -> str:
    return time.strftime("%H:%M:%S UTC", time.gmtime(seconds))
