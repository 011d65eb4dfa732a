"""The seat's files: what lies open is closed, what cannot be is refused in words."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from halodesk.engine.errors import SettingsError
from halodesk.runtime.private_files import close_to_others

pytestmark = pytest.mark.skipif(os.name != "posix", reason="modes of POSIX")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    seat = tmp_path / "seat"
    (seat / "recordings").mkdir(parents=True)
    for name in ("seat.db", "seat.key", "settings.json", "recordings/call.flac"):
        (seat / name).write_bytes(b"x")
        (seat / name).chmod(0o600)
    for path in (seat, seat / "recordings"):
        path.chmod(0o700)
    return seat


def test_what_is_closed_stays_as_it_is(folder: Path) -> None:
    assert close_to_others(folder) == []
    assert close_to_others(folder / "nothing") == []


def test_what_is_open_is_closed_and_named(folder: Path) -> None:
    folder.chmod(0o755)
    (folder / "seat.db").chmod(0o644)
    (folder / "recordings" / "call.flac").chmod(0o664)
    assert close_to_others(folder) == [str(folder), "seat.db", "recordings/call.flac"]
    assert mode(folder) == 0o700
    assert mode(folder / "seat.db") == 0o600
    assert mode(folder / "recordings" / "call.flac") == 0o600
    assert close_to_others(folder) == []


def test_settings_are_left_to_their_own_check(folder: Path) -> None:
    (folder / "settings.json").chmod(0o644)
    assert close_to_others(folder) == []


@pytest.mark.parametrize("name", ["seat.db", "seat.key"])
def test_a_link_instead_of_the_file(folder: Path, tmp_path: Path, name: str) -> None:
    (folder / name).rename(tmp_path / "elsewhere")
    (folder / name).symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").chmod(0o644)
    with pytest.raises(SettingsError, match="is a link"):
        close_to_others(folder)
    assert mode(tmp_path / "elsewhere") == 0o644, "nothing behind a link is touched"


def test_a_link_among_recordings_is_not_followed(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"x")
    other.chmod(0o644)
    (folder / "recordings" / "link").symlink_to(other)
    assert close_to_others(folder) == []
    assert mode(other) == 0o644


def test_what_is_somebody_elses_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "seat.db").chmod(0o644)

    def not_ours(path: Path, mode: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "chmod", not_ours)
    with pytest.raises(SettingsError, match=r"Others can read .*seat\.db"):
        close_to_others(folder)
