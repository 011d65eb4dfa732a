"""`halodesk flow-agent`: check, talk to, evaluate and keep flow agents."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any

import typer

from halodesk.cli.files import read_bytes
from halodesk.cli.output import Json, failing, show

app = typer.Typer(help="Check, try out and evaluate flow agents.", no_args_is_help=True)

File = Annotated[Path, typer.Argument(help="A flow agent's document (JSON, version 1).")]
Settings = Annotated[
    Path | None,
    typer.Option(help="Settings file with the models (default: settings.json in the data folder)."),
]
Data = Annotated[Path | None, typer.Option(help="Data folder of this seat.")]
LlmUrl = Annotated[
    str,
    typer.Option(
        "--llm-url", help="A server that speaks OpenAI's chat completions, in place of the settings' models."
    ),
]
FirstWord = Annotated[
    float, typer.Option("--first-word", min=0.1, max=60, help="Seconds a model may take to its first word.")
]
Model = Annotated[str, typer.Option(help="Name of the model at --llm-url. Its key: HALODESK_LLM_KEY.")]


@app.callback()
def _group() -> None:
    """Check, try out and evaluate flow agents."""


@app.command()
def check(file: File, as_json: Json = False) -> None:
    """Find what would fail a caller. Exit code 1 when something must be mended."""
    with failing(as_json):
        from halodesk.engine.flow_agent.document import loads
        from halodesk.engine.flow_agent.lints import findings

        document = loads(read_bytes(file))
        found = findings(document)
    ok = not any(finding.severity == "error" for finding in found)
    result: dict[str, Any] = {
        "ok": ok,
        "nodes": len(document.nodes),
        "transitions": sum(len(node.functions) for node in document.nodes),
        "findings": found,
    }

    def words() -> str:
        lines = [
            f"{one.severity:8} {one.node or '-':18} {one.message} {one.fix}  [{one.code}]" for one in found
        ]
        verdict = (
            "This flow agent must not be used." if not ok else "Usable, see above." if found else "Fine."
        )
        counts = f"{result['nodes']} nodes, {result['transitions']} transitions."
        return "\n".join([*lines, f"{document.name}: {counts} {verdict}"])

    show(result, as_json=as_json, words=words)
    raise typer.Exit(0 if ok else 1)


@app.command()
def chat(
    file: File,
    llm_url: LlmUrl = "",
    model: Model = "default",
    script: Annotated[
        Path | None, typer.Option(help="What the caller says: a caller's file, see docs/flow-agents.md.")
    ] = None,
    param: Annotated[
        list[str] | None, typer.Option(help="A parameter of the call, name=value; several times.")
    ] = None,
    log: Annotated[Path | None, typer.Option(help="Keep the log of the conversation in this file.")] = None,
    live_tools: Annotated[
        bool, typer.Option("--live-tools", help="Call the real webhooks (`tool_hosts` of the settings).")
    ] = False,
    first_word: FirstWord = 2.5,
    settings: Settings = None,
    data: Data = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the log of events, one JSON line each.")
    ] = False,
) -> None:
    """Talk to a flow agent in writing. Webhooks are mocked, unless --live-tools is given.

    A halo flow (*.flow.json) is worked page by page; a stand-in does what is a human's.
    """
    with failing(as_json):
        from halodesk.cli.flow_agent_talk import talk

        raise typer.Exit(
            asyncio.run(
                talk(
                    file,
                    llm_url=llm_url,
                    model=model,
                    script=script,
                    parameters=param or [],
                    log=log,
                    live_tools=live_tools,
                    first_word_s=first_word,
                    settings=settings,
                    data=data,
                    as_json=as_json,
                )
            )
        )


@app.command()
def call(
    file: File,
    to: Annotated[str, typer.Option("--to", help="Number or SIP address to call.")],
    param: Annotated[
        list[str] | None, typer.Option(help="A parameter of the call, name=value; several times.")
    ] = None,
    llm_url: LlmUrl = "",
    model: Model = "default",
    script: Annotated[
        Path | None,
        typer.Option(help="A caller's file whose model and tools answer in place of real ones."),
    ] = None,
    log: Annotated[Path | None, typer.Option(help="Keep the log of the conversation in this file.")] = None,
    settings: Settings = None,
    data: Data = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the log of events, one JSON line each; the last: the end.")
    ] = False,
) -> None:
    """Call somebody and let a flow agent talk. Exit code 1 when nobody answered or no words came about."""
    with failing(as_json):
        from halodesk.cli.flow_agent_call import call as place
        from halodesk.cli.flow_agent_call import last_line

        talked = asyncio.run(
            place(
                file,
                to=to,
                given=param or [],
                llm_url=llm_url,
                model=model,
                script=script,
                log=log,
                settings=settings,
                data=data,
                as_json=as_json,
            )
        )
        if as_json:
            typer.echo(last_line(talked))
        elif talked.answered:
            cost = f", cost {talked.cost:.4f}" if talked.cost else ""
            typer.echo(f"({talked.reason} in {talked.node or 'the prompt'}; {talked.turns} turns{cost})")
            typer.echo(f"Recording: {talked.recording or 'none'}")
        else:
            typer.echo(f"Not answered: {talked.reason}")
    raise typer.Exit(0 if talked.answered and talked.turns else 1)


@app.command("eval")
def evaluate(
    file: File,
    callers: Annotated[Path, typer.Option(help="Folder of callers' files.")],
    llm_url: LlmUrl = "",
    model: Model = "default",
    times: Annotated[int, typer.Option(min=1, max=1000, help="How often each caller calls.")] = 1,
    save: Annotated[
        Path | None,
        typer.Option(help="Keep each conversation that passed as a caller's file without a model."),
    ] = None,
    first_word: FirstWord = 2.5,
    settings: Settings = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Let many callers talk to a flow agent: pass rate and coverage. Exit code 1 on a failure."""
    with failing(as_json):
        from halodesk.cli.flow_agent_talk import batch
        from halodesk.runtime.flow_agent.batch import callers_in

        report, lines = asyncio.run(
            batch(
                file,
                callers_in(callers),
                llm_url=llm_url,
                model=model,
                times=times,
                save=save,
                first_word_s=first_word,
                settings=settings,
                data=data,
            )
        )
    show(report, as_json=as_json, words=lambda: "\n".join(lines))
    raise typer.Exit(0 if report["ok"] else 1)


@app.command("import")
def import_(
    file: File,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an agent of the same name by a new version.")
    ] = False,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Take a document into this seat's flow agents. One with errors is refused."""
    with failing(as_json):
        from halodesk.engine.errors import SettingsError
        from halodesk.engine.flow_agent.document import loads
        from halodesk.engine.flow_agent.lints import findings
        from halodesk.runtime.flow_agent.library import Library
        from halodesk.runtime.paths import data_dir

        document = loads(read_bytes(file))
        found = findings(document)
        wrong = [one for one in found if one.severity == "error"]
        if wrong:
            raise SettingsError(
                f"{file.name} has {len(wrong)} errors; the first: {wrong[0].message}",
                "See them all with: halodesk flow-agent check.",
            )
        version = Library(data_dir(data)).add(document, overwrite=overwrite)
    result = {"agent": document.name, "version": version, "findings": len(found)}
    show(result, as_json=as_json, words=lambda: f"{document.name}: version {version}, {len(found)} findings.")


@app.command("export")
def export(
    name: Annotated[str, typer.Argument(help="Name of a flow agent of this seat.")],
    out: Annotated[Path | None, typer.Option(help="File to write; without it the terminal.")] = None,
    version: Annotated[int, typer.Option(help="A version; 0: the newest.")] = 0,
    data: Data = None,
) -> None:
    """Give a document back as it came."""
    with failing():
        from halodesk.engine.flow_agent.document import dumps
        from halodesk.runtime.flow_agent.library import Library
        from halodesk.runtime.paths import data_dir

        text = dumps(Library(data_dir(data)).load(name, version))
        if out is None:
            typer.echo(text.decode(), nl=False)
        else:
            out.write_bytes(text)
