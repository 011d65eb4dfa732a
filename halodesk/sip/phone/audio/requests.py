"""What the sound answers to each request of the seat that concerns it."""

from __future__ import annotations

from halodesk.engine.errors import PhoneRefusedError
from halodesk.protocol.phone_link import (
    CancelEcho,
    ChooseDevice,
    Meters,
    ReadMeters,
    ReadSound,
    ReadSoundFigures,
    Reply,
    SetRinging,
    SoundChanged,
    SoundState,
    TestSound,
)
from halodesk.protocol.phone_sound import Ringing
from halodesk.sip.phone.audio.sound import Sound

SoundRequest = ChooseDevice | ReadSound | ReadSoundFigures | ReadMeters | TestSound | SetRinging | CancelEcho


def reply_to(sound: Sound | None, request: SoundRequest) -> Reply:
    """Raises `PhoneRefusedError`. No `sound`: this phone is silent by setting."""
    if sound is None:
        if isinstance(request, ReadSound):
            return SoundChanged(sound=SoundState(silent=True))
        if isinstance(request, ReadMeters):
            return Meters()
        raise PhoneRefusedError("This phone works without sound devices.", "Ask IT to allow them.")
    match request:
        case ReadSound():
            return SoundChanged(sound=sound.state())
        case ReadSoundFigures(reset=reset):
            return sound.figures(reset=reset)
        case ReadMeters():
            return sound.patch.meters()
        case ChooseDevice(side=side, device=device):
            return SoundChanged(sound=sound.choose(side, device))
        case TestSound(test=test):
            return SoundChanged(sound=sound.test(test))
        case SetRinging(volume=volume, headset_too=headset_too):
            return SoundChanged(sound=sound.set_ringing(Ringing(volume=volume, headset_too=headset_too)))
        case CancelEcho(on=on):
            return SoundChanged(sound=sound.cancel_echo(on))
