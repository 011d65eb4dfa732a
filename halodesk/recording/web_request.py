"""Requests to a hosted platform, made from templates.

Rules:
- Host and scheme are written out in the settings: braces may stand only behind them. What is filled into
  an address is percent-encoded and is never a dot segment, so no value leads elsewhere. No redirect is
  followed, no proxy of the environment is used.
- https, or http on this machine.
- `{secret.NAME}` stands in headers and bodies, never in an address: addresses end up in others' logs.
- An error names the address as the settings have it, never a filled one, never a header, never a body.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from typing import Any, Literal
from urllib.parse import quote, urlsplit

import httpx
import msgspec

from halodesk.crypto import keystore
from halodesk.engine.errors import RecorderError, SettingsError
from halodesk.runtime.web_address import protected

LARGEST_ANSWER = 512 * 1024
_HOLE = re.compile(r"\{([A-Za-z0-9_.-]+)\}")
KEPT = "secret."

Values = Mapping[str, str]


class WebRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One request. `json` or `form` is its body; texts in both may have holes."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    url: str
    headers: dict[str, str] = {}
    json: Any = None
    form: dict[str, str] = {}

    @property
    def place(self) -> str:
        """The address without its query, for words."""
        return self.url.partition("?")[0]


class UnknownThereError(RecorderError):
    """404 or 410: the platform does not know this call (any more)."""


class NotSignedInError(RecorderError):
    """401: the access word has run out or is wrong."""


def check(request: WebRequest, names: frozenset[str]) -> None:
    """Raises `SettingsError` unless the request can be made with values of these names."""
    parts = urlsplit(request.url)
    if "{" in parts.netloc or not parts.hostname or parts.username or parts.fragment:
        raise SettingsError(
            f"{request.place} is no address a recorder can be asked at.",
            "Write https://HOST/PATH; the host must be written out.",
        )
    if not protected(parts.scheme, parts.hostname):
        raise SettingsError(f"{request.place} is not encrypted.", "Use an address that begins with https.")
    secret = [name for name in _HOLE.findall(request.url) if name.startswith(KEPT)]
    if secret:
        raise SettingsError("A secret must not stand in an address.", "Put it into a header or the body.")
    for name in _HOLE.findall(request.url + repr((request.headers, request.json, request.form))):
        if name not in names:
            raise SettingsError(f"{{{name}}} is filled by nothing.", f"Known: {', '.join(sorted(names))}.")
    if request.json is not None and request.form:
        raise SettingsError("A request has one body.", "Give json or form.")


def read_secrets(wanted: Mapping[str, str]) -> dict[str, str]:
    """Secrets by name: `env:VARIABLE` or `keyring:ENTRY`. Raises `SettingsError`, naming no value."""
    found: dict[str, str] = {}
    for name, where in wanted.items():
        kind, _, entry = where.partition(":")
        value = ""
        if kind == "env":
            value = os.environ.get(entry, "")
        elif kind == "keyring":
            value = keystore.kept_secret(entry)
        else:
            raise SettingsError(f"Secret “{name}” is not here.", "Write env:VARIABLE or keyring:ENTRY.")
        if not value:
            raise SettingsError(
                f"Secret “{name}” is empty or missing ({kind}).",
                "Set the variable, or run: halodesk keys secret ENTRY",
            )
        found[KEPT + name] = value
    return found


def filled(template: str, values: Values, encode: Callable[[str], str] = str) -> str:
    """The template with its holes filled. Raises `RecorderError` where a value is not there (yet)."""

    def fill(hole: re.Match[str]) -> str:
        if hole[1] not in values:
            raise RecorderError(f"The platform did not say {{{hole[1]}}}.")
        return encode(values[hole[1]])

    return _HOLE.sub(fill, template)


async def send(http: httpx.AsyncClient, request: WebRequest, values: Values, common: Values) -> Any:
    """Send it; the JSON of the answer, None where it has none.

    `common` are headers for every request. Raises `RecorderError` in words without any value in them.
    """
    headers = {name: _line(filled(text, values)) for name, text in {**common, **request.headers}.items()}
    json = _filled_json(request.json, values)
    form = {name: filled(text, values) for name, text in request.form.items()}
    url = filled(request.url, values, _segment)
    try:
        async with http.stream(request.method, url, headers=headers, json=json, data=form or None) as answer:
            return _decoded(answer.status_code, await _body(answer), request.place)
    except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as problem:
        raise RecorderError(f"{request.place} cannot be asked ({type(problem).__name__}).") from None


def _decoded(status: int, body: bytes, place: str) -> Any:
    if status == 401:
        raise NotSignedInError(f"{place} does not accept our access (401).", "Check the secret.")
    if status in (404, 410):
        raise UnknownThereError(f"{place} does not know this call ({status}).")
    if 300 <= status < 400:
        raise RecorderError(f"{place} points elsewhere ({status}); that is not followed.")
    if not 200 <= status < 300:
        raise RecorderError(f"{place} answered {status}.")
    if not body.strip():
        return None
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


async def _body(answer: httpx.Response) -> bytes:
    body = b""
    async for piece in answer.aiter_bytes():
        body += piece
        if len(body) > LARGEST_ANSWER:
            raise RecorderError("The platform's answer is far too large.")
    return body


def _filled_json(template: Any, values: Values) -> Any:
    if isinstance(template, str):
        return filled(template, values)
    if isinstance(template, list):
        return [_filled_json(item, values) for item in template]
    if isinstance(template, dict):
        return {key: _filled_json(item, values) for key, item in template.items()}
    return template


def _segment(value: str) -> str:
    if value in ("", ".", ".."):
        raise RecorderError("The platform's name for this call cannot stand in an address.")
    return quote(value, safe="")


def _line(text: str) -> str:
    if any(ord(ch) < 32 or ord(ch) > 126 for ch in text):
        raise RecorderError("A header cannot be sent: it would hold control or special characters.")
    return text
