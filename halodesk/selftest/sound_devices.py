"""The hidden command `halodesk sound-devices`: what Qt Multimedia sees, as one line of JSON.

A process of its own: the doctor itself is without Qt, and a sound system that hangs or crashes takes
nothing with it. Imported by name because an installation may be without this part of Qt, and that is
one of the answers.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable
from typing import Any

import msgspec

from halodesk.selftest.children import Devices


def main() -> None:
    """Write the devices, or what is missing, to standard output."""
    sys.stdout.write(msgspec.json.encode(_found()).decode() + "\n")


def _found() -> Devices:
    try:
        core = importlib.import_module("PySide6.QtCore")
        media = importlib.import_module("PySide6.QtMultimedia").QMediaDevices
    except ImportError as error:
        return Devices(missing=f"Qt Multimedia is not part of this installation ({error}).")
    application = core.QCoreApplication([])
    try:
        return Devices(
            inputs=_names(media.audioInputs(), media.defaultAudioInput()),
            outputs=_names(media.audioOutputs(), media.defaultAudioOutput()),
        )
    finally:
        application.shutdown()


def _names(listed: Iterable[Any], default: Any) -> tuple[str, ...]:
    found = [str(device.description()) for device in listed]
    first = default.description()
    return tuple(sorted(found, key=lambda name: name != first))
