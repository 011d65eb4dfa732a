"""SIP status codes in words a person understands (RFC 3261, 21)."""

from __future__ import annotations

from halodesk.protocol.phone_link import Fault
from halodesk.sip.phone.redirect import LOOP

HOLD_REFUSED = Fault(
    code="hold_refused",
    message="The other side did not agree to the change of hold.",
    todo="Try again in a moment.",
)

_CALL = {
    300: "The number has several addresses; the PBX must choose one.",
    301: "The number has moved.",
    302: "The number is diverted.",
    305: "The PBX wants this call to go through another server.",
    380: "The PBX offers another service instead of this call.",
    400: "The PBX does not understand this call.",
    401: "The PBX refuses calls of this account.",
    402: "The PBX wants payment for this call.",
    403: "The PBX does not allow this call.",
    404: "This number does not exist.",
    405: "The other side takes no calls.",
    406: "The other side cannot use what this phone offers.",
    407: "The PBX refuses calls of this account.",
    408: "No answer from the PBX.",
    410: "This number is no longer in use.",
    413: "The PBX finds this call's request too large.",
    414: "The PBX finds this address too long.",
    415: "The other side has no codec in common with this phone.",
    416: "The PBX does not know this kind of address.",
    420: "The PBX lacks something this phone needs for the call.",
    421: "The other side demands something this phone has not.",
    422: "The PBX wants longer session timers than this phone has.",
    423: "The PBX finds the time of this request too short.",
    428: "The PBX wants a signed caller's identity, which this phone has not.",
    433: "The other side takes no calls without a number.",
    436: "The PBX cannot check the caller's identity.",
    437: "The PBX does not believe the caller's certificate.",
    438: "The PBX does not believe the caller's identity.",
    470: "The other side has not consented to being called.",
    480: "Nobody can take the call now.",
    481: "The PBX does not know this call any more.",
    482: LOOP,
    483: "The call passes through too many servers: a diversion may be wrong.",
    484: "The number is not complete.",
    485: "The number is ambiguous.",
    486: "The line is busy.",
    487: "The call was given up before an answer.",
    488: "The other side has no codec in common with this phone.",
    489: "The PBX does not know this request.",
    491: "Both sides asked at the same moment. Try again.",
    493: "The other side cannot read this call's encryption.",
    494: "The PBX wants this call to be secured.",
    500: "The PBX failed.",
    501: "The PBX cannot do this.",
    502: "The PBX got no proper answer from the other side.",
    503: "The PBX has no line free at present.",
    504: "The PBX got no answer from the other side in time.",
    505: "The PBX speaks another version of SIP.",
    513: "The PBX finds this call's request too large.",
    580: "The other side cannot reserve what the call needs.",
    600: "All lines of the other side are busy.",
    603: "The other side declined the call.",
    604: "This number does not exist anywhere.",
    606: "The other side cannot use what this phone offers.",
    607: "The other side wants no calls of this kind.",
    608: "The call was blocked by an analysis of unwanted calls.",
}
_KINDS = {
    3: "The call was sent elsewhere",
    4: "The call was refused",
    5: "The PBX could not make the call",
    6: "The other side refused the call",
}


def call_words(code: int, phrase: str, more: str = "") -> str:
    """Why a call was refused; `phrase` and `more` (`Reason`, `Warning`) are the other side's own words."""
    known = _CALL.get(code)
    if known is None:
        kind = _KINDS.get(code // 100, "The other side refused the call")
        return f"{kind}: {more or phrase or 'no reason given'} ({code})."
    return f"{known[:-1]}: {more}." if more else known


_NO_COMMON_SOUND = frozenset({406, 415, 488, 606})
OPEN_CALL_REFUSED = "This account allows encrypted calls only (SRTP), and the other side has no encryption."


_TRANSFER = {
    403: "may not be called from here",
    404: "does not exist",
    410: "is no longer in use",
    484: "is not complete",
    486: "is busy",
    503: "cannot be reached: the PBX has no line free",
    600: "is busy",
    603: "declined the call",
    604: "does not exist",
}
_SILENT = frozenset({408, 480, 487, 504})


def transfer_words(who: str, code: int) -> str:
    """Why somebody could not be handed a call; `code` is the SIP status of his leg."""
    if code in _SILENT:
        return f"{who} did not answer."
    return f"{who} {_TRANSFER.get(code) or f'could not be reached ({code})'}."


def ended_words(
    *,
    by_us: bool,
    answered: bool,
    incoming: bool,
    code: int,
    phrase: str,
    more: str = "",
    encrypted_only: bool = False,
    elsewhere: bool = False,
) -> str:
    """Why a call is over; `encrypted_only`: its account takes none without SRTP; `more`: `call_words`.

    `elsewhere`: the PBX has said that another phone took it.
    """
    if encrypted_only and not by_us and code in _NO_COMMON_SOUND:
        return OPEN_CALL_REFUSED
    if answered:
        if code >= 300:
            return "The connection to the other side was lost."
        return "Ended here." if by_us else "Ended by the other side."
    if incoming and elsewhere:  # a CANCEL of the PBX, when all phones of a group ring
        return "Somebody else took the call."
    if incoming:
        return "Refused here." if by_us else "The caller hung up before an answer."
    return "Given up here." if by_us else call_words(code, phrase, more)


REFUSED_CREDENTIALS = frozenset({401, 403, 407})


def registration_words(code: int, user: str) -> tuple[str, str]:
    """Why a registration failed (`message`) and what to do about it (`todo`)."""
    if code in REFUSED_CREDENTIALS:
        return "wrong password", f"Check user name and password of {user} in the settings."
    if code == 404:
        return "unknown user", f"Ask the administrator of the PBX for the account {user}."
    if code == 408 or code >= 500 or code < 300:
        return "server away", "Check the network, or ask whether the PBX is running."
    return f"the PBX refuses the registration ({code})", "Ask the administrator of the PBX."
