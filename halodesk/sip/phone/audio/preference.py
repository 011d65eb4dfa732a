"""The devices the agent chose, kept in the data folder: `sound.json`.

The phone keeps them itself, so that one that is started anew speaks through the same headset
whoever started it.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from halodesk.protocol.phone_sound import Ringing
from halodesk.sip.phone.audio.choice import Preferred


class Preferences(msgspec.Struct, frozen=True, kw_only=True):
    """None: nobody has chosen at this seat, the settings count."""

    microphone: Preferred | None = None
    speaker: Preferred | None = None
    ringer: Preferred | None = None
    before: dict[str, tuple[Preferred, ...]] = {}
    """By side: what was chosen earlier, the latest first; used while the chosen one is not there."""
    ringing: Ringing = Ringing()
    cancel_echo: bool | None = None


def read(data_dir: Path) -> Preferences:
    """What was chosen; nothing where the file is missing or spoilt."""
    try:
        return msgspec.json.decode((data_dir / "sound.json").read_bytes(), type=Preferences)
    except (OSError, msgspec.DecodeError):
        return Preferences()


def write(data_dir: Path, preferences: Preferences) -> None:
    """Keeps what was chosen. Raises `OSError`."""
    partial = data_dir / "sound.json.new"
    handle = os.open(partial, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as out:
        out.write(msgspec.json.encode(preferences))
    partial.replace(data_dir / "sound.json")
