"""The seat's key: where it is, what that protects, and never a second one for the same database."""

from __future__ import annotations

import base64
import stat
import sys
from pathlib import Path
from typing import ClassVar

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked

from halodesk.crypto import keystore
from halodesk.crypto.keystore import KEY_BYTES, keep_secret, kept_secret, load_key
from halodesk.engine.errors import StoreKeyError


class MemoryRing(KeyringBackend):
    """A keyring in memory; `module` decides whether it counts as a safe one."""

    priority = -1
    """Below that of no keyring at all: other tests must not find this one."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}
        self.locked = False

    def get_password(self, service: str, username: str) -> str | None:
        """What was kept."""
        if self.locked:
            raise KeyringLocked("locked")
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        """Keep it."""
        self.kept[service, username] = password


class SafeRing(MemoryRing):
    """Passes for the Secret Service."""


SafeRing.__module__ = "keyring.backends.SecretService"


class PlainRing(MemoryRing):
    """What keyrings.alt offers: a text file."""


PlainRing.__module__ = "keyrings.alt.file"


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """No keyring and no passphrase."""
    monkeypatch.delenv("HALODESK_PASSPHRASE", raising=False)
    use(monkeypatch, PlainRing())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "seat"


def use(monkeypatch: pytest.MonkeyPatch, ring: KeyringBackend) -> None:
    monkeypatch.setattr(keyring, "get_keyring", lambda: ring)


def test_without_a_keyring_the_key_is_in_a_file_and_the_status_says_so(folder: Path) -> None:
    key, status = load_key(folder)
    assert len(key) == KEY_BYTES
    assert (status.place, status.strong) == ("file", False)
    assert "No keyring here" in status.message
    assert "HALODESK_PASSPHRASE" in status.message
    assert load_key(folder)[0] == key
    assert key not in (folder / "seat.key").read_bytes()


def test_a_plain_text_keyring_is_never_used(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ring = PlainRing()
    use(monkeypatch, ring)
    assert load_key(folder)[1].place == "file"
    assert ring.kept == {}


def test_a_safe_keyring_is_found_among_others(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Chainer(PlainRing):
        backends: ClassVar[list[KeyringBackend]] = [PlainRing(), SafeRing()]

    use(monkeypatch, Chainer())
    key, status = load_key(folder)
    assert (status.place, status.strong) == ("SecretService", True)
    assert "in the keyring" in status.message
    assert load_key(folder)[0] == key
    assert not (folder / "seat.key").exists()


def test_each_seat_has_a_key_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, SafeRing())
    assert load_key(tmp_path / "a")[0] != load_key(tmp_path / "b")[0]
    monkeypatch.chdir(tmp_path)
    assert load_key(Path("a"))[0] == load_key(tmp_path / "a")[0], "one folder, however it is called"


def test_a_locked_keyring_is_said_in_words(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ring = SafeRing()
    ring.locked = True
    use(monkeypatch, ring)
    with pytest.raises(StoreKeyError, match="does not give the seat's key") as caught:
        load_key(folder)
    assert "Unlock" in caught.value.todo
    assert not folder.exists(), "no second key was made"


@pytest.mark.parametrize("kept", ["not base64!", base64.b64encode(b"short").decode()])
def test_a_damaged_keyring_entry_is_said_in_words(
    folder: Path, monkeypatch: pytest.MonkeyPatch, kept: str
) -> None:
    ring = SafeRing()
    use(monkeypatch, ring)
    load_key(folder)
    ring.kept = dict.fromkeys(ring.kept, kept)
    with pytest.raises(StoreKeyError):
        load_key(folder)


def test_a_key_file_stays_in_use_when_a_keyring_appears(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the database of the days before would not open any more."""
    key, _ = load_key(folder)
    ring = SafeRing()
    use(monkeypatch, ring)
    again, status = load_key(folder)
    assert again == key
    assert status.place == "file"
    assert ring.kept == {}


def test_a_database_never_gets_a_second_key(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The keyring is away (a session over ssh), or the key file was lost."""
    folder.mkdir()
    (folder / "seat.db").write_bytes(b"encrypted")
    with pytest.raises(StoreKeyError, match=r"The key of seat\.db is not in seat\.key") as caught:
        load_key(folder)
    assert caught.value.todo
    assert not (folder / "seat.key").exists()
    ring = SafeRing()
    use(monkeypatch, ring)
    with pytest.raises(StoreKeyError, match="not in the keyring"):
        load_key(folder)
    assert ring.kept == {}


def test_a_passphrase_wraps_the_key(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALODESK_PASSPHRASE", "correct horse")
    key, status = load_key(folder)
    assert (status.place, status.strong) == ("file", True)
    assert "passphrase of this seat" in status.message
    assert not (folder / "seat.secret").exists()
    assert load_key(folder)[0] == key


def test_a_wrong_passphrase_is_said_in_words(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALODESK_PASSPHRASE", "correct horse")
    load_key(folder)
    monkeypatch.setenv("HALODESK_PASSPHRASE", "battery staple")
    with pytest.raises(StoreKeyError, match="does not open with this passphrase") as caught:
        load_key(folder)
    assert "HALODESK_PASSPHRASE" in caught.value.todo


def test_a_passphrase_that_is_not_given_is_said_in_words(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HALODESK_PASSPHRASE", "correct horse")
    load_key(folder)
    monkeypatch.delenv("HALODESK_PASSPHRASE")
    with pytest.raises(StoreKeyError, match="wrapped with a passphrase"):
        load_key(folder)
    assert not (folder / "seat.secret").exists()


@pytest.mark.parametrize("damage", [b"", b"garbage", b"\x93\xc4\x00\xc4\x00\xc4\x00"])
def test_a_damaged_key_file_is_said_in_words(folder: Path, damage: bytes) -> None:
    load_key(folder)
    (folder / "seat.key").write_bytes(damage)
    with pytest.raises(StoreKeyError):
        load_key(folder)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX modes")
def test_only_this_person_can_read_the_key(folder: Path) -> None:
    load_key(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {path.name for path in folder.iterdir()} == {"seat.key", "seat.secret"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_the_stretching_is_as_rfc_9106_recommends() -> None:
    """Argon2id, 64 MiB, 3 passes, 4 lanes: a frozen value, or old seats lose their key."""
    stretched = keystore._stretch(b"correct horse", bytes(16)).hex()
    assert stretched == "f0639f0fc96e24acb02223500138d10b4b7dfec05b21b32cfdad8e567fab4d1f"


def test_secrets_of_other_systems_are_kept_in_a_safe_keyring_only(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StoreKeyError, match="no keyring here that encrypts"):
        keep_secret("pbx", "word")
    ring = SafeRing()
    use(monkeypatch, ring)
    assert kept_secret("pbx") == ""
    keep_secret("pbx", "word")
    assert kept_secret("pbx") == "word"
    ring.locked = True
    with pytest.raises(StoreKeyError, match="does not open"):
        kept_secret("pbx")
