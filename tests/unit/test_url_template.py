"""Addresses and bodies made of values: nothing a caller says becomes another path, host or header."""

from __future__ import annotations

import pytest

from halodesk.engine.url_template import address, address_problem, filled, names, origin, problem, texts

VALUES = {"who": "../Jo & Co?x=1#y", "n": 5, "yes": True, "none": None, "place": {"city": "São"}, "list": [1]}


@pytest.mark.parametrize(
    ("template", "made"),
    [
        ("/a/{{ who }}/b", "/a/..%2FJo%20%26%20Co%3Fx%3D1%23y/b"),
        ("/a?c={{place.city}}&n={{ n }}", "/a?c=S%C3%A3o&n=5"),
        ("/a/{{ none }}{{ gone }}/b", "/a//b"),
        ("/a/{{ yes }}", "/a/true"),
    ],
)
def test_addresses(template: str, made: str) -> None:
    assert address(template, VALUES) == made


def test_bodies() -> None:
    body = {"a": "{{ n }}", "b": ["{{ list }}", "x{{ n }}"], "c": {"d": "{{ none }}"}, "e": 1.5, "f": None}
    assert filled(body, VALUES) == {"a": 5, "b": [[1], "x5"], "c": {"d": None}, "e": 1.5, "f": None}


def test_a_value_is_not_read_again() -> None:
    assert filled("{{ a }} {{ b }}", {"a": "{{ b }}", "b": "x"}) == "{{ b }} x"


def test_headers_are_one_line() -> None:
    assert texts({"X": "a {{ v }}"}, {"v": "b\r\nEvil: 1"}) == {"X": "a b Evil: 1"}


def test_names_are_the_first_ones() -> None:
    assert names({"a": ["{{ x.y }}", "{{z}}"], "b": 1}) == {"x", "z"}


@pytest.mark.parametrize(
    "template", ["{{ a", "a }}", "{{ a | upper }}", "{% if a %}", "{{ a() }}", "{{ a['b'] }}"]
)
def test_what_is_no_placeholder(template: str) -> None:
    assert problem(["fine", {"x": template}])


@pytest.mark.parametrize(
    "url", ["/a/{{ b }}", "https://a.example/{{ b }}?c={{ d }}", "http://a.example:81/", "a/b"]
)
def test_good_addresses(url: str) -> None:
    assert address_problem(url) == ""


@pytest.mark.parametrize(
    "url",
    [
        "{{ a }}",
        " {{ a }}/b",
        "https://{{ a }}/",
        "https://a.{{ b }}.c/",
        "https://a:{{ p }}/",
        "file:///etc",
        "javascript:x",
        "https://me:word@a.example/",
        "https://[a/",
        "data:text/html,x",
    ],
)
def test_bad_addresses(url: str) -> None:
    assert address_problem(url)


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://A.example/x?y", "https://a.example"),
        ("http://a.example:80/", "http://a.example"),
        ("https://a.example:8443", "https://a.example:8443"),
        ("/x", ""),
        ("file:///x", ""),
        ("https://[x", ""),
        ("https://a:99999999/", ""),
    ],
)
def test_origins(url: str, found: str) -> None:
    assert origin(url) == found
