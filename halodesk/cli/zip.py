"""`halodesk zip`: look postal codes up, and bring in a client's own markets and tax rates."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from halodesk.cli.output import Json, failing, show

if TYPE_CHECKING:
    from halodesk.connectors.zip import ZipBook, ZipPlace
    from halodesk.connectors.zip.importing import TaxUnit

app = typer.Typer(help="Postal codes: look up, import markets and tax rates.", no_args_is_help=True)

Data = Annotated[Path | None, typer.Option(help="Data folder of this seat.")]


@app.command()
def lookup(
    code: Annotated[str, typer.Argument(help="90210, 90210-1234, K1A or “K1A 0B1”.")],
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Say what is known of a postal code, and where market and tax come from."""
    with failing(as_json):
        from halodesk.engine.errors import SettingsError

        places = _book(data).lookup(code)
        if not places:
            raise SettingsError(f"No place is known for {code}.", "Ask for city and state.")
    show(places, as_json=as_json, words=lambda: "\n".join(_words(place) for place in places))


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="A CSV file (UTF-8) with one line of column names.")],
    columns: Annotated[
        str, typer.Option("--map", help="zip=COLUMN and any of dma, tax, city, state, county, by commas.")
    ],
    tax_unit: Annotated[str, typer.Option(help="percent (8.25) or fraction (0.0825).")] = "percent",
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Let a file's values win over those that ship. It replaces what was imported before."""
    mapped, unit = _columns(columns), _unit(tax_unit)
    with failing(as_json):
        from halodesk.connectors.zip.importing import import_file
        from halodesk.runtime.paths import data_dir

        data_dir(data)
        done = import_file(_book(data), file, mapped, tax_unit=unit)
    show(
        done,
        as_json=as_json,
        words=lambda: (
            f"{done.rows} rows for {done.codes} codes are used from now on."
            + (
                f"\n{done.passed_over} rows were passed over: unknown codes without city and state "
                f"({', '.join(done.examples)}{', …' if done.passed_over > len(done.examples) else ''})."
                if done.passed_over
                else ""
            )
        ),
    )


@app.command("remove-overlay")
def remove_overlay(data: Data = None, as_json: Json = False) -> None:
    """Go back to what ships."""
    with failing(as_json):
        overlay = _book(data).overlay
        removed = overlay is not None and overlay.remove()
    show(
        {"removed": removed},
        as_json=as_json,
        words=lambda: "The imported table is gone." if removed else "There was no imported table.",
    )


@app.command()
def meta(data: Data = None, as_json: Json = False) -> None:
    """Say what the tables are made of, their licences and counts."""
    with failing(as_json):
        book = _book(data)
        shipped = book.base.meta()
        imported = book.overlay.meta() if book.overlay is not None else {}
    show(
        {"shipped": shipped, "imported": imported},
        as_json=as_json,
        words=lambda: "\n".join(
            [
                *(f"{key:18} {value}" for key, value in shipped.items()),
                *(f"imported {key:9} {value}" for key, value in imported.items()),
            ]
        ),
    )


def _book(data: Path | None) -> ZipBook:
    from halodesk.connectors.zip import ZipBook
    from halodesk.runtime.paths import data_dir

    return ZipBook(data_dir(data, make=False))


def _columns(text: str) -> dict[str, str]:
    pairs = [part.partition("=") for part in text.split(",")]
    if any(not name.strip() or not column.strip() for name, _, column in pairs):
        raise typer.BadParameter("write zip=COLUMN,dma=COLUMN", param_hint="--map")
    found = {name.strip(): column.strip() for name, _, column in pairs}
    if len(found) != len(pairs):
        raise typer.BadParameter("one name is mapped twice", param_hint="--map")
    return found


def _unit(text: str) -> TaxUnit:
    if text == "percent":
        return "percent"
    if text == "fraction":
        return "fraction"
    raise typer.BadParameter("choose percent or fraction", param_hint="--tax-unit")


def _words(place: ZipPlace) -> str:
    lines = [f"{place.code}  {place.city}, {place.state}, {place.country}"]
    if place.county:
        lines.append(f"  county    {place.county}")
    if place.latitude is not None:
        lines.append(f"  position  {place.latitude}, {place.longitude}")
    if place.timezone:
        lines.append(f"  zone      {place.timezone}")
    if place.dma:
        lines.append(f"  market    {place.dma} ({place.dma_source})")
    if place.tax_rate is not None:
        source = "" if place.tax_source == "imported" else f" ({place.tax_source})"
        lines.append(f"  tax       {place.tax_rate} %{source}: {place.tax_label}")
    return "\n".join(lines)
