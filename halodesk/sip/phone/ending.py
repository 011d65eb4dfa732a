"""What becomes of a recording: where it lies, trouble with its disk, the one word of its end."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from halodesk.crypto.recording_file import SUFFIX
from halodesk.protocol.phone_link import CallChanged, CallInfo, Fault, Recording
from halodesk.sip.phone.board import Board
from halodesk.sip.phone.log import Log


class Ending:
    """Tells the end of a recorded call once: with the closed file, or in time without it."""

    def __init__(self, board: Board, log: Log, info: CallInfo) -> None:
        self._board, self._log = board, log
        self._info = info
        self._lock = threading.Lock()
        self._told = False

    def closed(self, recording: Recording) -> None:
        """The file is complete; writer thread."""
        self._log.info(
            "recording_closed",
            call=self._info.key,
            path=recording.path,
            samples=recording.samples,
            windows=len(recording.windows),
            lost=recording.lost_frames,
        )
        self._tell(msgspec.structs.replace(self._info, recording=recording))

    def publish(self) -> None:
        """The disk takes too long; SIP thread."""
        self._tell(self._info)

    def _tell(self, info: CallInfo) -> None:
        with self._lock:
            if self._told:
                return
            self._told = True
        self._board.publish(CallChanged(call=info))


def trouble_teller(board: Board, log: Log, call: str) -> Callable[[str], None]:
    """Tells disk trouble. Must not hold the call: the recorder may outlive pjsua2."""

    def tell(text: str) -> None:
        log.error("recording_trouble", call=call, error=text)
        board.publish(
            Fault(
                code="recording_trouble",
                message=f"{text} The call goes on; its recording has a silent gap.",
                todo="Free space on the disk of the recordings.",
            )
        )

    return tell


def recording_path(folder: Path, *, sealed: bool) -> Path:
    """A new name that says when, and nothing about who."""
    suffix = SUFFIX if sealed else ".flac"
    return folder / f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:12]}{suffix}"
