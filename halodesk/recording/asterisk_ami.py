"""The control `ami`: settings of an Asterisk's manager interface."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any

import msgspec

from halodesk.recording.ami import AmiAccess
from halodesk.recording.asterisk import AmiRecorderControl
from halodesk.recording.control import ControlType, Surroundings, parsed


class AmiSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`expects_recording`: the PBX is known to record these calls, so finding nothing to mask fails.

    `tls`: the manager interface speaks TLS with a certificate this computer believes.
    """

    host: str
    port: int = 5038
    username: str = ""
    secret: str = ""
    expects_recording: bool = True
    tls: bool = False


def _build(settings: Mapping[str, Any], surroundings: Surroundings) -> AmiRecorderControl:
    found = parsed(CONTROL.key, settings, AmiSettings)
    return AmiRecorderControl(
        AmiAccess(host=found.host, port=found.port, username=found.username, secret=found.secret),
        expects_recording=found.expects_recording,
        on_changed=surroundings.on_changed,
        timeout_s=surroundings.timeout_s,
        tls=ssl.create_default_context() if found.tls else None,
    )


def _peer(settings: Mapping[str, Any]) -> tuple[str, int]:
    found = parsed(CONTROL.key, settings, AmiSettings)
    return found.host, found.port


CONTROL = ControlType(key="ami", build=_build, peer=_peer)
