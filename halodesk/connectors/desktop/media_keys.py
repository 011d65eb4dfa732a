"""Media keys and headset buttons on Linux: during a call HaloDesk is a media player (MPRIS 2.2).

Desktops hand play, pause and stop (of keyboards, and of Bluetooth headsets by AVRCP) to media players
on the session bus. The player is there only while a call rings or is up, so that the keys belong to
music the rest of the time. It tells nothing of the caller: every program of this person can read it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Annotated, Literal

import structlog
from dbus_fast import Variant
from dbus_fast.annotations import (
    DBusBool,
    DBusDict,
    DBusDouble,
    DBusInt64,
    DBusObjectPath,
    DBusSignature,
    DBusStr,
)
from dbus_fast.constants import PropertyAccess
from dbus_fast.service import ServiceInterface, dbus_method, dbus_property

from halodesk.connectors.desktop.session_bus import SessionBus

MediaKey = Literal["play_pause", "play", "pause", "stop", "raise"]
CallPhase = Literal["none", "ringing", "open", "muted"]
"""`none`: no call that keys could mean. `muted`: connected, the microphone is off."""

_PATH = "/org/mpris/MediaPlayer2"
_READ = PropertyAccess.READ
_STATUS = {"none": "Stopped", "ringing": "Paused", "open": "Playing", "muted": "Paused"}
_Strings = Annotated[list[str], DBusSignature("as")]
_Nothing = Annotated[None, DBusSignature("")]
_log = structlog.get_logger("desktop")


class _Root(ServiceInterface):
    def __init__(self, pressed: Callable[[MediaKey], None]) -> None:
        super().__init__("org.mpris.MediaPlayer2")
        self._pressed = pressed

    @dbus_method()
    def Raise(self) -> _Nothing:  # a name of the bus
        self._pressed("raise")

    @dbus_method()
    def Quit(self) -> _Nothing:
        """CanQuit is false."""

    @dbus_property(access=_READ)
    def Identity(self) -> DBusStr:
        return "HaloDesk"

    @dbus_property(access=_READ)
    def DesktopEntry(self) -> DBusStr:
        return "halodesk"

    @dbus_property(access=_READ)
    def CanRaise(self) -> DBusBool:
        return True

    @dbus_property(access=_READ)
    def CanQuit(self) -> DBusBool:
        return False

    @dbus_property(access=_READ)
    def HasTrackList(self) -> DBusBool:
        return False

    @dbus_property(access=_READ)
    def SupportedUriSchemes(self) -> _Strings:
        return []

    @dbus_property(access=_READ)
    def SupportedMimeTypes(self) -> _Strings:
        return []


class _Player(ServiceInterface):
    def __init__(self, pressed: Callable[[MediaKey], None]) -> None:
        super().__init__("org.mpris.MediaPlayer2.Player")
        self._pressed = pressed
        self.phase: CallPhase = "none"

    @dbus_method()
    def PlayPause(self) -> _Nothing:
        self._pressed("play_pause")

    @dbus_method()
    def Play(self) -> _Nothing:
        self._pressed("play")

    @dbus_method()
    def Pause(self) -> _Nothing:
        self._pressed("pause")

    @dbus_method()
    def Stop(self) -> _Nothing:
        self._pressed("stop")

    @dbus_method()
    def Next(self) -> _Nothing:
        """CanGoNext is false."""

    @dbus_method()
    def Previous(self) -> _Nothing:
        """CanGoPrevious is false."""

    @dbus_method()
    def Seek(self, offset: DBusInt64) -> _Nothing:
        """CanSeek is false."""

    @dbus_method()
    def SetPosition(self, track: DBusObjectPath, position: DBusInt64) -> _Nothing:
        """CanSeek is false."""

    @dbus_property(access=_READ)
    def PlaybackStatus(self) -> DBusStr:
        return _STATUS[self.phase]

    @dbus_property(access=_READ)
    def Metadata(self) -> DBusDict:
        track = Variant("o", "/com/halodesk/call")
        return {"mpris:trackid": track, "xesam:title": Variant("s", "HaloDesk: call")}

    @dbus_property(access=_READ)
    def Rate(self) -> DBusDouble:
        return 1.0

    @dbus_property(access=_READ)
    def MinimumRate(self) -> DBusDouble:
        return 1.0

    @dbus_property(access=_READ)
    def MaximumRate(self) -> DBusDouble:
        return 1.0

    @dbus_property(access=_READ)
    def Volume(self) -> DBusDouble:
        return 1.0

    @dbus_property(access=_READ)
    def Position(self) -> DBusInt64:
        return 0

    @dbus_property(access=_READ)
    def CanGoNext(self) -> DBusBool:
        return False

    @dbus_property(access=_READ)
    def CanGoPrevious(self) -> DBusBool:
        return False

    @dbus_property(access=_READ)
    def CanPlay(self) -> DBusBool:
        return True

    @dbus_property(access=_READ)
    def CanPause(self) -> DBusBool:
        return True

    @dbus_property(access=_READ)
    def CanSeek(self) -> DBusBool:
        return False

    @dbus_property(access=_READ)
    def CanControl(self) -> DBusBool:
        return True


class MediaKeys:
    """The player. `pressed` is called on the io thread."""

    def __init__(self, bus: SessionBus, pressed: Callable[[MediaKey], None]) -> None:
        self._bus = bus
        self._root, self._player = _Root(pressed), _Player(pressed)
        self._name = f"org.mpris.MediaPlayer2.halodesk.instance{os.getpid()}"
        self._exported = self._owns = False

    async def follow(self, phase: CallPhase) -> None:
        """A call rings, is up, or is over. Raises `DesktopError` where there is no bus."""
        if phase == self._player.phase:
            return
        bus = await self._bus.connect()
        if not self._exported:
            bus.export(_PATH, self._root)
            bus.export(_PATH, self._player)
            self._exported = True
        self._player.phase = phase
        if phase == "none":
            self._owns = False
            await bus.release_name(self._name)
        elif not self._owns:
            self._owns = True
            await bus.request_name(self._name)
        self._player.emit_properties_changed({"PlaybackStatus": _STATUS[phase]})
        _log.info("media_keys", state=phase)
