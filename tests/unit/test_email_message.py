"""Letters: what goes into one, and what never does."""

from __future__ import annotations

from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import msgspec
import pytest

from halodesk.connectors.email.message import checked_address, compose, wire
from halodesk.connectors.email.provider import MailAccount
from halodesk.engine.errors import SettingsError

ACCOUNT = MailAccount(
    provider="smtp", sender="orders@shop.example", sender_name="Møbel & “Co”", host="mail.example"
)


class Mail(msgspec.Struct, frozen=True, kw_only=True):
    provider: str = "default"
    to: tuple[str, ...] = ("jordan@example.com",)
    subject: str = "Your order"
    text: str = "Thank you.\n.\nFrom here on."
    html: str = ""
    attachments: tuple[str, ...] = ()


def parsed(mail: Mail, account: MailAccount = ACCOUNT, key: str = "s\0k") -> EmailMessage:
    raw = wire(compose(mail, account, key=key, now=1_800_000_000))
    raw.decode("ascii")
    assert b"\n" not in raw.replace(b"\r\n", b"")
    found = message_from_bytes(raw, policy=policy.default)
    assert isinstance(found, EmailMessage)
    assert not found.defects
    return found


def test_a_letter_says_what_it_was_told() -> None:
    found = parsed(
        Mail(to=("a@example.com", "b@bücher.example"), subject="Größe – 10 €", html="<p>Thank <b>you</b></p>")
    )
    assert found["From"].addresses[0].display_name == "Møbel & “Co”"
    assert found["From"].addresses[0].addr_spec == "orders@shop.example"
    assert [one.addr_spec for one in found["To"].addresses] == ["a@example.com", "b@xn--bcher-kva.example"]
    assert found["Subject"] == "Größe – 10 €"
    assert found["Auto-Submitted"] == "auto-generated"
    plain, html = found.get_body(("plain",)), found.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert plain.get_content().replace("\r\n", "\n") == "Thank you.\n.\nFrom here on.\n"
    assert "<b>you</b>" in html.get_content()


def test_the_message_id_is_the_keys_and_tells_nothing() -> None:
    ids = {parsed(Mail(), key=key)["Message-ID"] for key in ("s\0k", "s\0k", "s\0other")}
    assert len(ids) == 2
    assert all(one.endswith("@shop.example>") for one in ids)


BREAKS = ["\r\nBcc: spy@evil.example", "\nBcc: spy@evil.example", "\rX", "\x00", "\x0b", "\u2028", "\x85"]


@pytest.mark.parametrize("more", BREAKS)
def test_nothing_begins_another_header(more: str) -> None:
    for mail, account in (
        (Mail(to=(f"jordan@example.com{more}",)), ACCOUNT),
        (Mail(to=(f"jor{more}dan@example.com",)), ACCOUNT),
        (Mail(subject=f"Your order{more}"), ACCOUNT),
        (Mail(), msgspec.structs.replace(ACCOUNT, sender_name=f"Shop{more}")),
        (Mail(), msgspec.structs.replace(ACCOUNT, sender=f"orders@shop.example{more}")),
        (Mail(attachments=(f"a{more}.txt",)), msgspec.structs.replace(ACCOUNT, attachments="/")),
    ):
        with pytest.raises(SettingsError) as caught:
            compose(mail, account, key="k", now=0)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "address",
    ["", "jordan", "@example.com", "jordan@", "a@b@c", "a b@example.com", "a@example.com, b@example.com",
     "Jordan <a@example.com>", '"a b"@example.com', "a@[127.0.0.1]", "a..b@example.com", "a@example..com",
     ".a@example.com", "a.@example.com", "ä@example.com", "x" * 65 + "@example.com",
     "a@" + "x" * 64 + ".com"],
)  # fmt: skip
def test_what_is_no_plain_address_is_refused(address: str) -> None:
    with pytest.raises(SettingsError, match="no mail address"):
        checked_address(address)


@pytest.mark.parametrize(
    "mail",
    [Mail(to=()), Mail(to=tuple(f"a{n}@example.com" for n in range(21))), Mail(subject="x" * 501),
     Mail(text="x" * 600_000), Mail(text="a\0b")],
)  # fmt: skip
def test_what_is_too_much_is_refused(mail: Mail) -> None:
    with pytest.raises(SettingsError):
        compose(mail, ACCOUNT, key="k", now=0)


def test_the_same_address_twice_is_one_letter() -> None:
    assert compose(Mail(to=("a@example.com", "a@example.com")), ACCOUNT, key="k", now=0).to == (
        "a@example.com",
    )


def test_attachments_come_from_the_folder_only(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "terms.pdf").write_bytes(b"%PDF\x00\xff")
    (tmp_path / "seat.key").write_bytes(b"key")
    (folder / "link.txt").symlink_to(tmp_path / "seat.key")
    (folder / ".hidden").write_bytes(b"x")
    (folder / "sub").mkdir()
    account = msgspec.structs.replace(ACCOUNT, attachments=str(folder))
    (file,) = parsed(Mail(attachments=("terms.pdf",)), account).iter_attachments()
    assert file.get_filename() == "terms.pdf"
    assert file.get_content() == b"%PDF\x00\xff"
    for name in (
        "../seat.key",
        str(tmp_path / "seat.key"),
        "..\\seat.key",
        "link.txt",
        ".hidden",
        "sub",
        "",
        "none.txt",
    ):
        with pytest.raises(SettingsError, match="no file"):
            compose(Mail(attachments=(name,)), account, key="k", now=0)
    with pytest.raises(SettingsError, match="no file"):
        compose(Mail(attachments=("terms.pdf",)), ACCOUNT, key="k", now=0)
    with (folder / "huge.bin").open("wb") as out:
        out.truncate(11 << 20)
    with pytest.raises(SettingsError, match="larger than 10 MB"):
        compose(Mail(attachments=("huge.bin",)), account, key="k", now=0)


def test_no_repr_shows_a_letter_or_a_password() -> None:
    letter = compose(Mail(), ACCOUNT, key="k", now=0)
    account = msgspec.structs.replace(ACCOUNT, username="u", secret="pa55word")
    assert "jordan" not in repr(letter)
    assert "pa55word" not in repr(account)
