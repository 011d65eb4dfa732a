"""The directory: contacts from lists and cards, and finding them as one types."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from halodesk.connectors.contacts import from_vcard, read_contacts
from halodesk.connectors.data_sources import DataSources
from halodesk.connectors.data_sources.provider import DataConnection
from halodesk.runtime.agent_settings import Directory
from halodesk.runtime.directory import MOST_FOUND, Contacts, contact, fold, from_row, plain_number

CARDS = """BEGIN:VCARD\r
VERSION:3.0\r
N:Öst;Åsa;;;\r
FN:Åsa Öst\r
ORG:Acme\\, Inc.;Sales\r
item1.TEL;TYPE=CELL:+1 202 555\r
 -0143\r
TEL;TYPE=work,voice:1003\r
TEL:none\r
END:VCARD\r
BEGIN:VCARD
VERSION:2.1
N;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:M=C3=BCller;J=C3=BCrgen
TEL;HOME:0301234567
PHOTO;ENCODING=BASE64:AAAA
END:VCARD
BEGIN:VCARD
VERSION:4.0
FN:No number
END:VCARD
BEGIN:VCARD
TEL;VALUE=uri:tel:+442071838750;ext=1
END:VCARD
"""


def read(directory: Directory, sources: DataSources | None = None) -> tuple[list[tuple[str, str]], str]:
    found, problem = asyncio.run(read_contacts(directory, sources))
    return [(one.name, one.number) for one in found], problem


def test_vcards() -> None:
    found = list(from_vcard(CARDS))
    assert [(one.name, one.number, one.kind) for one in found] == [
        ("Åsa Öst", "+1 202 555-0143", "mobile"),
        ("Åsa Öst", "1003", "work"),
        ("Jürgen Müller", "0301234567", "home"),
        ("+442071838750", "+442071838750", ""),
    ]
    assert found[0].more == "Acme, Inc. · Sales"


@given(st.text(max_size=400))
def test_no_card_does_harm(text: str) -> None:
    list(from_vcard(text))
    list(from_vcard(f"BEGIN:VCARD\n{text}\nTEL:123\nEND:VCARD"))


@pytest.mark.parametrize(
    ("row", "contacts"),
    [
        ({"Name": "Bo", "Phone": "1002"}, [("Bo", "1002", "")]),
        (
            {"first_name": "Bo", "last_name": "Berg", "Mobile": "1", "work": "2"},
            [("Bo Berg", "1", "mobile"), ("Bo Berg", "2", "work")],
        ),
        ({"number": 1004}, [("1004", "1004", "")]),
        ({"name": "Nobody", "phone": "-"}, []),
        ({"value": 7}, []),
    ],
)
def test_rows_of_lists(row: dict[str, Any], contacts: list[tuple[str, str, str]]) -> None:
    assert [(one.name, one.number, one.kind) for one in from_row(row)] == contacts


def test_files_and_a_data_connection(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("name;phone\nBo;1002\n", encoding="utf-8")
    (tmp_path / "b.json").write_text(json.dumps([{"name": "Cy", "phone": "1003"}]), encoding="utf-8")
    (tmp_path / "c.vcf").write_text(CARDS, encoding="utf-8")
    (tmp_path / "d.csv").write_text("name,extension\nDi,1009\n", encoding="utf-8")
    names = [str(tmp_path / name) for name in ("a.csv", "b.json", "c.vcf")]
    sources = DataSources([DataConnection(name="staff", kind="csv", path=str(tmp_path / "d.csv"))])
    found, problem = read(Directory(files=tuple(names), data="staff"), sources)
    assert problem == ""
    assert found[:2] == [("Bo", "1002"), ("Cy", "1003")]
    assert found[-1] == ("Di", "1009")
    assert len(found) == 7


def test_what_cannot_be_read_is_said_and_the_rest_counts(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("name;phone\nBo;1002\n", encoding="utf-8")
    (tmp_path / "b.json").write_text("{", encoding="utf-8")
    (tmp_path / "c.xls").write_text("x", encoding="utf-8")
    names = [str(tmp_path / name) for name in ("gone.csv", "b.json", "c.xls", "a.csv")]
    found, problem = read(Directory(files=tuple(names), data="staff"))
    assert found == [("Bo", "1002")]
    for word in ("gone.csv", "b.json is not JSON", "c.xls", "no data source “staff”"):
        assert word in problem


def test_each_typed_word_begins_a_word() -> None:
    contacts = Contacts(
        [
            contact("Åsa Öst", "1003", more="Sales"),
            contact("Bo Berg", "+1 (202) 555-0143", more="Support, Oslo"),
        ]
    )

    def names(words: str) -> list[str]:
        return [one.name for one in contacts.find(words)]

    assert names("") == ["Åsa Öst", "Bo Berg"]
    assert names("os") == ["Åsa Öst", "Bo Berg"]
    assert names("ber supp") == ["Bo Berg"]
    assert names("erg") == []
    assert names("555-01") == ["Bo Berg"]
    assert names("ASA") == ["Åsa Öst"]


def test_a_number_is_known_in_another_form() -> None:
    contacts = Contacts([contact("Bo", "+1 (202) 555-0143"), contact("Cy", "1003")])
    assert contacts.name_of("2025550143") == "Bo"
    assert contacts.name_of("+12025550143") == "Bo"
    assert contacts.name_of("003") == ""
    assert contacts.name_of("1003") == "Cy"
    assert contacts.name_of("") == ""


def test_favourites_come_first_and_are_not_there_twice() -> None:
    listed = [contact("Al", "1"), contact("Bo", "2")]
    found = Contacts(listed, {"2": "Bo", "9": "Zed"}).find("")
    assert [(one.name, one.favourite) for one in found] == [("Bo", True), ("Zed", True), ("Al", False)]


def test_a_long_list_shows_its_beginning() -> None:
    found = Contacts([contact(f"Person {number:04}", f"1{number:04}") for number in range(1000)]).find(
        "person"
    )
    assert len(found) == MOST_FOUND
    assert found[0].name == "Person 0000"


def test_folding() -> None:
    assert (fold("ÅSA Straße"), plain_number("+49 (0)30-*1#")) == ("asa strasse", "49030*1#")
