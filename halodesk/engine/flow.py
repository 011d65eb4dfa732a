"""The flow document: what a `*.flow.json` file says, as frozen structs.

Rules:
- A document written by a newer version loads, and saves again without loss: unknown keys
  are kept per object in `extra`, an unknown step or field type is kept as it stands.
- `Step.config` stays a plain object here; the step type named by `Step.type` gives it a
  shape (`halodesk.engine.registry`), so a new step type needs no change in this module.
- Every error names the place as a JSON pointer (RFC 6901), what belongs there and a fix.
- The lifecycle state is not in the document: the document is signed and content-addressed.
- Money in the document is a decimal string in major units ("39.95"); see `money`.
"""

from __future__ import annotations

import hashlib
import types
from collections.abc import Iterator
from typing import Any, Literal, NoReturn, Union, get_args, get_origin, get_type_hints

import msgspec

from halodesk.engine import subscripts
from halodesk.engine.errors import DocumentError
from halodesk.engine.flow_index import index

SCHEMA = 1
MAX_BYTES = 8 * 1024 * 1024
"""A larger document is refused: the largest real flows are under 1 MB."""
MAX_DEPTH = 64
Driver = Literal["human", "flow_agent", "either"]
"""Who works a page; `either`: whoever has the call. See `engine.drivers`."""
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"  # Windows editors begin a file with it


class Part(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of every object of a document; `extra` keeps keys this version does not know."""

    extra: dict[str, Any] = {}


class Condition(Part, frozen=True, kw_only=True):
    """One comparison, or (with `any_of`) an OR group of comparisons."""

    variable: str = ""
    op: str = "equals"
    value: Any = None
    any_of: tuple[Condition, ...] = ()


class Route(Part, frozen=True, kw_only=True):
    """A guarded edge: taken when all of `when` hold; the first route that holds wins."""

    to: str
    label: str = ""
    when: tuple[Condition, ...] = ()


class Option(Part, frozen=True, kw_only=True):
    """One choice of a dropdown, radio group or checkbox list."""

    value: str
    label: str = ""


class Check(Part, frozen=True, kw_only=True):
    """A rule of the flow's own for a field: all of `must` hold for its new value, or `message` is said."""

    must: tuple[Condition, ...]
    message: str = ""


class Field(Part, frozen=True, kw_only=True):
    """A declared input. `config` holds what its type adds."""

    name: str
    type: str
    label: str = ""
    required: bool = False
    required_when: tuple[Condition, ...] = ()
    show_when: tuple[Condition, ...] = ()
    default: Any = None
    help: str = ""
    validate: tuple[Check, ...] = ()
    options: tuple[Option, ...] = ()
    source: str = ""
    """Where more options come from: a data source of the flow, or a variable that holds a list.

    `config` names the keys of a row: `source_value` ("value") and `source_label` ("label").
    """
    personal: bool = False
    read_only: bool = False
    on_hide: Literal["keep", "exclude", "clear"] = "keep"
    """While `show_when` does not hold: keep: the value counts as before; exclude: it stays in the
    form and counts nowhere; clear: it is removed."""
    kind: str = ""
    """Encrypted fields: card_number, cvv, ssn, medicare_id, bank_account, other."""
    retention: Literal["", "capture", "sealed"] = ""
    """Encrypted fields: capture lives in memory until the gateway has it; sealed is kept."""
    config: dict[str, Any] = {}


class FunctionSpec(Part, frozen=True, kw_only=True):
    """JavaScript run on submit; its value is stored under `target`."""

    target: str
    expression: str
    timeout_ms: int = 200
    on_error: str = ""
    """Step to go to when it fails; empty: the target becomes null and the routes decide."""


class CartActionSpec(Part, frozen=True, kw_only=True):
    """One change of the cart on submit, made only where `when` holds."""

    action: str
    when: tuple[Condition, ...] = ()
    args: dict[str, Any] = {}


class Position(Part, frozen=True, kw_only=True):
    """Place on the canvas, in canvas units; untouched by the engine."""

    x: float = 0.0
    y: float = 0.0


class Step(Part, frozen=True, kw_only=True):
    """A node of the flow."""

    key: str
    type: str
    title: str = ""
    fields: tuple[Field, ...] = ()
    functions: tuple[FunctionSpec, ...] = ()
    cart_actions: tuple[CartActionSpec, ...] = ()
    config: dict[str, Any] = {}
    routes: tuple[Route, ...] = ()
    fallback: str = ""
    fallback_label: str = ""
    mask: bool = False
    required_role: str = ""
    """Who may work the page: `team_lead`, `supervisor`, `admin`, or a role of the seat's settings. Others see
    it locked until somebody who has the role signs in over the agent's shoulder. What the page loads as it
    opens is loaded all the same."""
    driver: Literal["", "human", "flow_agent", "either"] = ""
    """Who works the page: a `human`, a `flow_agent` that talks to the caller, or `either`, whoever has the
    call; empty: as the flow says. Pages that take secrets, need hands (transfer, web browser), are for a
    role or are read word for word are a human's in any case. See docs/flow-agents.md."""
    target_seconds: int = 0
    """How long the step should take; the replay and the bar at the bottom compare with it."""
    position: Position | None = None

    def field(self, name: str) -> Field | None:
        """The field of that name, or None."""
        return next((field for field in self.fields if field.name == name), None)


class Variable(Part, frozen=True, kw_only=True):
    """A value the flow declares beside its fields."""

    name: str
    type: str = "text"
    default: Any = None


class Product(Part, frozen=True, kw_only=True):
    """Something that can lie in the cart."""

    key: str
    name: str
    price: str


class Shipping(Part, frozen=True, kw_only=True):
    """A way of sending the order."""

    key: str
    name: str
    price: str
    timeframe: str = ""


class TaxRate(Part, frozen=True, kw_only=True):
    """Tax of one region, in percent of the goods."""

    country: str
    region: str
    percent: str


class Coupon(Part, frozen=True, kw_only=True):
    """Money off the order for a code: an `amount` in major units, or `percent` of the goods."""

    code: str
    name: str = ""
    amount: str = ""
    percent: str = ""
    minimum: str = ""
    """Goods the order must reach, in major units; below it the coupon waits."""
    expires: str = ""
    """Last day (`2026-12-31`, until it has ended everywhere on earth), or a time with its offset."""
    once: bool = True
    """Counts once an order, however often it is applied; false: each time again."""
    stacks: bool = False
    """May stand beside other coupons that stack."""


class Catalogue(Part, frozen=True, kw_only=True):
    """What the flow sells, and what is added to the price."""

    currency: str = "USD"
    products: tuple[Product, ...] = ()
    shipping: tuple[Shipping, ...] = ()
    tax: tuple[TaxRate, ...] = ()
    coupons: tuple[Coupon, ...] = ()

    def coupon(self, code: str) -> Coupon | None:
        """The coupon of that code, read without regard to case or blanks, or None."""
        wanted = "".join(code.split()).casefold()
        return next((coupon for coupon in self.coupons if coupon.code.casefold() == wanted), None)

    def product(self, key: str) -> Product | None:
        """The product of that key, or None."""
        return next((product for product in self.products if product.key == key), None)


class Template(Part, frozen=True, kw_only=True):
    """Steps that several steps of a flow use (`sub_script`); its `end` steps are the ways back."""

    key: str
    start: str
    version: int = 1
    name: str = ""
    steps: tuple[Step, ...] = ()


class DataSource(Part, frozen=True, kw_only=True):
    """A list from outside: rows that stand here, or a query to a connection."""

    key: str
    name: str = ""
    connection: str = ""
    query: str = ""
    rows: tuple[dict[str, Any], ...] = ()


class Flow(Part, frozen=True, kw_only=True):
    """A versioned call script. `version` 0 is a draft that was never published."""

    key: str
    name: str
    start: str
    schema: int = 1
    """Always written: a later version must not take an old document for one of its own."""
    client: str = ""
    version: int = 0
    languages: tuple[str, ...] = ()
    """BCP 47; the texts are written in the first. See `engine.languages`."""
    translations: dict[str, dict[str, str]] = {}
    """Language to text to what stands in its place."""
    driver: Driver = "human"
    """Who works the steps that do not say so themselves."""
    variables: tuple[Variable, ...] = ()
    data_sources: tuple[DataSource, ...] = ()
    catalogue: Catalogue = Catalogue()
    templates: tuple[Template, ...] = ()
    steps: tuple[Step, ...] = ()

    def step(self, key: str) -> Step | None:
        """The step of that key, or None; `caller/inner` is one of the template that `caller` uses."""
        known = index(self).steps
        found = known.get(key)
        if found is None and "/" in key:
            found = subscripts.inner_step(self, key)
            if found is not None:
                known[key] = found
        return found

    def every_step(self) -> Iterator[Step]:
        """All steps as they are written: the flow's own, then those of its templates."""
        yield from self.steps
        for template in self.templates:
            yield from template.steps

    def data_source(self, key: str) -> DataSource | None:
        """The data source of that key, or None."""
        return next((source for source in self.data_sources if source.key == key), None)

    def field(self, name: str) -> Field | None:
        """The declared field of that name in any step, or None."""
        return index(self).fields.get(name)

    @property
    def secrets(self) -> frozenset[str]:
        """Names of all encrypted fields."""
        return index(self).secrets


# loading


def load(data: bytes) -> Flow:
    """Read a flow document. Raises `DocumentError` naming the first wrong place."""
    if len(data) > MAX_BYTES:
        refuse_size(len(data))
    try:
        raw = msgspec.json.decode(data.removeprefix(_BYTE_ORDER_MARK))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise DocumentError(
            "", f"JSON, and this is not ({error})", "Check brackets, commas and quotes."
        ) from None
    return from_builtins(raw)


def refuse_size(size: int) -> NoReturn:
    """Raises `DocumentError`: no flow has that many bytes."""
    raise DocumentError(
        "",
        f"a document of at most {MAX_BYTES // 2**20} MB, and this one has {size / 2**20:.1f} MB",
        "Move product lists and texts that are not part of the script out of the flow.",
    )


def from_builtins(raw: Any) -> Flow:
    """As `load`, from decoded JSON."""
    _check_depth(raw)
    if isinstance(raw, dict) and isinstance(raw.get("schema"), int) and raw["schema"] > SCHEMA:
        raise DocumentError(
            "/schema",
            f"a schema this version knows (up to {SCHEMA}), and this is {raw['schema']}",
            "Update HaloDesk; the flow was written by a newer one.",
        )
    flow: Flow = _read(Flow, raw, "")
    return flow


def dump(flow: Flow) -> bytes:
    """The document as JSON, two spaces of indent, unknown keys where they stood."""
    return msgspec.json.format(msgspec.json.encode(_write(flow)), indent=2) + b"\n"


def content_hash(flow: Flow) -> str:
    """SHA-256 (hex) of the canonical document: sorted keys, no white space."""
    return hashlib.sha256(msgspec.json.encode(_write(flow), order="sorted")).hexdigest()


def _check_depth(raw: Any) -> None:
    level, depth = [raw], 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise DocumentError(
                "", f"at most {MAX_DEPTH} levels of nesting", "Flatten the objects inside each other."
            )
        level = [
            child
            for node in level
            if isinstance(node, dict | list)
            for child in (node.values() if isinstance(node, dict) else node)
        ]


_shapes: dict[type[Part], dict[str, tuple[Any, bool]]] = {}


def _shape(part: type[Part]) -> dict[str, tuple[Any, bool]]:
    shape = _shapes.get(part)
    if shape is None:
        hints = get_type_hints(part)
        shape = {
            field.encode_name: (hints[field.name], field.required)
            for field in msgspec.structs.fields(part)
            if field.name != "extra"
        }
        _shapes[part] = shape
    return shape


def _read(wanted: Any, raw: Any, pointer: str) -> Any:
    origin = get_origin(wanted)
    if origin in (types.UnionType, Union) and raw is None:
        return None
    if origin in (types.UnionType, Union):
        parts = [arg for arg in get_args(wanted) if arg is not type(None)]
        if len(parts) == 1:
            return _read(parts[0], raw, pointer)
    if isinstance(wanted, type) and issubclass(wanted, Part):
        return _read_part(wanted, raw, pointer)
    if origin is tuple and isinstance(inner := get_args(wanted)[0], type) and issubclass(inner, Part):
        if not isinstance(raw, list):
            raise DocumentError(pointer, "a list", "Put square brackets around the entries.")
        return tuple(_read_part(inner, item, f"{pointer}/{index}") for index, item in enumerate(raw))
    try:
        return msgspec.convert(raw, wanted)
    except msgspec.ValidationError as error:
        raise DocumentError(pointer, *_words(wanted, str(error))) from None


def _read_part(part: type[Part], raw: Any, pointer: str) -> Part:
    if not isinstance(raw, dict):
        raise DocumentError(pointer, f"an object ({part.__name__.lower()})", "Put curly braces around it.")
    shape = _shape(part)
    values: dict[str, Any] = {}
    for name, (wanted, required) in shape.items():
        if name in raw:
            values[name] = _read(wanted, raw[name], f"{pointer}/{_escape(name)}")
        elif required:
            raise DocumentError(
                pointer, f'the key "{name}" in this {part.__name__.lower()}', f'Add "{name}".'
            )
    extra = {name: value for name, value in raw.items() if name not in shape}
    return part(**values, extra=extra)


def _write(value: Any) -> Any:
    if isinstance(value, Part):
        known = {
            field.encode_name: _write(getattr(value, field.name))
            for field in msgspec.structs.fields(value)
            if field.name != "extra"
            and (field.name == "schema" or getattr(value, field.name) != _usual(field))
        }
        return {**known, **value.extra}
    if isinstance(value, tuple | list):
        return [_write(item) for item in value]
    return value


def _usual(field: msgspec.structs.FieldInfo) -> Any:
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    return field.default


def _escape(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _words(wanted: Any, said: str) -> tuple[str, str]:
    names = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}
    if get_origin(wanted) is Literal:
        allowed = ", ".join(repr(arg) for arg in get_args(wanted))
        return f"one of {allowed}", "Use one of these words exactly."
    if wanted in names:
        return names[wanted], f"Replace the value by {names[wanted]}."
    return f"another kind of value ({said})", "Compare with the samples that ship."
