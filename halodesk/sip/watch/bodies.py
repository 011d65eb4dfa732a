"""What notifications say: dialogs of somebody (RFC 4235), and the state of a mailbox (RFC 3842)."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

from halodesk.runtime.agent_ports import Lamp, Mailbox

_NAMESPACE = "{urn:ietf:params:xml:ns:dialog-info}"
_COUNT = re.compile(r"^\s*(\d{1,6})\s*/\s*(\d{1,6})")
MOST_DIALOGS = 100


class Dialogs:
    """The dialogs of one number, as its notifications tell them."""

    def __init__(self, call_id: str) -> None:
        """`call_id`: of the subscription that tells; another one counts its notifications anew."""
        self.call_id = call_id
        self._version = -1
        self._states: dict[str, Lamp] = {}

    def told(self, body: bytes) -> Lamp | None:
        """The lamp after this notification; None: it says nothing that can be read, or it came too late."""
        if b"<!" in body.replace(b"<!--", b""):
            return None  # a document type could make much of little
        try:
            root = ElementTree.fromstring(body)  # noqa: S314  # without document type there are no entities
        except ElementTree.ParseError:
            return None
        version = root.get("version", "")
        if root.tag != f"{_NAMESPACE}dialog-info" or not version.isdecimal() or len(version) > 10:
            return None
        if int(version) <= self._version:
            return None
        self._version = int(version)
        if root.get("state") != "partial":
            self._states.clear()
        for number, dialog in enumerate(root.findall(f"{_NAMESPACE}dialog")[:MOST_DIALOGS]):
            state = (dialog.findtext(f"{_NAMESPACE}state") or "").strip().lower()
            self._states[dialog.get("id") or str(number)] = _lamp(state, dialog.get("direction", ""))
        return self.lamp

    @property
    def lamp(self) -> Lamp:
        """On a call before ringing before free."""
        states = self._states.values()
        return "talking" if "talking" in states else "ringing" if "ringing" in states else "idle"


def _lamp(state: str, direction: str) -> Lamp:
    if state == "confirmed":
        return "talking"
    if state in ("trying", "proceeding", "early"):
        return "talking" if direction == "initiator" else "ringing"
    return "idle"


def read_mailbox(body: bytes) -> Mailbox | None:
    """The voice messages of a mailbox; None: it does not say."""
    values: dict[str, str] = {}
    for line in body.decode("utf-8", "replace").splitlines()[:50]:
        name, colon, value = line.partition(":")
        if colon:
            values.setdefault(name.strip().lower(), value.strip())
    waiting = values.get("messages-waiting", "").lower()
    if waiting not in ("yes", "no"):
        return None
    count = _COUNT.match(values.get("voice-message", ""))
    new, old = (int(count[1]), int(count[2])) if count else (0, 0)
    return Mailbox(waiting=waiting == "yes", new=new, old=old)
