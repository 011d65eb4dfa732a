"""Links that name somebody to call: tel (RFC 3966), sip and sips (RFC 3261, 19.1), callto (no standard).

Rules:
- A link comes from a web page or a mail: a stranger wrote it. What is not plainly a number or an
  address is refused in words, and nothing is guessed or repaired.
- A link says whom to call and nothing else. Headers of the INVITE (`?Replaces=…`), where to send it
  (`maddr`, `method`, `route`), passwords and control signs are refused, also percent-encoded: what
  comes out here is checked after decoding, and is decoded once.
- An extension or tones to be sent later are told to a person; they are never part of the number.
- Nothing is dialled here, and `may_dial` is False for what must never be dialled by a click alone:
  emergency numbers of any country, and numbers with `*` or `#`, which command a PBX.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Literal, get_args
from urllib.parse import unquote

import msgspec
import phonenumbers

from halodesk.engine.errors import LinkError

MOST = 512
"""Signs of a link. The longest number and address with every parameter fit three times."""

Scheme = Literal["tel", "sip", "sips", "callto"]
SCHEMES: tuple[Scheme, ...] = get_args(Scheme)

_SHOWN = 60
_CONTROL = re.compile(r"[\x00-\x20\x7f-\x9f\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff]")
_GLOBAL = re.compile(r"\+[0-9]{1,20}")
_LOCAL = re.compile(r"[0-9*#]{1,40}")
_LATER = re.compile(r"[0-9*#A-Da-dpwPW]{1,40}")
_SEPARATORS = re.compile(r"[-.() ]")
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST = re.compile(rf"(?:{_LABEL}\.)*{_LABEL}\.?|\[[0-9A-Fa-f:.]{{2,45}}\]")
_CONTEXT = re.compile(rf"\+[0-9]{{1,15}}|(?:{_LABEL}\.)*{_LABEL}\.?")
_USER = re.compile(r"[A-Za-z0-9_.!~*'()&=+$#-]{1,64}")
_PORT = re.compile(r"[0-9]{1,5}")
_SIP_PARAMETERS = {"user": frozenset({"phone", "ip"}), "transport": frozenset({"udp", "tcp", "tls"})}


class DialLink(msgspec.Struct, frozen=True, kw_only=True):
    """What a link asks for. `to` is what belongs into the dial line; `note` is for the agent."""

    scheme: Scheme
    to: str
    number: str = ""
    """Digits of `to`, where it is a telephone number or the SIP address of one."""
    host: str = ""
    """Of a SIP address."""
    note: str = ""
    may_dial: bool = True
    """False: never dialled by a click alone, whatever the settings say."""


def parse(text: str) -> DialLink:
    """The link of a command line or a desktop. Raises `LinkError` that says what is wrong with it."""
    text = text.strip(" \t\r\n")
    if len(text) > MOST:
        raise LinkError(f"The link is too long ({len(text)} signs; {MOST} are the most).")
    given, _, rest = text.partition(":")
    scheme = next((known for known in SCHEMES if known == given.lower() and ":" in text), None)
    if scheme is None:
        raise LinkError(
            f"“{shown(text)}” is not a link to a telephone.", "Links begin with tel:, sip:, sips: or callto:."
        )
    rest = rest.removeprefix("//")
    if _CONTROL.search(rest.replace(" ", "")):
        raise LinkError("The link holds control signs and is not used.")
    if scheme in ("sip", "sips"):
        return _sip(scheme, rest)
    if scheme == "callto":
        return _callto(rest)
    return _tel("tel", rest)


def shown(text: str) -> str:
    """A stranger's text for one line of ours: no control signs, not long."""
    plain = _CONTROL.sub(" ", text)
    return plain if len(plain) <= _SHOWN else plain[:_SHOWN] + "…"


@cache
def _regions() -> tuple[str, ...]:
    return tuple(sorted(phonenumbers.SUPPORTED_SHORT_REGIONS))


def is_emergency_somewhere(digits: str) -> bool:
    """Whether any country calls for help by this number (libphonenumber's tables)."""
    if not 2 <= len(digits) <= 6 or not digits.isascii() or not digits.isdigit():
        return False
    return any(phonenumbers.is_emergency_number(digits, region) for region in _regions())


def _callto(rest: str) -> DialLink:
    plain = _decoded(rest)
    if "@" in plain:
        found = _sip("sip", rest)
        return msgspec.structs.replace(found, scheme="callto")
    return _tel("callto", rest.removesuffix("/"))


def _tel(scheme: Scheme, rest: str) -> DialLink:
    first, *parameters = rest.split(";")
    number = _SEPARATORS.sub("", _decoded(first))
    if not (_GLOBAL.fullmatch(number) or _LOCAL.fullmatch(number)):
        raise LinkError(
            f"“{shown(_decoded(first))}” is not a telephone number.",
            "Type the number by hand if you trust the page.",
        )
    values = _parameters(parameters)
    for name in values:
        if name.startswith("m-"):  # RFC 3966, 3: mandatory. All others that are unknown are passed over.
            raise LinkError(f"The link demands “{shown(name)}”, which HaloDesk does not know.")
    notes = []
    if (context := values.get("phone-context", "")) != "":
        if not _CONTEXT.fullmatch(context):
            raise LinkError(f"The link's phone-context “{shown(context)}” is neither a prefix nor a domain.")
        if not number.startswith("+"):
            notes.append(f"A number within {context}.")
    for name, words in (("ext", "Extension {later}."), ("postd", "After the answer: {later}.")):
        if (later := _SEPARATORS.sub("", values.get(name, ""))) != "":
            if not _LATER.fullmatch(later):
                raise LinkError(f"The link's {name} “{shown(later)}” is no row of digits.")
            notes.append(words.format(later=later))
    return DialLink(scheme=scheme, to=number, number=number, note=" ".join(notes), may_dial=_harmless(number))


def _sip(scheme: Scheme, rest: str) -> DialLink:
    if "?" in rest:
        raise LinkError("The link wants to set headers of the call and is not used.")
    address, *parameters = rest.split(";")
    user, at, where = address.rpartition("@")
    if not at and (_GLOBAL.fullmatch(where) or _LOCAL.fullmatch(where)):
        return _tel(scheme, rest)  # `sip:1001`, as many pages have it
    host, port = _host(where)
    if ":" in user:
        raise LinkError("The link holds a password and is not used.")
    user = _decoded(user)
    if at and not _USER.fullmatch(user):
        raise LinkError(f"“{shown(user)}” is no user of a SIP address.")
    values = _parameters(parameters)
    for name, value in values.items():
        if name not in _SIP_PARAMETERS or value.lower() not in _SIP_PARAMETERS[name]:
            raise LinkError(f"The link sets “{shown(name)}” of the call and is not used.")
    kept = "".join(f";{name}={value.lower()}" for name, value in values.items() if name != "user")
    to = f"{scheme}:{user.replace('#', '%23')}{at}{host}{port}{kept}"
    digits = _SEPARATORS.sub("", user)
    number = digits if _GLOBAL.fullmatch(digits) or _LOCAL.fullmatch(digits) else ""
    return DialLink(scheme=scheme, to=to, number=number, host=host.lower(), may_dial=_harmless(number))


def _host(where: str) -> tuple[str, str]:
    """Host and `:port` of `host[:port]`."""
    tail = where.rpartition("]")[2] if where.startswith("[") else where
    host, colon, port = where, "", ""
    if ":" in tail:
        host, colon, port = where.rpartition(":")
    if not _HOST.fullmatch(host) or len(host) > 253:
        raise LinkError(f"“{shown(host)}” is no computer's name.")
    if colon and (not _PORT.fullmatch(port) or not 0 < int(port) < 65_536):
        raise LinkError(f"“{shown(port)}” is no port.")
    return host, colon + port


def _parameters(parts: list[str]) -> dict[str, str]:
    """`name=value` pairs with lower-case names; one that stands twice is refused (RFC 3966, 3)."""
    found: dict[str, str] = {}
    for part in parts:
        name, _, value = part.partition("=")
        name = name.lower()
        if not re.fullmatch(r"[a-z0-9-]{1,40}", name) or name in found:
            raise LinkError(f"The link's “{shown(part)}” cannot be read.")
        found[name] = _decoded(value)
    return found


def _decoded(text: str) -> str:
    """Percent signs decoded, once. Raises `LinkError` for what then is no plain text."""
    try:
        plain = unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise LinkError("The link holds signs that cannot be read.") from None
    if _CONTROL.search(plain.replace(" ", "")) or re.search(r"%[0-9A-Fa-f]{2}", plain):
        raise LinkError("The link hides signs behind percent signs and is not used.")
    return plain


def _harmless(number: str) -> bool:
    return not any(sign in number for sign in "*#") and not is_emergency_somewhere(number)
