"""SIP status codes in words a person understands (RFC 3261, 21)."""

from __future__ import annotations

from halodesk.protocol.phone_link import Fault

HOLD_REFUSED = Fault(
    code="hold_refused",
    message="The other side did not agree to the change of hold.",
    todo="Try again in a moment.",
)

_CALL = {
    400: "The PBX does not understand this call.",
    401: "The PBX refuses calls of this account.",
    403: "The PBX does not allow this call.",
    404: "This number does not exist.",
    407: "The PBX refuses calls of this account.",
    408: "No answer from the PBX.",
    410: "This number is no longer in use.",
    415: "The other side has no codec in common with this phone.",
    480: "Nobody can take the call now.",
    484: "The number is not complete.",
    486: "The line is busy.",
    487: "The call was given up before an answer.",
    488: "The other side has no codec in common with this phone.",
    500: "The PBX failed.",
    502: "The PBX got no proper answer from the other side.",
    503: "The PBX has no line free at present.",
    504: "The PBX got no answer from the other side in time.",
    600: "All lines of the other side are busy.",
    603: "The other side declined the call.",
    604: "This number does not exist anywhere.",
}


def call_words(code: int, phrase: str) -> str:
    """Why a call was refused; `phrase` is what the other side itself says."""
    return _CALL.get(code) or f"The other side refused the call: {phrase or 'no reason given'} ({code})."


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
    *, by_us: bool, answered: bool, incoming: bool, code: int, phrase: str, encrypted_only: bool = False
) -> str:
    """Why a call is over; `encrypted_only`: its account takes none without SRTP."""
    if encrypted_only and not by_us and code in _NO_COMMON_SOUND:
        return OPEN_CALL_REFUSED
    if answered:
        if code >= 300:
            return "The connection to the other side was lost."
        return "Ended here." if by_us else "Ended by the other side."
    if incoming:
        return "Refused here." if by_us else "The caller hung up before an answer."
    return "Given up here." if by_us else call_words(code, phrase)


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
