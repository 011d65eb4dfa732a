"""Script text: `{{ name }}` through an immutable Jinja2 sandbox, Markdown to safe HTML.

Rules:
- A value is text: Markdown and HTML inside it are escaped, so that a caller named
  `[x](http://…)` stays a name.
- A missing variable shows as a visible gap, never as nothing and never as an error in the
  middle of a call.
- No raw HTML, no images and no links other than https, tel and mailto come out of the
  flow's own text.
- A text decides and repeats, and no more: no calls, macros, assignments or powers, two loops
  inside each other at most, so that no text can run or grow without bound.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from typing import Any

import phonenumbers
from babel.dates import format_date
from jinja2 import Template, TemplateSyntaxError, Undefined, nodes, pass_context
from jinja2.exceptions import TemplateError as JinjaError
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markdown_it import MarkdownIt
from markupsafe import Markup

from halodesk.engine.conditions import is_empty
from halodesk.engine.errors import TemplateError
from halodesk.engine.money import to_minor, words

GAP = "⟨{name}⟩"
"""How a missing value looks; the page styles it so that it cannot be overlooked."""

_MARKDOWN_SIGNS = re.compile(r"([\\`*_{}\[\]()#+\-.!|~<>&:\"'@/=])")

MOST_TURNS = 200
"""Entries one loop may run over."""

_REFUSED: dict[type[nodes.Node], str] = {
    nodes.Call: "a call; use a filter such as {{ name | upper }}",
    nodes.Macro: "a macro",
    nodes.CallBlock: "a call block",
    nodes.FilterBlock: "a filter block",
    nodes.Assign: "an assignment",
    nodes.AssignBlock: "an assignment",
    nodes.With: "a with block",
    nodes.Block: "a block",
    nodes.Extends: "an extends",
    nodes.Include: "an include",
    nodes.Import: "an import",
    nodes.FromImport: "an import",
    nodes.Pow: "a power",
}
_DEEPEST_LOOPS = 2


class _Gap(Undefined):
    """A missing variable: shows its name, and so does all that is made of it."""

    def __str__(self) -> str:
        return str(GAP.format(name=self._undefined_name or "?"))

    def __getattr__(self, name: str) -> _Gap:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Gap(name=f"{self._undefined_name}.{name}")


def _never(gap: _Gap, other: object) -> bool:
    return False


def _itself(gap: _Gap, *_: object) -> _Gap:
    return gap


def _part(gap: _Gap, name: object) -> _Gap:
    return _Gap(name=f"{gap._undefined_name}.{name}")


# Jinja's own would raise, and with it the whole text would be lost for one missing value.
setattr(_Gap, "__getitem__", _part)  # noqa: B010  # its type says that it never returns
for _sign in ("lt", "le", "gt", "ge"):
    setattr(_Gap, f"__{_sign}__", _never)
for _sign in ("add", "sub", "mul", "truediv", "floordiv", "mod"):
    setattr(_Gap, f"__{_sign}__", _itself)
    setattr(_Gap, f"__r{_sign}__", _itself)
for _sign in ("neg", "pos"):
    setattr(_Gap, f"__{_sign}__", _itself)


class _Sandbox(ImmutableSandboxedEnvironment):
    """Numbers may be multiplied, texts and lists not: `"x" * 1e9` would take all memory."""

    intercepted_binops = frozenset(("*", "%"))

    def getattr(self, obj: Any, attribute: str) -> Any:
        """An entry of an object; nothing of Python's own, so `cart.items` is what the cart holds."""
        if isinstance(obj, Mapping):
            return obj[attribute] if attribute in obj else _Gap(name=attribute)
        if isinstance(obj, LoopContext | Undefined):
            return super().getattr(obj, attribute)
        return _Gap(name=attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """An entry of an object, or a place of a list."""
        try:
            return (
                obj[argument] if isinstance(obj, Mapping | list | tuple | _Gap) else _Gap(name=str(argument))
            )
        except (LookupError, TypeError):
            return _Gap(name=str(argument))

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if not isinstance(left, int | float | _Gap) or not isinstance(right, int | float | _Gap):
            raise TypeError(f"{operator} takes two numbers")
        return super().call_binop(context, operator, left, right)


def _plain(value: Any) -> str:
    """A value as Markdown that renders to exactly its own characters."""
    return "".join(
        f"&#{ord(found)};" if _MARKDOWN_SIGNS.match(found) else found
        for found in re.sub(r"\s+", " ", str(value))
    )


def _finalize(value: Any) -> Any:
    """Every value that a text shows passes here; `_plain` leaves nothing that could be markup."""
    if isinstance(value, Markup):
        return value  # a constant of the flow's own text, escaped by the compiler
    if value is None:
        return Markup(GAP.format(name="empty"))  # noqa: S704  # constant
    if value is True or value is False:
        return Markup("yes" if value else "no")  # noqa: S704  # constant
    return Markup(_plain(value))  # noqa: S704  # every sign is a character reference now


@pass_context
def _currency(context: Context, value: Any, currency: str = "") -> Any:
    """In the currency given, else in the one of the cart."""
    if isinstance(value, Undefined):
        return value
    cart = context.get("cart")
    own = str(cart.get("currency") or "") if isinstance(cart, Mapping) else ""
    currency = str(currency or own or "USD")
    try:
        return words(to_minor(value, currency), currency)
    except ValueError:
        return str(value)


def _date(value: Any) -> Any:
    if isinstance(value, Undefined):
        return value
    try:
        return format_date(date.fromisoformat(str(value)[:10]), "long", locale="en_US")
    except ValueError:
        return str(value)


def _phone(value: Any) -> Any:
    if isinstance(value, Undefined):
        return value
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


def _within_reason(entries: Any) -> Any:
    """What a loop runs over: a list of the session, not the letters of a text."""
    if isinstance(entries, Undefined) or entries is None:
        return ()
    if not isinstance(entries, list | tuple | dict):
        raise TypeError("a loop runs over a list")
    if len(entries) > MOST_TURNS:
        raise ValueError(f"a loop over {len(entries)} entries is too long (at most {MOST_TURNS})")
    return entries


def _environment() -> ImmutableSandboxedEnvironment:
    env = _Sandbox(undefined=_Gap, finalize=_finalize, autoescape=True)
    env.filters = {
        "currency": _currency,
        "date": _date,
        "phone": _phone,
        "upper": lambda value: value if isinstance(value, Undefined) else str(value).upper(),
        "default": _default,
        _LOOP: _within_reason,
    }
    env.globals = {}
    return env


_LOOP = "within_reason"
_env = _environment()
_markdown = MarkdownIt("commonmark", {"html": False, "linkify": False}).enable("table").disable("image")
_SAFE_LINK = re.compile(r"(https://|tel:|mailto:)", re.IGNORECASE)
_markdown.validateLink = lambda url: _SAFE_LINK.match(url) is not None  # type: ignore[method-assign]


@lru_cache(maxsize=512)
def _compiled(text: str) -> Template:
    tree = _parsed(text)
    for loop in tree.find_all(nodes.For):
        loop.iter = nodes.Filter(loop.iter, _LOOP, [], [], None, None, lineno=loop.lineno)
    return _env.from_string(tree)


_TODO = "Compare with {{ name }} in the samples."


def _parsed(text: str) -> nodes.Template:
    try:
        tree = _env.parse(text)
    except TemplateSyntaxError as error:
        raise TemplateError(f"Line {error.lineno}: {str(error.message).rstrip('.')}.", _TODO) from None
    except RecursionError:
        raise TemplateError("The text nests too deep.", _TODO) from None
    for node in tree.find_all(nodes.Node):
        if type(node) in _REFUSED:
            raise TemplateError(
                f"Line {node.lineno}: a text cannot hold {_REFUSED[type(node)]}.",
                "Compute it in a function of the step.",
            )
        if isinstance(node, nodes.Filter | nodes.Test):
            known = _env.filters if isinstance(node, nodes.Filter) else _env.tests
            if node.name not in known:
                raise TemplateError(f'Line {node.lineno}: there is no filter or test "{node.name}".', _TODO)
    for loop in tree.find_all(nodes.For):
        if loop.recursive or _loops(loop) > _DEEPEST_LOOPS:
            raise TemplateError(
                f"Line {loop.lineno}: at most {_DEEPEST_LOOPS} loops inside each other.", _TODO
            )
    return tree


def _loops(loop: nodes.For) -> int:
    return 1 + max((_loops(inner) for inner in loop.find_all(nodes.For)), default=0)


_SIMPLE = re.compile(r"\{\{ *([A-Za-z]\w*)(?:\.[A-Za-z]\w*)* *(?:\| *([a-z]+) *)?\}\}", re.ASCII)
"""The usual placeholder; a text with no other signs need not be parsed to be understood."""
_SIGNS = re.compile(r"\{[{%#]|[}%#]\}")
_KEYWORDS = frozenset(("true", "false", "none", "True", "False", "None", "not"))


def names(text: str) -> set[str]:
    """Variables a text reads, by their first name (`caller` of `caller.city`).

    Raises `TemplateError` with line and reason when the text cannot be shown.
    """
    if "{" not in text:
        return set()
    simple = _SIMPLE.findall(text)
    usual = all(word not in _KEYWORDS and (not name or name in _env.filters) for word, name in simple)
    if usual and not _SIGNS.search(_SIMPLE.sub("", text)):
        return {name for name, _ in simple}
    found = list(_parsed(text).find_all(nodes.Name))
    own = {name.name for name in found if name.ctx == "store"} | {"loop"}
    return {name.name for name in found} - own


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
    template = _compiled(text)
    try:
        # null is as good as missing: the gap says which it is
        return template.render({name: value for name, value in values.items() if value is not None})
    except (JinjaError, TypeError, ValueError, ArithmeticError, MemoryError, RecursionError) as error:
        why = str(error).rstrip(".")
        raise TemplateError(f"The text cannot be shown: {why}.", "Correct the text of the step.") from None
