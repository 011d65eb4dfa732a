"""Drops an ACK that belongs to no dialogue, before it can end the process.

An ACK without a tag in To belongs to a refusal and to the very transaction of its INVITE, which takes it
(RFC 3261, 17.1.1.3). One of another branch is taken by pjsip's user agent for a copy of that INVITE, which it
answers with 482 (8.2.2.2); an answer to an ACK is an assertion, and the process is gone. Two datagrams of
a peer that may ring do it, or of somebody who writes its address on them.

Rules:

1. A module of ours stands between the transactions and the user agent (pjsip's priorities 16 and 32). It
   sees what no transaction took, and swallows an ACK whose To has no tag. Nothing waits for an answer.
2. pjsua2 has no way to add a module, so it is done by the C functions that the library exports, as `codecs`
   does. `pjsip_module` is part of pjsip's public interface; the message is read by pjsua2's own
   `SipRxData`, so that no layout of pjsip's structures is guessed.
3. Where this build of pjsua2 exports none of them there is no guard, and that is logged.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from contextlib import AbstractContextManager

import pjsua2 as pj

from halodesk.sip.phone.invite import read_tags
from halodesk.sip.phone.log import Log

_PRIORITY = 24
_TAKEN, _NOT_OURS = 1, 0
_READ = "_ZN2pj9SipRxData6fromPjER13pjsip_rx_data"
"""`pj::SipRxData::fromPj(pjsip_rx_data &)`, as compilers of the Itanium ABI name it."""

_OnRequest = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)


class _Text(ctypes.Structure):
    """`pj_str_t`."""

    _fields_ = (("ptr", ctypes.c_char_p), ("slen", ctypes.c_ssize_t))


class _Module(ctypes.Structure):
    """`pjsip_module` (pjsip/sip_module.h)."""

    _fields_ = (
        ("prev", ctypes.c_void_p),
        ("next", ctypes.c_void_p),
        ("name", _Text),
        ("id", ctypes.c_int),
        ("priority", ctypes.c_int),
        ("load", ctypes.c_void_p),
        ("start", ctypes.c_void_p),
        ("stop", ctypes.c_void_p),
        ("unload", ctypes.c_void_p),
        ("on_rx_request", _OnRequest),
        ("on_rx_response", ctypes.c_void_p),
        ("on_tx_request", ctypes.c_void_p),
        ("on_tx_response", ctypes.c_void_p),
        ("on_tsx_state", ctypes.c_void_p),
    )


class StrayAcks:
    """The module. Keep it as long as the library lives; SIP thread only."""

    def __init__(self, log: Log, guard: Callable[[], AbstractContextManager[None, bool]]) -> None:
        """`guard`: keeps exceptions inside the callback (`endpoint.Guard`)."""
        self._log, self._guard = log, guard
        self._module = _Module()
        self._dropped = False

    def open(self) -> bool:
        """Puts it in front, after `libInit`; False where this build does not let us."""
        try:
            library = ctypes.CDLL(str(pj._pjsua2.__file__))
            self._info, self._from_pj = library.pjsip_rx_data_get_info, library[_READ]
            endpoint, register = library.pjsua_get_pjsip_endpt, library.pjsip_endpt_register_module
        except (OSError, AttributeError):
            self._log.warning("no_guard_of_acks")
            return False
        self._info.argtypes, self._info.restype = [ctypes.c_void_p], ctypes.c_char_p
        self._from_pj.argtypes, self._from_pj.restype = [ctypes.c_void_p, ctypes.c_void_p], None
        endpoint.argtypes, endpoint.restype = [], ctypes.c_void_p
        register.argtypes, register.restype = [ctypes.c_void_p, ctypes.c_void_p], ctypes.c_int
        module = self._module
        module.name = _Text(b"halodesk-stray-ack", len(b"halodesk-stray-ack"))
        module.id, module.priority = -1, _PRIORITY
        module.on_rx_request = _OnRequest(self._request)
        return int(register(endpoint(), ctypes.addressof(module))) == 0

    def _request(self, rdata: int) -> int:
        with self._guard():
            if b" ACK/" not in (self._info(rdata) or b""):
                return _NOT_OURS
            found = pj.SipRxData()
            self._from_pj(int(found.this), rdata)
            if read_tags(found.wholeMsg)[1]:
                return _NOT_OURS
            if not self._dropped:
                self._dropped = True  # once: a flood of them must not fill the log
                self._log.warning("stray_ack_dropped")
            return _TAKEN
        return _NOT_OURS
