"""Script text: `{{ name }}` through an immutable Jinja2 sandbox, Markdown to safe HTML.

Rules:
- A value is text: Markdown and HTML inside it are escaped, so that a caller named
  `[x](http://…)` stays a name.
- A missing variable shows as a visible gap, never as nothing and never as an error in the
  middle of a call.
- No raw HTML, no images and no links other than https, tel and mailto come out of the
  flow's own text.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

import phonenumbers
from babel.dates import format_date
from jinja2 import Template, TemplateSyntaxError, Undefined
from jinja2.exceptions import TemplateError as JinjaError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markdown_it import MarkdownIt
from markupsafe import Markup

from halodesk.engine.conditions import is_empty
from halodesk.engine.errors import TemplateError
from halodesk.engine.money import to_minor, words

GAP = "⟨{name}⟩"
"""How a missing value looks; the page styles it so that it cannot be overlooked."""

_MARKDOWN_SIGNS = re.compile(r"([\\`*_{}\[\]()#+\-.!|~<>&:\"'@/])")


class _Gap(Undefined):
    """A missing variable: shows its name, and so does every attribute of it."""

    def __str__(self) -> str:
        return str(GAP.format(name=self._undefined_name or "?"))

    def __html__(self) -> str:
        return str(self)

    def __getattr__(self, name: str) -> _Gap:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Gap(name=f"{self._undefined_name}.{name}")


def _plain(value: Any) -> str:
    """A value as Markdown that renders to exactly its own characters."""
    return "".join(
        f"&#{ord(found)};" if _MARKDOWN_SIGNS.match(found) else found
        for found in re.sub(r"\s+", " ", str(value))
    )


def _finalize(value: Any) -> Any:
    """Every value that a text shows passes here; `_plain` leaves nothing that could be markup."""
    if isinstance(value, Undefined | Markup):
        return Markup(str(value))  # noqa: S704  # a gap, or text that was made safe here before
    if value is None:
        return Markup(GAP.format(name="empty"))  # noqa: S704  # constant
    if value is True or value is False:
        return Markup("yes" if value else "no")  # noqa: S704  # constant
    return Markup(_plain(value))  # noqa: S704  # every sign is a character reference now


def _currency(value: Any, currency: str = "USD") -> str:
    try:
        return words(to_minor(value, currency), currency)
    except ValueError:
        return str(value)


def _minor(value: Any, currency: str = "USD") -> str:
    try:
        return words(int(Decimal(str(value))), currency)
    except (InvalidOperation, ValueError):
        return str(value)


def _date(value: Any) -> str:
    try:
        return format_date(date.fromisoformat(str(value)[:10]), "long", locale="en_US")
    except ValueError:
        return str(value)


def _phone(value: Any) -> str:
    try:
        number = phonenumbers.parse(str(value), "US")
    except phonenumbers.NumberParseException:
        return str(value)
    national = number.country_code == 1
    style = (
        phonenumbers.PhoneNumberFormat.NATIONAL if national else phonenumbers.PhoneNumberFormat.INTERNATIONAL
    )
    return phonenumbers.format_number(number, style)


def _default(value: Any, other: Any = "") -> Any:
    return other if isinstance(value, Undefined) or is_empty(value) else value


def _environment() -> ImmutableSandboxedEnvironment:
    env = ImmutableSandboxedEnvironment(undefined=_Gap, finalize=_finalize, autoescape=True)
    env.filters = {
        "currency": _currency,
        "minor": _minor,
        "date": _date,
        "phone": _phone,
        "upper": lambda value: value if isinstance(value, Undefined) else str(value).upper(),
        "default": _default,
    }
    env.globals = {}
    return env


_env = _environment()
_markdown = MarkdownIt("commonmark", {"html": False, "linkify": False}).enable("table").disable("image")
_SAFE_LINK = re.compile(r"(https://|tel:|mailto:)", re.IGNORECASE)
_markdown.validateLink = lambda url: _SAFE_LINK.match(url) is not None  # type: ignore[method-assign]


@lru_cache(maxsize=512)
def _compiled(text: str) -> Template:
    return _env.from_string(text)


def check(text: str) -> None:
    """Raises `TemplateError` with line and reason when the text does not parse."""
    try:
        _env.parse(text)
    except TemplateSyntaxError as error:
        raise TemplateError(
            f"Line {error.lineno}: {error.message}.", "Compare with {{ name }} in the samples."
        ) from None


def names(text: str) -> set[str]:
    """Variables a text reads, by their first name (`caller` of `caller.city`)."""
    from jinja2 import meta

    check(text)
    return set(meta.find_undeclared_variables(_env.parse(text)))


def render_markdown(text: str, values: Mapping[str, Any]) -> str:
    """Safe HTML of a Markdown script text.

    Raises `TemplateError` when the text does not parse or runs too far.
    """
    return str(_markdown.render(_render(text, values)))


def render_text(text: str, values: Mapping[str, Any]) -> str:
    """Plain text of a one-line template (a title, a label); values as they are."""
    return html.unescape(_render(text, values))


def _render(text: str, values: Mapping[str, Any]) -> str:
    if "{" not in text:
        return text
    try:
        return _compiled(text).render(values)
    except TemplateSyntaxError as error:
        raise TemplateError(
            f"Line {error.lineno}: {error.message}.", "Correct the text of the step."
        ) from None
    except (JinjaError, TypeError, ValueError, ArithmeticError, MemoryError, RecursionError) as error:
        raise TemplateError(f"The text cannot be shown: {error}.", "Correct the text of the step.") from None
