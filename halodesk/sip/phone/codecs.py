"""Codecs of the sound: their names, the order they are offered in, and the level of G.722.

pjmedia's G.722 works with 15 bits: it doubles what it decodes, and halves what it encodes. The first decoded
sample that would clip, as loud music on hold has some, ends that for the rest of the call: from then on we
hear everybody 6 dB quieter, and they hear us 6 dB louder. So the doubling is switched off and done by the
bridge instead, which clips the one sample and goes on. Where this build of pjsua2 does not let us, G.722 is
not offered.
"""

from __future__ import annotations

import ctypes

import pjsua2 as pj

NAMES = {"pcma": "PCMA/8000", "pcmu": "PCMU/8000", "g722": "G722/16000"}

DEFAULT_CODECS = ("pcma", "pcmu")

_DOUBLED = 2.0


def level_g722() -> bool:
    """Switches the doubling off, for all calls to come; False where that cannot be. After `libStart`."""
    try:
        switch = ctypes.CDLL(str(pj._pjsua2.__file__)).pjmedia_codec_g722_set_pcm_shift
    except (OSError, AttributeError):
        return False
    switch.argtypes, switch.restype = [ctypes.c_uint], None
    switch(0)
    return True


def set_level(audio: pj.AudioMedia, codec: str) -> None:
    """What the bridge makes good for this codec; every time its media is set up."""
    g722 = codec.upper().startswith("G722")
    audio.adjustTxLevel(_DOUBLED if g722 else 1.0)  # from the stream to the bridge
    audio.adjustRxLevel(1 / _DOUBLED if g722 else 1.0)  # and back: so pjsua2 names them
