"""What the phone knows and who is told: the state every attached window mirrors.

A window that attaches gets the snapshot and its place among the receivers under one lock,
so it misses no notice and gets none twice. A call that ends while nobody is attached stays
on the board until the next window has seen its recording and mask windows.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from halodesk.protocol.phone_link import (
    CallChanged,
    CallInfo,
    Notice,
    Registration,
    RegistrationChanged,
    Snapshot,
    SoundChanged,
    SoundState,
)
from halodesk.sip.phone.masks import Masks

_UNSEEN_ENDED = 200

Receiver = Callable[[Notice], None]


class Board:
    """Registrations and calls by key, and the sound. All methods may be called from any thread."""

    def __init__(self, masks: Masks) -> None:
        self._lock = threading.Lock()
        self._masks = masks
        self._registrations: dict[str, Registration] = {}
        self._calls: dict[str, CallInfo] = {}
        self._sound = SoundState()
        self._unseen: deque[CallInfo] = deque(maxlen=_UNSEEN_ENDED)
        self._receivers: list[Receiver] = []

    @property
    def attended(self) -> bool:
        """Whether any window is attached."""
        with self._lock:
            return bool(self._receivers)

    def attach(self, receiver: Receiver, welcome: Callable[[Snapshot], None]) -> None:
        """Gives the snapshot to `welcome`, then every later notice to `receiver`.

        Both are called under the lock and must only enqueue.
        """
        with self._lock:
            snapshot = Snapshot(
                registrations=tuple(self._registrations.values()),
                calls=(*self._unseen, *self._calls.values()),
                leases=self._masks.state().leases,
                sound=self._sound,
            )
            welcome(snapshot)
            self._unseen.clear()
            self._receivers.append(receiver)

    def detach(self, receiver: Receiver) -> None:
        """Forgets a receiver, if it is known."""
        with self._lock:
            self._receivers = [known for known in self._receivers if known != receiver]

    def publish(self, notice: Notice, *, but: Receiver | None = None) -> None:
        """Notes the new state and tells every receiver except `but`."""
        with self._lock:
            match notice:
                case RegistrationChanged(registration=registration):
                    self._registrations[registration.account] = registration
                case CallChanged(call=call) if call.state == "ended":
                    self._calls.pop(call.key, None)
                    if not self._receivers:
                        self._unseen.append(call)
                case CallChanged(call=call):
                    self._calls[call.key] = call
                case SoundChanged(sound=sound):
                    self._sound = sound
                case _:  # the masks keep their own state; a fault is told, not kept
                    pass
            for receiver in self._receivers:
                if receiver != but:
                    receiver(notice)

    def forget_account(self, account: str) -> None:
        """Takes an account off that has been removed."""
        with self._lock:
            self._registrations.pop(account, None)
