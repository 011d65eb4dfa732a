"""Writes `docs/authoring/`: a page per step type, and what all of them share.

Made from the engine's registries: the rules that open a step's module, the shape of its config with
its docstrings, what its health check finds (from `tests/corpus/broken`) and an example from
`resources/examples`. A test fails when a page is not what this makes, or when a type has no example.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import re
import sys
import types
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from halodesk.engine import flow as flows
from halodesk.engine.conditions import OPERATORS
from halodesk.engine.findings import Finding
from halodesk.engine.health import findings
from halodesk.engine.registry import field_types, step_types
from halodesk.engine.template import _env
from tools.registries import cart_action_names, structs

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "docs" / "authoring"
EXAMPLES = ROOT / "resources" / "examples"
BROKEN = ROOT / "tests" / "corpus" / "broken"
MADE = (
    "<!-- Made by tools/build_authoring_guide.py from the engine; edit the step's module or its example. -->"
)


def pages() -> dict[str, str]:
    """File name to text."""
    found = {f"{name}.md": _step_page(name) for name in sorted(step_types())}
    return {"README.md": _index(), "findings.md": _findings(), **found}


def _module_words(name: str) -> tuple[str, str]:
    """The first line of a module's docstring without its name, and the rest."""
    text = inspect.getdoc(importlib.import_module(name)) or ""
    head, _, rest = text.partition("\n")
    return head.split(":", 1)[-1].strip(), rest.strip()


def _step_page(name: str) -> str:
    kind = step_types()[name]
    head, rules = _module_words(type(kind).__module__)
    lines = [MADE, f"# `{name}`", "", head[:1].upper() + head[1:], ""]
    if rules:
        lines += [rules, ""]
    lines += ["## Config", ""]
    shapes = list(structs(kind.config_type))
    if not any(msgspec.structs.fields(shape) for shape in shapes):
        lines += ["None.", ""]
    for shape in shapes:
        part = _shape(shape)
        lines += part[2:] if len(shapes) == 1 and part else part
    example = EXAMPLES / f"{name}.json"
    lines += ["## Example", "", "```json", example.read_text(encoding="utf-8").strip(), "```", ""]
    return "\n".join(lines).rstrip() + "\n"


def _shape(shape: type[msgspec.Struct]) -> list[str]:
    fields = msgspec.structs.fields(shape)
    if not fields:
        return []
    said = _field_words(shape)
    hints = get_type_hints(shape)
    name = shape.__name__
    lines = [f"### {_words(name)}", "", (inspect.getdoc(shape) or "").strip(), ""]
    tag = shape.__struct_config__.tag
    lines += [f'With `"{shape.__struct_config__.tag_field}": "{tag}"`.', ""] if tag else []
    lines += ["| key | value | default | |", "| --- | --- | --- | --- |"]
    for field in fields:
        if field.name == "extra":
            continue
        usual = "needed" if field.required else f"`{json.dumps(_usual(field), ensure_ascii=False)}`"
        words = said.get(field.name, "").replace("|", "\\|").replace("\n", " ")
        lines.append(f"| `{field.encode_name}` | {_type_words(hints[field.name])} | {usual} | {words} |")
    return [*lines, ""]


def _words(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)


def _usual(field: msgspec.structs.FieldInfo) -> Any:
    value = field.default_factory() if field.default_factory is not msgspec.NODEFAULT else field.default
    return msgspec.to_builtins(value)


def _field_words(shape: type[msgspec.Struct]) -> dict[str, str]:
    """The docstring under each field."""
    tree = ast.parse(inspect.getsource(shape).strip()).body[0]
    found: dict[str, str] = {}
    name = ""
    for node in getattr(tree, "body", ()):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            name = node.target.id
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and name:
            found[name] = inspect.cleandoc(str(node.value.value))
            name = ""
        else:
            name = ""
    return found


def _type_words(hint: Any) -> str:
    origin, args = get_origin(hint), get_args(hint)
    plain = {str: "text", int: "whole number", float: "number", bool: "true or false", Any: "any"}
    if hint in plain:
        return plain[hint]
    if origin is Literal:
        return ", ".join(f"`{arg}`" for arg in args)
    if origin in (types.UnionType, Union):
        return " or ".join(_type_words(arg) for arg in args if arg is not type(None))
    if origin is tuple:
        return f"list of {_type_words(args[0])}"
    if origin is dict:
        return f"object: {_type_words(args[0])} to {_type_words(args[1])}"
    if isinstance(hint, type) and issubclass(hint, flows.Condition):
        return "condition"
    return _words(getattr(hint, "__name__", str(hint))).lower()


def _index() -> str:
    lines = [MADE, "# Writing flows", ""]
    lines += [
        "A flow is a file `NAME.flow.json`. The schema for your editor is",
        "[flow.schema.json](../../resources/schema/flow.schema.json). `halodesk flow check FILE` finds what",
        "would fail a caller ([all findings](findings.md)), `halodesk flow simulate FILE` runs it alone.",
        "", "## Steps", "", "| type | for |", "| --- | --- |",
    ]  # fmt: skip
    for name, kind in sorted(step_types().items()):
        lines.append(f"| [`{name}`]({name}.md) | {_module_words(type(kind).__module__)[0]} |")
    lines += ["", "Every step has these keys:", "", *_shape(flows.Step)[4:]]
    lines += ["## Who works a step", "", _module_words("halodesk.engine.drivers")[1], ""]
    lines += ["See [flow agents](../flow-agents.md#a-halo-flow-driven).", ""]
    lines += ["## Routes and conditions", ""]
    lines += _shape(flows.Route)[2:] + _shape(flows.Condition)[2:]
    lines += [f"Operators: {', '.join(f'`{name}`' for name in OPERATORS)}.", ""]
    lines += [_module_words("halodesk.engine.conditions")[1], ""]
    lines += ["## Fields", "", *_shape(flows.Field)[4:], "| type | value | config |", "| --- | --- | --- |"]
    for name, field in sorted(field_types().items()):
        head = _module_words(type(field).__module__)[0] if name in type(field).__module__ else ""
        value = (inspect.getdoc(type(field).normalise) or "").splitlines()[0]
        config = " ".join((inspect.getdoc(type(field)) or "").split())
        words = " ".join(part.rstrip(".") + "." for part in (head, value) if part)
        lines.append(f"| `{name}` | {words} | {config} |")
    lines += ["", "## Cart actions", "", *_shape(flows.CartActionSpec)[4:]]
    lines += _actions()
    lines += ["", "## Functions", "", *_shape(flows.FunctionSpec)[4:]]
    lines += ["## Texts", "", _module_words("halodesk.engine.template")[1], ""]
    filters = ", ".join(f"`{name}`" for name in _env.filters if not name.startswith("within"))
    lines += [f"Filters: {filters}.", ""]
    return "\n".join(lines).rstrip() + "\n"


def _actions() -> list[str]:
    lines = []
    for name in cart_action_names():
        try:
            head, rest = _module_words(f"halodesk.engine.cart_actions.{name}")
        except ModuleNotFoundError:
            head, rest = "", ""
        words = " ".join(f"{head} {rest}".split())
        lines.append(f"- `{name}`" + (f": {words}" if words else ""))
    return lines


def _findings() -> str:
    lines = [MADE, "# What the health check finds", ""]
    lines += ["Errors block publishing. Hints are shown with `halodesk flow check --hints`.", ""]
    lines += ["| code | | for example | what to do |", "| --- | --- | --- | --- |"]
    for code, found in sorted(_examples().items()):
        lines.append(f"| `{code}` | {found.severity} | {found.message} | {found.fix} |")
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _examples() -> dict[str, Finding]:
    """One finding a code, from the flows of the corpus."""
    found: dict[str, Finding] = {}
    for path in sorted(BROKEN.glob("*.flow.json")):
        for one in findings(flows.load(path.read_bytes()), _unfinished, hints=True):
            found.setdefault(one.code, one)
    return found


def _unfinished(expression: str) -> str | None:
    """The one mistake that the corpus makes in JavaScript."""
    return "unexpected end of input" if expression.endswith("+") else None


def main() -> int:
    """Write all pages; take away those that nothing makes any more."""
    OUT.mkdir(exist_ok=True)
    made = pages()
    for old in OUT.glob("*.md"):
        if old.name not in made:
            old.unlink()
    for name, text in made.items():
        (OUT / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
