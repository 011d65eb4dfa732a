"""Watches a PulseAudio server for devices that go, where there is one (PipeWire speaks the same).

See rule 3 of `qt_backend`. A thread of its own, since the client library blocks.

A server that ends takes all its devices along, at once: Qt keeps them in its list, and opening one
then aborts the process. One that comes back is trusted after `TRUST_S`, when Qt has found it, too.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any

RETRY_S = 2.0
TRUST_S = 3.0
LISTEN_S = 0.2
"""At most this long it hears nothing of being asked to stop."""


class PulseWatch:
    """Knows which devices are there no more. Where there is no such server it knows of none."""

    def __init__(self, on_change: Callable[[], None]) -> None:
        """`on_change` is called on the watch's thread."""
        self._on_change = on_change
        self._lock = threading.Lock()
        self._here: frozenset[str] | None = None
        self._same_names = False
        self._leaving = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pulse-watch", daemon=True)

    def start(self) -> None:
        """Begins to watch."""
        if sys.platform == "linux":
            self._thread.start()

    def stop(self) -> None:
        """Ends the watch."""
        self._leaving.set()
        if self._thread.is_alive():
            self._thread.join(2 * LISTEN_S)

    def gone(self, names: Iterable[str]) -> frozenset[str]:
        """Those of `names` that are not there, once it is sure that the server calls them the same."""
        told = frozenset(names)
        with self._lock:
            here = self._here
            if here is None:
                return frozenset()
            self._same_names = self._same_names or bool(told & here)
            return told - here if self._same_names else frozenset()

    def _run(self) -> None:
        import pulsectl

        while not self._leaving.is_set():
            with contextlib.suppress(pulsectl.PulseError, pulsectl.PulseDisconnected):
                self._watch(pulsectl)
            if self._here is not None:
                self._note(frozenset())
            self._leaving.wait(RETRY_S)

    def _watch(self, library: Any) -> None:
        def stop(_event: object) -> None:
            raise library.PulseLoopStop

        with library.Pulse("halodesk-watch", connect=False) as pulse:
            pulse.connect(autospawn=False)
            if self._here is not None:
                self._leaving.wait(TRUST_S)
            pulse.event_mask_set("sink", "source", "server")
            pulse.event_callback_set(stop)
            while not self._leaving.is_set():
                self._look(pulse)
                pulse.event_listen(timeout=LISTEN_S)

    def _look(self, pulse: Any) -> None:
        self._note(frozenset(found.name for found in (*pulse.source_list(), *pulse.sink_list())))

    def _note(self, here: frozenset[str]) -> None:
        with self._lock:
            changed = here != self._here
            self._here = here
        if changed:
            self._on_change()
