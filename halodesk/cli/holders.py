"""`halodesk keys …` for key holders: their key files, and the signed list of who they are."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from halodesk.cli.keys import Keys, Tenant, keys_of
from halodesk.cli.output import Json, failing, show

if TYPE_CHECKING:
    from halodesk.crypto.holders import Holders

PassphraseFile = Annotated[
    Path | None, typer.Option("--passphrase-file", help="Read the passphrase from its first line.")
]
Owner = Annotated[str, typer.Option(help="The person, by full name: two keys of a pair need two people.")]


def passphrase_of(file: Path | None, words: str, *, new: bool = False) -> str:
    """From a file's first line, else asked for (twice for a new one). Raises `SettingsError`."""
    from halodesk.cli.files import read_bytes
    from halodesk.engine.errors import SettingsError

    if file is None:
        return str(typer.prompt(words, hide_input=True, confirmation_prompt=new, err=True))
    try:
        lines = read_bytes(file).decode("utf-8").splitlines()
    except UnicodeError:
        raise SettingsError(f"{file} is no text.", "Write the passphrase into its first line.") from None
    if not lines or not lines[0]:
        raise SettingsError(f"{file} is empty.", "Write the passphrase into its first line.")
    return lines[0]


def new_holder(
    name: Annotated[str, typer.Argument(help="Name of the key.")],
    out: Annotated[Path, typer.Option("--out", help="The key file to make.")],
    owner: Owner,
    suite: Annotated[int, typer.Option(help="1: X25519; 2: ML-KEM-768 with X25519.")] = 1,
    passphrase_file: PassphraseFile = None,
    as_json: Json = False,
) -> None:
    """Make a key holder's file, wrapped with a passphrase, and OUT.pub for whoever keeps the root key."""
    with failing(as_json):
        from halodesk.crypto import holder_file as files
        from halodesk.crypto.holders import introduce, introduced

        keys = files.new_holder(name, owner, suite)
        public = introduce(keys.public, keys.signing)
        introduced(public)  # what the root would refuse is said before a file is made
        data = files.wrap(keys, passphrase_of(passphrase_file, "New passphrase", new=True))
        beside = out.with_name(out.name + ".pub")
        files.save(out, data)
        beside.write_bytes(public)
    show(
        {"name": name, "owner": owner, "kid": keys.public.kid, "suite": suite, "file": str(out),
         "public": str(beside)},
        as_json=as_json,
        words=lambda: (
            f"{owner} has the key {keys.public.kid} in {out}.\n"
            "Who loses the file or its passphrase loses every value that is sealed to it: make an escrow "
            f"copy now.\nNext: halodesk keys escrow {out} --out COPY\n"
            f"Then: halodesk keys admit-holder {beside}   (where the root key is)"
        ),
    )  # fmt: skip


def escrow(
    file: Annotated[Path, typer.Argument(help="A holder's key file.")],
    out: Annotated[Path, typer.Option("--out", help="The escrow copy to make.")],
    passphrase_file: PassphraseFile = None,
    as_json: Json = False,
) -> None:
    """Copy a holder's key under a random code that is shown once: write it on paper, keep both apart."""
    with failing(as_json):
        from halodesk.cli.files import read_bytes
        from halodesk.crypto import holder_file as files

        keys = files.unwrap(read_bytes(file), passphrase_of(passphrase_file, "Passphrase"))
        code = files.new_escrow_code()
        files.save(out, files.wrap(keys, code, "escrow"))
    show(
        {"kid": keys.public.kid, "file": str(out), "code": code},
        as_json=as_json,
        words=lambda: (
            f"{out} opens with this code only, which is shown once:\n\n    {code}\n\n"
            "Write it on paper and keep paper and file in two places."
        ),
    )


def restore(
    file: Annotated[Path, typer.Argument(help="An escrow copy.")],
    out: Annotated[Path, typer.Option("--out", help="The holder's key file to make.")],
    code_file: Annotated[
        Path | None, typer.Option("--code-file", help="Read the code from its first line.")
    ] = None,
    passphrase_file: PassphraseFile = None,
    as_json: Json = False,
) -> None:
    """Make a holder's key file again from its escrow copy, with a new passphrase."""
    with failing(as_json):
        from halodesk.cli.files import read_bytes
        from halodesk.crypto import holder_file as files

        code = passphrase_of(code_file, "Code on the paper").strip().upper()
        keys = files.unwrap(read_bytes(file), code, "escrow")
        files.save(out, files.wrap(keys, passphrase_of(passphrase_file, "New passphrase", new=True)))
    show(
        {"name": keys.public.name, "kid": keys.public.kid, "file": str(out)},
        as_json=as_json,
        words=lambda: f"{keys.public.owner} has the key {keys.public.kid} in {out} again.",
    )


def new_asker(
    name: Annotated[str, typer.Argument(help="Name of the key.")],
    owner: Owner,
    keys: Keys = None,
    as_json: Json = False,
) -> None:
    """Make a key to ask for sealed values with, and NAME.asker for whoever keeps the root key."""
    with failing(as_json):
        from halodesk.crypto import metadata
        from halodesk.crypto.holders import OWNER_TAG, Asker

        own = keys_of(keys)
        key = own.new(name)
        file = own.folder / f"{name}.asker"
        file.write_bytes(metadata.sign_as(key, OWNER_TAG, Asker(name=name, owner=owner, key=key.public)))
    show(
        {"name": name, "owner": owner, "file": str(file), "strong": own.status.strong},
        as_json=as_json,
        words=lambda: (
            f"{owner} has a key. {own.status.message}\n"
            f"Next: halodesk keys admit-asker {file}   (where the root key is)"
        ),
    )


def admit_holder(
    file: Annotated[Path, typer.Argument(help="A *.pub file of `keys new-holder`.")],
    tenant: Tenant = "main",
    keys: Keys = None,
    as_json: Json = False,
) -> None:
    """Put a key holder on the list; needs the root key. Ask the holder for the id of the key first."""
    with failing(as_json):
        from halodesk.cli.files import read_bytes
        from halodesk.crypto.holder_list import HolderList

        known = HolderList(keys_of(keys), tenant)
        found = known.admit_holder(read_bytes(file))
    _say(found, known.file, as_json=as_json)


def admit_asker(
    file: Annotated[Path, typer.Argument(help="A *.asker file of `keys new-asker`.")],
    tenant: Tenant = "main",
    keys: Keys = None,
    as_json: Json = False,
) -> None:
    """Let someone ask for sealed values to be opened; needs the root key."""
    with failing(as_json):
        from halodesk.cli.files import read_bytes
        from halodesk.crypto.holder_list import HolderList

        known = HolderList(keys_of(keys), tenant)
        found = known.admit_asker(read_bytes(file))
    _say(found, known.file, as_json=as_json)


def pair(
    a: Annotated[str, typer.Argument(help="Name of the first holder.")],
    b: Annotated[str, typer.Argument(help="Name of the second, another person.")],
    tenant: Tenant = "main",
    keys: Keys = None,
    as_json: Json = False,
) -> None:
    """Seal values to these two from now on; also renews the list for 400 days. Needs the root key.

    What was sealed before stays with the holders it was sealed to.
    """
    with failing(as_json):
        from halodesk.crypto.holder_list import HolderList

        known = HolderList(keys_of(keys), tenant)
        found = known.pair(a, b)
    _say(found, known.file, as_json=as_json)


def remove_holder(
    name: Annotated[str, typer.Argument(help="A holder outside the pair, or someone who may ask.")],
    tenant: Tenant = "main",
    keys: Keys = None,
    as_json: Json = False,
) -> None:
    """Take a name off the list; needs the root key. What is sealed to a removed key cannot be asked for."""
    with failing(as_json):
        from halodesk.crypto.holder_list import HolderList

        known = HolderList(keys_of(keys), tenant)
        found = known.remove(name)
    _say(found, known.file, as_json=as_json)


def holders(tenant: Tenant = "main", keys: Keys = None, as_json: Json = False) -> None:
    """Who is on the list of key holders, as it is here."""
    with failing(as_json):
        from halodesk.crypto.holder_list import HolderList
        from halodesk.engine.errors import SettingsError

        known = HolderList(keys_of(keys), tenant)
        found = known.current()
        if found is None:
            raise SettingsError(f"There is no list of key holders of {tenant} here.", "Name its folder.")
    _say(found, known.file, as_json=as_json)


def _say(found: Holders, file: Path, *, as_json: bool) -> None:
    from halodesk.crypto.signing import key_id

    result = {
        "version": found.version,
        "root": key_id(found.root),
        "holders": [
            {"name": one.name, "owner": one.owner, "kid": one.kid, "suite": one.suite,
             "sealed_to": one.kid in found.pair}
            for one in found.holders
        ],
        "askers": [{"name": one.name, "owner": one.owner} for one in found.askers],
        "expires_at": found.expires_at,
        "file": str(file),
    }  # fmt: skip

    def words() -> str:
        lines = [f"List {found.version} of {found.tenant}, root {key_id(found.root)}"]
        for one in found.holders:
            mark = "sealed to" if one.kid in found.pair else "before   "
            lines.append(f"  {mark}  {one.kid}  {one.name}, {one.owner}")
        lines += [f"  may ask    {one.name}, {one.owner}" for one in found.askers]
        if not found.pair:
            lines.append("  Nothing can be sealed yet: halodesk keys pair A B")
        lines.append(f"Ends {time.strftime('%Y-%m-%d', time.gmtime(found.expires_at))}.")
        lines.append(f"Next: halodesk server holders {file}   (at the server)")
        return "\n".join(lines)

    show(result, as_json=as_json, words=words)
