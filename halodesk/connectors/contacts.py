"""Contacts of a seat: CSV, JSON and vCard files, and rows of a data connection.

Rules:
- A file that cannot be read is said in words; the others count all the same.
- vCard 2.1 to 4.0 (RFC 6350): FN, N, ORG, TITLE, EMAIL, NOTE and every TEL. Pictures and the like are
  passed over.
- Files are read anew each time, in a thread: a share may be slow.
"""

from __future__ import annotations

import asyncio
import quopri
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from halodesk.connectors.data_sources import DataSources
from halodesk.connectors.data_sources.csv import CsvReader
from halodesk.connectors.data_sources.json import JsonReader
from halodesk.connectors.data_sources.provider import DataConnection, UnreadableError, content_of
from halodesk.engine.errors import SettingsError
from halodesk.runtime.agent_settings import Directory
from halodesk.runtime.directory import MOST_CONTACTS, Contact, contact, from_row, plain_number

_TYPES = ("cell", "mobile", "work", "home")
_ESCAPE = re.compile(r"\\(.)")


class _Query(msgspec.Struct, frozen=True, kw_only=True):
    source: str
    connection: str = ""
    query: str = ""
    parameters: Mapping[str, Any] = {}
    limit: int = MOST_CONTACTS


async def read_contacts(directory: Directory, sources: DataSources | None) -> tuple[list[Contact], str]:
    """All contacts, and what could not be read, in words; empty where all could."""
    found, problems = [], []
    for path in directory.files:
        try:
            found += await asyncio.to_thread(_from_file, path)
        except (UnreadableError, SettingsError) as error:
            problems.append(str(error))
    if directory.data:
        if sources is None:
            problems.append(f"This seat has no data source “{directory.data}”.")
        else:
            wanted = _Query(source=directory.data, query=directory.query)
            answer = await sources.rows(wanted)
            found += [one for row in answer.rows or () for one in from_row(row)]
            problems += [answer.reason] if answer.reason else []
    return found, " ".join(problems)


def _from_file(path: str) -> list[Contact]:
    kind = Path(path).suffix.casefold()
    if kind == ".vcf":
        return list(from_vcard(content_of(path)))
    if kind not in (".csv", ".json"):
        raise UnreadableError(f"The contacts {Path(path).name} are in no known form: use CSV, JSON or vCard.")
    reader = (CsvReader if kind == ".csv" else JsonReader)(
        DataConnection(name=Path(path).name, kind=kind[1:], path=path)
    )
    return [one for row in reader.rows("", {}, MOST_CONTACTS) for one in from_row(row)]


def from_vcard(text: str) -> Iterator[Contact]:
    """The numbers of every card."""
    card: list[tuple[str, str, str]] = []
    for name, parameters, value in _lines(text):
        if name == "BEGIN":
            card = []
        elif name == "END":
            yield from _contacts_of(card)
            card = []
        else:
            card.append((name, parameters, value))


def _contacts_of(card: Sequence[tuple[str, str, str]]) -> Iterator[Contact]:
    def first(wanted: str) -> str:
        return next((value for name, _, value in card if name == wanted), "")

    person = _plain(first("FN"))
    if not person:
        family, _, given = first("N").partition(";")
        person = _plain(f"{given.partition(';')[0]} {family}").strip()
    organisation = " · ".join(filter(None, map(_plain, first("ORG").split(";"))))
    more = " · ".join(
        filter(None, (organisation, *(_plain(first(key)) for key in ("TITLE", "EMAIL", "NOTE"))))
    )
    for name, parameters, value in card:
        number = _plain(value).removeprefix("tel:").partition(";")[0]
        if name == "TEL" and plain_number(number):
            kind = next((one for one in _TYPES if one in parameters.casefold()), "")
            kind = "mobile" if kind == "cell" else kind
            yield contact(person or number, number, kind=kind, more=more)


def _lines(text: str) -> Iterator[tuple[str, str, str]]:
    """Name, parameters and value of each content line, unfolded (RFC 6350, 3.2)."""
    unfolded = re.sub(r"\r?\n[ \t]", "", text)
    pending = ""
    for line in unfolded.splitlines():
        whole = pending + line
        pending = ""
        head, colon, value = whole.partition(":")
        quoted = "QUOTED-PRINTABLE" in head.upper()
        if quoted and value.endswith("="):
            pending = whole[:-1]
            continue
        if not colon:
            continue
        name, _, parameters = head.partition(";")
        if quoted:
            value = quopri.decodestring(value.encode()).decode("utf-8", "replace")
        yield name.rpartition(".")[2].strip().upper(), parameters, value


def _plain(value: str) -> str:
    return _ESCAPE.sub(lambda found: " " if found[1] in "nN" else found[1], value).strip()
