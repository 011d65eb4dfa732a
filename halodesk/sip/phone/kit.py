"""What every call of this phone works with."""

from __future__ import annotations

from pathlib import Path

import msgspec

from halodesk.crypto.recording_key import RecordingLock
from halodesk.sip.phone.audio.bridge import Bridges, LineFactory
from halodesk.sip.phone.board import Board
from halodesk.sip.phone.endpoint import SipThread
from halodesk.sip.phone.masks import Masks
from halodesk.sip.phone.recorder import GUARD_S
from halodesk.sip.phone.tape import Tape


class CallKit(msgspec.Struct, frozen=True):
    """Shared by all calls; made once."""

    sip: SipThread
    bridges: Bridges
    board: Board
    masks: Masks
    line: LineFactory
    recordings: Path | None
    """Folder of the recordings; None: nothing is recorded."""
    guard_s: float = GUARD_S
    lock: RecordingLock | None = None
    """Seals the recordings' keys; None: the files are plain."""
    tapes: dict[str, Tape] = msgspec.field(default_factory=dict)
    """The tapes of the calls that are recorded, by key."""
