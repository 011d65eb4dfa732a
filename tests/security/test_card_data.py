"""Attacks on card data: every way out of the secure boxes, out of the flow, and past the vault."""

from __future__ import annotations

import asyncio
import copy
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from halodesk.connectors.payments import open_gateway
from halodesk.connectors.payments.provider import GatewayAccount
from halodesk.engine import commands as c
from halodesk.engine import events as e
from halodesk.engine.findings import Finding
from halodesk.engine.flow import from_builtins
from halodesk.engine.health import findings
from halodesk.engine.registry import field_types, step_types
from halodesk.runtime.effects import Effects
from halodesk.runtime.vault import SecretHandle, Vault
from tests.fakes.order import Run, small, texts
from tests.unit.test_effects import TOKENISE, Functions

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((ROOT / "resources" / "examples").glob("*.json"))
CARD = "4539148803436467"


# no edge from card capture to anything else


def payment_flow(step: dict[str, Any]) -> dict[str, Any]:
    """A flow that captures a card and then goes on to a step."""
    made: dict[str, Any] = json.loads(
        (ROOT / "tests" / "corpus" / "broken" / "payment_retention.flow.json").read_bytes()
    )
    for field in made["steps"][1]["fields"]:
        field["retention"] = "capture"
    made["steps"].insert(2, step | {"key": "next"})
    made["steps"][1]["fallback"] = "next"
    return made


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where texts stand in a config."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, found in inner:
        yield from leaves(found, (*path, key))
    if isinstance(value, str):
        yield path


PLACES = [
    pytest.param(file, path, id=f"{file.stem}-{'.'.join(map(str, path))}")
    for file in EXAMPLES
    for path in leaves(json.loads(file.read_bytes()).get("config", {}))
]


def refusals(file: Path, path: tuple[Any, ...], text: str) -> list[Finding]:
    """What the check says of an example with a secret's name at that place of its config."""
    step = copy.deepcopy(json.loads(file.read_bytes()))
    place = step["config"]
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = text
    return [
        one
        for one in findings(from_builtins(payment_flow(step)), lambda text: None)
        if one.severity == "error"
    ]


def test_every_step_type_is_attacked() -> None:
    assert {json.loads(file.read_bytes())["type"] for file in EXAMPLES} == set(step_types())


@pytest.mark.parametrize(("file", "path"), PLACES)
def test_a_card_number_in_any_text_of_any_step_is_refused(file: Path, path: tuple[Any, ...]) -> None:
    codes = {one.code for one in refusals(file, path, "{{ pan }}") if one.field == "pan"}
    names_a_step = str(path[0]).startswith("on_")
    names_a_value = (file.stem, path[0]) in {
        ("function", "target"), ("zip_lookup", "targets"),
        *(("payment_form", role) for role in ("number", "expiry", "cvv")),
    }  # fmt: skip
    if names_a_step or names_a_value:
        return  # no text is read there; what it names is the next test's
    assert codes or "bad_config" in {one.code for one in refusals(file, path, "{{ pan }}")}


@pytest.mark.parametrize(("file", "path"), PLACES)
def test_a_card_number_named_as_a_value_is_refused(file: Path, path: tuple[Any, ...]) -> None:
    prose = {"body", "url", "template", "fields", "to"}
    if str(path[0]).startswith("on_") or path[0] in prose:
        return  # a word there is a word
    if file.stem == "payment_form" and path[0] == "number":
        return  # the one edge there is
    assert refusals(file, path, "pan"), "it must not pass"


@pytest.mark.parametrize("name", [name for name in field_types() if name != "encrypted"])
def test_a_secret_is_no_default_option_source_or_condition_of_another_field(name: str) -> None:
    step = {
        "type": "script",
        "title": "Next",
        "fallback": "end",
        "fields": [
            {
                "name": "x",
                "type": name,
                "source": "pan",
                "show_when": [{"variable": "pan", "op": "is_not_empty"}],
                "validate": [{"must": [{"variable": "pan", "op": "contains", "value": "4"}]}],
            }
        ],
    }
    codes = {one.code for one in findings(from_builtins(payment_flow(step)), lambda text: None)}
    assert {"secret_in_condition", "unknown_source"} <= codes


# a card number where none belongs


def plain_step(kind: str) -> dict[str, Any]:
    return {
        "key": "ask",
        "type": "script",
        "fallback": "end",
        "fields": [{"name": "x", "type": kind, "options": [{"value": "a"}], "config": {"max_length": 4000}}],
    }


RAW: dict[str, Any] = {
    "address": {"line1": f"Card {CARD}", "city": "Town", "country": "US"},
    "date_time": {"date": CARD, "time": "10:00"},
    "currency": CARD,
}


@pytest.mark.parametrize("kind", [kind for kind in field_types() if kind != "encrypted"])
@pytest.mark.parametrize("spelling", ["{}", "{:.4} {:.4}"], ids=["whole", "in groups"])
def test_a_pasted_card_number_is_kept_by_no_field(kind: str, spelling: str) -> None:
    number = CARD if spelling == "{}" else " ".join(CARD[at : at + 4] for at in range(0, 16, 4))
    raw = RAW.get(kind, f"my card {number}" if kind in ("text", "text_area") else number)
    run = Run(small(plain_step(kind))).submit()
    refused = run.try_(c.Answer(field="x", raw=raw))
    kept = texts(run.events)
    assert CARD not in kept
    assert number not in kept
    if kind not in ("boolean", "dropdown", "radio_group", "multi_select", "checkbox"):
        assert refused is not None
    if kind in ("text", "text_area", "phone", "number", "email", "address", "date", "currency"):
        (incident,) = run.of(e.Incident)
        assert incident.code == "card_number_in_plain_field"


def test_a_card_number_in_a_note_a_disposition_or_a_reason_is_not_kept() -> None:
    run = Run()
    run.refuse(c.AddNote(text=f"He said {CARD}"))
    run.refuse(c.Abandon(disposition=CARD))
    assert CARD not in texts(run.events)
    assert "card_number_in_note" in run.incidents()


# the way of the digits


def test_without_a_gateway_the_code_is_refused_and_gone() -> None:
    """Offline nothing is queued: neither digits nor code wait for a better moment."""
    vault = Vault(lambda: 0.0)
    vault.unlock()
    for field, digits in (("number", CARD), ("expiry", "1230"), ("cvv", "951")):
        handle = SecretHandle("s1", "payment", field)
        vault.open(handle, kind="other", max_digits=19)
        for digit in digits:
            vault.push(handle, digit)
    gateway = open_gateway("sandbox", GatewayAccount(base_url="http://127.0.0.1:9", api_key="k"))
    answers: list[c.Resolve] = []
    effects = Effects(
        functions=Functions(),
        gateways={"default": gateway},
        vault=vault,
        settle=lambda session, answer: answers.append(answer),
    )
    asyncio.run(effects.run("s1", TOKENISE, {}))
    assert [answer.outcome for answer in answers] == ["failed"]
    assert "could not be reached" in answers[0].result["reason"]
    for field in ("number", "expiry", "cvv"):
        assert vault.length(SecretHandle("s1", "payment", field)) == 0


@pytest.mark.parametrize("outcome", ["ok", "declined", "failed"])
def test_the_code_is_gone_after_every_attempt_approved_or_not(outcome: Any) -> None:
    run = Run().to_payment().secrets().submit()
    run.resolve(outcome, token="tok", last4="6467", brand="visa", reason="No.")
    assert run.state.secrets == {}
    assert [event.reason for event in run.of(e.SecretsWiped)] == ["used"]


# the processes


@pytest.mark.skipif(sys.platform != "linux", reason="prctl and rlimits as on Linux")
@pytest.mark.parametrize(("hidden", "dumpable"), [(True, "0"), (False, "1")])
def test_a_process_gives_no_memory_to_a_core_dump(hidden: bool, dumpable: str) -> None:
    program = (
        "import ctypes, resource\n"
        "from halodesk.runtime.process_memory import disable_core_dumps\n"
        f"done = disable_core_dumps(hidden={hidden})\n"
        "PR_GET_DUMPABLE = 3\n"
        "print(*done)\n"
        "print(resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(PR_GET_DUMPABLE),\n"
        "    open('/proc/self/coredump_filter').read().strip())"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, timeout=60)
    words, limits = told.stdout.decode().splitlines()
    assert words.split() == ["rlimit_core", "empty_dumps", *(["not_dumpable"] if hidden else [])]
    assert limits == f"(0, 0) {dumpable} 00000000"


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize(
    "arguments", [["js-worker"], ["phone", "--data", "{data}", "--no-sound", "--bind", "127.0.0.1"]],
    ids=["js-worker", "phone"],
)  # fmt: skip
def test_no_child_of_the_seat_leaves_a_core_dump(tmp_path: Path, arguments: list[str]) -> None:
    argv = [part.format(data=tmp_path / "data") for part in arguments]
    with subprocess.Popen(
        [sys.executable, "-m", "halodesk", *argv],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=ROOT,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.read(1), "it says that it is ready"
        place = Path(f"/proc/{process.pid}")
        (core,) = (
            line for line in (place / "limits").read_text().splitlines() if line.startswith("Max core")
        )
        assert core.split()[4:6] == ["0", "0"]
        assert (place / "coredump_filter").read_text().strip() == "00000000"
        process.kill()
