"""Flow documents: nothing is lost, everything wrong is named with its place and a fix."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from halodesk.engine.errors import DocumentError
from halodesk.engine.flow import MAX_BYTES, MAX_DEPTH, content_hash, dump, from_builtins, load
from tests.examples import many
from tests.fakes.order import FLOWS, SAMPLE, sample, sample_document

HISTORIES = Path(__file__).resolve().parents[1] / "histories"


def with_newer_keys() -> dict[str, Any]:
    """The sample as a later version would write it: more keys everywhere, a new step and field type."""
    document = sample_document()
    document["data_sources"] = [{"key": "stock", "url": "https://example.com/stock", "every_s": 60}]
    document["catalogue"]["coupons"] = [{"code": "NAP10", "percent": "10"}]
    document["catalogue"]["products"][0]["weight_g"] = 210
    step = document["steps"][2]
    step["colour"] = {"light": "#fff", "dark": "#000"}
    step["fields"][0]["translations"] = {"es": "¿Qué dice?"}
    step["fields"][0]["options"][0]["icon"] = "check"
    step["routes"][0]["weight"] = 2
    step["routes"][0]["when"][0]["since"] = 3
    step["cart_actions"][0]["reason"] = "main"
    document["steps"].append(
        {
            "key": "hologram",
            "type": "hologram",
            "config": {"beams": [1, 2.5, None, {"deep": [True]}]},
            "fields": [{"name": "wave", "type": "gesture", "config": {"fps": 60}}],
            "fallback": "end",
            "a/b~c": "odd",
        }
    )
    return document


DEFAULTS: tuple[Any, ...] = ("", [], {}, False, None, 0, "USD", "equals", "keep", 200, 1)
"""What need not be said, and is not written."""


def lost(before: Any, after: Any) -> Iterator[Any]:
    """Values that a save left out or changed."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in before.keys() | after.keys():
            if key not in after:
                yield from () if before[key] in DEFAULTS else (before[key],)
            elif key not in before:
                yield from () if key == "schema" else (after[key],)
            else:
                yield from lost(before[key], after[key])
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for old, new in zip(before, after, strict=True):
            yield from lost(old, new)
    elif before != after:
        yield before


def test_unknown_keys_and_types_survive_a_load_and_a_save() -> None:
    document = with_newer_keys()
    flow = from_builtins(document)
    saved = json.loads(dump(flow))
    assert list(lost(document, saved)) == []
    assert from_builtins(saved) == flow
    assert saved["steps"][16] == document["steps"][16]


@pytest.mark.parametrize("path", sorted(FLOWS.glob("*.flow.json")), ids=lambda path: path.name)
def test_every_sample_survives_a_load_and_a_save(path: Path) -> None:
    flow = load(path.read_bytes())
    assert load(dump(flow)) == flow
    assert list(lost(json.loads(path.read_bytes()), json.loads(dump(flow)))) == []


def test_saving_twice_gives_the_same_bytes() -> None:
    once = dump(from_builtins(with_newer_keys()))
    assert dump(load(once)) == once


def test_the_schema_is_always_written() -> None:
    document = sample_document()
    del document["schema"]
    assert json.loads(dump(from_builtins(document)))["schema"] == 1


def test_the_content_hash_is_of_the_meaning() -> None:
    document = sample_document()
    turned = dict(reversed(list(document.items())))
    assert content_hash(from_builtins(turned)) == content_hash(sample())
    document["steps"][0]["title"] += "!"
    assert content_hash(from_builtins(document)) != content_hash(sample())


def test_the_frozen_document_of_schema_1_loads_and_keeps_its_hash() -> None:
    flow = load((HISTORIES / "flow-schema-1.flow.json").read_bytes())
    assert flow.key == "supplement-order"
    assert content_hash(flow) == (HISTORIES / "flow-schema-1.sha256").read_text(encoding="ascii").strip()


def test_a_byte_order_mark_is_no_error() -> None:
    assert load(b"\xef\xbb\xbf" + SAMPLE.read_bytes()) == sample()


def bent(change: str) -> Any:
    """The sample with one thing wrong."""
    document = sample_document()
    match change:
        case "no list":
            document["steps"] = {"start": {}}
        case "no object":
            document["steps"][3] = "upsell"
        case "no key":
            del document["steps"][2]["key"]
        case "no type":
            del document["steps"][2]["fields"][0]["type"]
        case "number as text":
            document["steps"][0]["target_seconds"] = "20"
        case "text as number":
            document["name"] = 7
        case "bool as text":
            document["steps"][1]["fields"][0]["required"] = "yes"
        case "a word it does not have":
            document["steps"][10]["fields"][0]["retention"] = "for ever"
        case "null":
            document["steps"][1]["title"] = None
        case "no target":
            del document["steps"][0]["routes"][0]["to"]
        case "config":
            document["steps"][1]["config"] = ["body"]
        case "position":
            document["steps"][0]["position"] = {"x": "left"}
        case "condition":
            document["steps"][0]["routes"][0]["when"][0]["any_of"] = [3]
        case "odd pointer":
            document["catalogue"]["products"][1]["price"] = 14.5
        case "newer":
            document["schema"] = 2
        case "schema is no number":
            document["schema"] = "1"
        case _:
            raise AssertionError(change)
    return document


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ("no list", "/steps"),
        ("no object", "/steps/3"),
        ("no key", "/steps/2"),
        ("no type", "/steps/2/fields/0"),
        ("number as text", "/steps/0/target_seconds"),
        ("text as number", "/name"),
        ("bool as text", "/steps/1/fields/0/required"),
        ("a word it does not have", "/steps/10/fields/0/retention"),
        ("null", "/steps/1/title"),
        ("no target", "/steps/0/routes/0"),
        ("config", "/steps/1/config"),
        ("position", "/steps/0/position/x"),
        ("condition", "/steps/0/routes/0/when/0/any_of/0"),
        ("odd pointer", "/catalogue/products/1/price"),
        ("newer", "/schema"),
        ("schema is no number", "/schema"),
    ],
)
def test_what_is_wrong_is_named_with_its_place_and_a_fix(change: str, pointer: str) -> None:
    with pytest.raises(DocumentError) as caught:
        from_builtins(bent(change))
    assert caught.value.pointer == pointer
    assert caught.value.expected
    assert caught.value.fix
    assert str(caught.value).startswith(pointer)


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[1,2", b'{"a": }', b"\xff\xfe{}", b"null", b"[]", b'"flow"', b"[" * 100_000, b"nul\x00"],
)
def test_what_is_no_flow_at_all_is_said(data: bytes) -> None:
    with pytest.raises(DocumentError) as caught:
        load(data)
    assert caught.value.pointer == ""
    assert caught.value.fix


def test_too_large_is_refused_before_it_is_read() -> None:
    with pytest.raises(DocumentError, match="at most 8 MB"):
        load(b" " * (MAX_BYTES + 1))


def test_too_deep_is_refused() -> None:
    document = sample_document()
    deep: Any = {}
    for _ in range(MAX_DEPTH):
        deep = {"deeper": deep}
    document["steps"][0]["config"]["deep"] = deep
    with pytest.raises(DocumentError, match=f"{MAX_DEPTH} levels"):
        from_builtins(document)


def test_a_pointer_escapes_slash_and_tilde() -> None:
    error = DocumentError("/a~1b/0", "text", "Write text.")
    assert str(error) == "/a~1b/0: expected text. Write text."


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=many(150), deadline=None)
@given(st.data())
def test_any_value_anywhere_is_read_or_refused_in_words(data: st.DataObject) -> None:
    """Put any JSON value at any place of a real document."""
    document: Any = sample_document()
    here, key = document, data.draw(st.sampled_from(sorted(document)))
    while isinstance(here[key], dict | list) and here[key] and data.draw(st.booleans()):
        here = here[key]
        key = data.draw(
            st.sampled_from(sorted(here)) if isinstance(here, dict) else st.integers(0, len(here) - 1)
        )
    here[key] = data.draw(json_values)
    flow, error = None, None
    try:
        flow = from_builtins(document)
    except DocumentError as found:
        error = found
    if flow is not None:
        assert load(dump(flow)) == flow
    if error is not None:
        assert error.fix
        assert error.pointer == "" or error.pointer.startswith("/")
