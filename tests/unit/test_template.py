"""Script text: values stay text, gaps stay visible, nothing gets out and nothing runs on."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from halodesk.engine.errors import TemplateError
from halodesk.engine.template import names, render_markdown, render_text
from tests.examples import many


def html(text: str, **values: Any) -> str:
    return render_markdown(text, values).strip()


def test_values_and_markdown() -> None:
    assert html("Hello **{{ name }}**", name="Ann") == "<p>Hello <strong>Ann</strong></p>"
    assert html("{{ cart.total }}", cart={"total": "3.00"}) == "<p>3.00</p>"


@pytest.mark.parametrize(
    "name",
    [
        "[x](http://evil.example)",
        "[x](https://evil.example)",
        "![x](https://evil.example/beacon.png)",
        "<img src=https://evil.example>",
        "<script>alert(1)</script>",
        "<https://evil.example>",
        "&lt;b&gt;",
        "**bold** _it_ `code` ~~x~~",
        "# head",
        "- item",
        "1. item",
        "> quote",
        "```\ncode\n```",
        "a | b",
        "===",
        "---",
        "{{ agent.name }}",
        "{% raw %}",
        "javascript:alert(1)",
        "\\*",
        "a\n\n# b",
    ],
)
@pytest.mark.parametrize(
    "text",
    [
        "Hi\n{{ name }}",
        "{{ name }}",
        "{{ name ~ missing }}",
        "{{ missing ~ name }}",
        "{{ cart[name] }}",
        "{{ missing[name] }}",
        "{{ name | upper }}",
        "{{ name | default('x') }}",
        "{{ name | currency }}",
        "{{ name | date }}",
        "{{ name | phone }}",
        "{% for found in [name] %}{{ found }}{% endfor %}",
    ],
)
def test_a_value_is_text_and_nothing_else(text: str, name: str) -> None:
    shown = html(text, name=name, cart={})
    for tag in "<a <img <script <strong <em <code <h1 <h2 <li <hr <blockquote".split():
        assert tag not in shown
    assert "Ann" not in shown


def test_every_sign_of_a_value_comes_out_as_it_is() -> None:
    signs = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
    assert render_text("{{ a }}", {"a": signs}) == signs
    import html as escaping

    assert escaping.unescape(html("{{ a }}", a=signs)) == f"<p>{signs}</p>"


def test_links_and_images_of_the_flow_itself() -> None:
    assert '<a href="https://example.com">' in html("[a](https://example.com)")
    assert '<a href="tel:+12025550143">' in html("[a](tel:+12025550143)")
    for address in "http://x.example javascript:alert(1) file:///etc/passwd data:text/html,x /x".split():
        assert "<a" not in html(f"[a]({address})")
    assert "<img" not in html("![a](https://example.com/a.png)")
    assert "<b>" not in html("<b>a</b>")
    assert "<script>" not in html("<script>a</script>")


def test_a_missing_value_is_a_visible_gap() -> None:
    assert html("Hi {{ first_name }}!") == "<p>Hi ⟨first_name⟩!</p>"
    assert html("{{ a.b.c }}") == "<p>⟨a.b.c⟩</p>"
    assert html("{{ a }}", a=None) == "<p>⟨a⟩</p>"
    assert html("{{ cart.nothing }}", cart={}) == "<p>⟨nothing⟩</p>"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("{% if age > 3 %}old{% endif %}x", "x"),
        ("{% if 3 <= age %}old{% endif %}x", "x"),
        ("{{ age + 1 }}", "⟨age⟩"),
        ("{{ 2 * age }}", "⟨age⟩"),
        ("{{ -age }}", "⟨age⟩"),
        ("{{ age['x'] }}", "⟨age.x⟩"),
        ("{% for a in items %}{{ a }}{% endfor %}x", "x"),
        ("{{ price | currency }}", "⟨price⟩"),
        ("{{ born | date }}", "⟨born⟩"),
        ("{{ number | phone }}", "⟨number⟩"),
        ("{{ name | upper }}", "⟨name⟩"),
        ("{{ name | default('friend') }}", "friend"),
        ("{{ name | default }}x", "x"),
    ],
)
def test_a_missing_value_never_spoils_the_text(text: str, shown: str) -> None:
    assert html(text) == f"<p>{shown}</p>"


def test_filters() -> None:
    assert html("{{ '39.95' | currency }}") == "<p>$39.95</p>"
    cart = {"total": "1234.5", "currency": "EUR"}
    assert html("{{ cart.total | currency }}", cart=cart) == "<p>€1,234.50</p>"
    assert html("{{ 1500 | currency('JPY') }}") == "<p>¥1,500</p>"
    assert html("{{ 'free' | currency }}") == "<p>free</p>"
    assert html("{{ '2026-03-07' | date }}") == "<p>March 7, 2026</p>"
    assert html("{{ 'soon' | date }}") == "<p>soon</p>"
    assert html("{{ '+12025550143' | phone }}") == "<p>(202) 555-0143</p>"
    assert html("{{ '+442079460958' | phone }}") == "<p>+44 20 7946 0958</p>"
    assert html("{{ 'x' | phone }}") == "<p>x</p>"
    assert html("{{ name | upper }}", name="ann") == "<p>ANN</p>"
    assert html("{{ a }} {{ b }}", a=True, b=False) == "<p>yes no</p>"
    assert html("{{ 4 % 3 }} {{ 2 * 3 }}") == "<p>1 6</p>"


@pytest.mark.parametrize(
    "text",
    [
        "{{ ''.__class__ }}",
        "{{ ''.__class__.__mro__ }}",
        "{{ ''['__class__'] }}",
        "{{ name.__class__.__base__.__subclasses__ }}",
        "{{ missing.__class__ }}",
        "{{ cart.__init__.__globals__ }}",
        "{{ name.format }}",
        "{{ self }}",
        "{{ self._TemplateReference__context }}",
        "{{ config }}",
        "{{ loop }}",
        "{{ namespace }}",
        "{{ cycler }}",
        "{{ lipsum.__globals__.os }}",
    ],
)
def test_nothing_of_python_can_be_reached(text: str) -> None:
    try:
        shown = html(text, name="Ann", cart={})
    except TemplateError:
        return
    for sign in ("&lt;class", "&lt;type", "object at", "function", "module", "method", "0x"):
        assert sign not in shown


@pytest.mark.parametrize(
    "text",
    [
        "{{ name.upper() }}",
        "{{ missing() }}",
        "{{ '{:>1000000000}'.format(1) }}",
        "{{ range(10) }}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% set a = 1 %}",
        "{% set a %}x{% endset %}",
        "{% with a = 1 %}{% endwith %}",
        "{% include 'x' %}",
        "{% import 'x' as x %}",
        "{% from 'x' import y %}",
        "{% extends 'x' %}",
        "{% block a %}{% endblock %}",
        "{% filter upper %}{% endfilter %}",
        "{{ 9 ** 9 ** 9 }}",
        "{% for a in b recursive %}{{ a }}{% endfor %}",
        "{% for a in x %}{% for b in x %}{% for c in x %}{% endfor %}{% endfor %}{% endfor %}",
        "{{ a { }}",
        "{{ a",
        "{% if %}",
        "{{ a | nothing }}",
        "{{ a is nothing }}",
        "{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}",
    ],
)
def test_what_a_text_cannot_hold_is_refused_in_words_before_it_runs(text: str) -> None:
    with pytest.raises(TemplateError) as caught:
        names(text)
    assert caught.value.message.endswith(".")
    assert caught.value.todo
    with pytest.raises(TemplateError):
        html(text, name="Ann", x=[1])


@pytest.mark.parametrize(
    "text",
    [
        "{{ 'x' * 1000000000 }}",
        "{{ [1] * 1000000000 }}",
        "{{ name * 1000000000 }}",
        "{{ '%1000000000d' % 1 }}",
        "{% for a in name %}{% for b in name %}x{% endfor %}{% endfor %}",
        "{% for a in long %}x{% endfor %}",
        "{{ 1 / 0 }}",
        "{{ name + 1 }}",
    ],
)
def test_what_would_run_on_is_stopped_at_once(text: str) -> None:
    began = time.perf_counter()
    with pytest.raises(TemplateError, match="cannot be shown"):
        html(text, name="x" * 5000, long=[0] * 5000)
    assert time.perf_counter() - began < 1


def test_the_longest_loops_that_are_allowed_are_quick() -> None:
    began = time.perf_counter()
    text = "{% for a in rows %}{% for b in a %}{{ b }} {% endfor %}{% endfor %}"
    assert html(text, rows=[[1] * 200] * 200).count("1") == 40_000
    assert time.perf_counter() - began < 3


def test_an_entry_wins_over_what_python_calls_the_same() -> None:
    """`cart.items` is the list of the cart, not a method of the object."""
    values = {"cart": {"items": [{"name": "Nap", "keys": "k"}], "values": 3}}
    text = "{% for i in cart.items %}{{ loop.index }} {{ i.name }}{{ i.keys }}{% endfor %}"
    assert html(text, **values) == "<p>1 Napk</p>"
    text = "{{ cart.values }}{{ cart['items'][0].name }}{{ cart['items'][7] }}"
    assert html(text, **values) == "<p>3Nap⟨7⟩</p>"


def test_names_are_what_a_text_reads() -> None:
    text = "{{ a.b }} {% if c %}{{ d | upper }}{% endif %}{% for i in e %}{{ i }}{% endfor %}"
    assert names(text) == {"a", "c", "d", "e"}
    assert names("no braces") == set()


def test_a_page_text_has_no_markup_of_its_values() -> None:
    assert render_text("Hi {{ a }} & b", {"a": "<b>&amp;"}) == "Hi <b>&amp; & b"
    assert render_text("plain", {}) == "plain"


@settings(max_examples=many(150), deadline=None)
@given(st.text(max_size=40))
def test_any_value_shows_as_exactly_itself(value: str) -> None:
    """Whatever a caller is called: what is seen is that name, blanks folded."""
    import html as escaping

    folded = " ".join(value.split()) if value.strip() else ""
    shown = escaping.unescape(html("a{{ value }}z", value=value))
    expected = MarkdownIt().render("a" + "z").strip().replace("az", "")
    assert shown.startswith("<p>a")
    assert shown.endswith("z</p>")
    assert expected == "<p></p>"
    inner = shown.removeprefix("<p>a").removesuffix("z</p>")
    assert " ".join(inner.split()) == folded.replace("\x00", "\ufffd")
