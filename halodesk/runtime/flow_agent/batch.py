"""Many callers at once: read from a folder, run, kept as tests; and all that behind the simulator's window.

Rules:
- Conversations run on the io loop, files are read and written on a thread; news comes to the main
  thread, where alone the view changes. News of a batch that was stopped is dropped by its number.
- A caller's file that cannot be read stops the batch before it begins: half a batch has no pass rate.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path

import msgspec
import structlog

from halodesk.engine.errors import HaloDeskError, SettingsError
from halodesk.engine.flow_agent.document import Document
from halodesk.engine.flow_agent.manner import Manner
from halodesk.runtime.flow_agent import callers
from halodesk.runtime.flow_agent.simulate import MANNER, Report, Talked, as_regression, evaluate
from halodesk.runtime.flow_agent_ports import ChatLLM
from halodesk.runtime.simulator_port import Batch, BatchRun
from halodesk.runtime.threads import IoThread, Post

_log = structlog.get_logger("simulator")
_BROKE = ("The callers' conversations broke off.", "Run them again; the log of the seat says why.")


def callers_in(folder: Path) -> list[callers.Script]:
    """The callers of a folder. Raises `SettingsError`."""
    if not folder.is_dir():
        raise SettingsError(f"{folder} is no folder.", "Name a folder of callers' files.")
    files = sorted(path for path in folder.iterdir() if path.suffix in callers.SUFFIXES)
    if not files:
        raise SettingsError(f"There is no caller in {folder}.", "Put .json or .txt files into it.")
    return [callers.load(path) for path in files]


def keep(document: Document, folder: Path, scripts: Sequence[callers.Script], report: Report) -> int:
    """What passed as callers' files that need no model; how many. `OSError` where it cannot be written."""
    folder.mkdir(parents=True, exist_ok=True)
    times = len(report.runs) // len(scripts)
    by_run = [script for script in scripts for _ in range(times)]
    passed = [(script, run) for script, run in zip(by_run, report.runs, strict=True) if run.ok]
    for script, run in passed:
        saved = as_regression(document, script, run)
        name = "".join(sign if sign.isalnum() or sign in "-_" else "_" for sign in run.caller)
        text = msgspec.json.format(msgspec.json.encode(saved), indent=2)
        (folder / f"{name}.json").write_bytes(text + b"\n")
    return len(passed)


class Batches:
    """The batch of the window. `show` is given each new state of it, and words where it cannot be."""

    def __init__(
        self,
        *,
        io: IoThread,
        post: Post,
        open_models: Callable[[], Sequence[ChatLLM]],
        manner: Manner,
        show: Callable[[Batch | None, str, str], None],
    ) -> None:
        """`open_models`: on the io loop; raises `SettingsError`. `manner`: its caps count for each call."""
        self._io, self._post, self._open_models, self._show = io, post, open_models, show
        self._manner = msgspec.structs.replace(
            MANNER, most_cost=manner.most_cost, most_tokens=manner.most_tokens
        )
        self._batch: Batch | None = None
        self._running: Future[None] | None = None
        self._number = 0
        self._kept: tuple[Document, Sequence[callers.Script], Report] | None = None

    def run(self, document: Document, folder: Path) -> None:
        """Let every caller of the folder talk to it; a batch that runs ends."""
        self.stop()
        self._kept = None
        self._change(Batch(folder=str(folder), running=True))
        self._running = self._io.submit(self._work(self._number, document, folder))

    def stop(self) -> None:
        """End it; what has come stays in sight."""
        self._number += 1
        if self._running is not None:
            self._running.cancel()
            self._running = None
        if self._batch is not None and self._batch.running:
            self._change(msgspec.structs.replace(self._batch, running=False))

    def forget(self) -> None:
        """Another document is open."""
        self.stop()
        self._kept = None
        self._change(None)

    def keep(self, folder: Path) -> None:
        """What passed, as tests that need no model."""
        if self._kept is None:
            return
        document, scripts, report = self._kept

        async def write() -> None:
            try:
                count = await asyncio.to_thread(keep, document, folder, scripts, report)
            except OSError as error:
                words = f"{folder} cannot be written: {error.strerror}."
                self._post(partial(self._change, self._batch, words, "Choose another folder."))
            else:
                self._post(partial(self._saved, self._number, folder, count))

        self._io.submit(write())

    # on the io loop

    async def _work(self, number: int, document: Document, folder: Path) -> None:
        chain: Sequence[ChatLLM] = ()
        try:
            scripts = await asyncio.to_thread(callers_in, folder)
            self._post(partial(self._found, number, len(scripts)))
            if any(not script.model for script in scripts):
                chain = self._open_models()
                if not chain:
                    raise SettingsError(
                        "There is no model to talk to.",
                        "Put one into `llm` of the settings, or take callers with `model`.",
                    )
            report = await evaluate(
                document,
                scripts,
                models=lambda: chain,
                manner=self._manner,
                done=lambda run: self._post(partial(self._came, number, run)),
            )
        except HaloDeskError as error:
            self._post(partial(self._over, number, None, error.message, error.todo))
        except OSError as error:
            words = f"{folder} cannot be read: {error.strerror}."
            self._post(partial(self._over, number, None, words, "Choose another folder."))
        except Exception as error:
            _log.error("batch_failed", error=type(error).__name__)
            self._post(partial(self._over, number, None, *_BROKE))
        else:
            self._post(partial(self._over, number, (document, scripts, report), "", ""))
        finally:
            for llm in chain:
                await llm.close()

    # what it brings, on the main thread

    def _found(self, number: int, count: int) -> None:
        if number == self._number and self._batch is not None:
            self._change(msgspec.structs.replace(self._batch, of=count))

    def _came(self, number: int, run: Talked) -> None:
        if number == self._number and self._batch is not None:
            self._change(msgspec.structs.replace(self._batch, runs=(*self._batch.runs, _shown(run))))

    def _over(
        self,
        number: int,
        result: tuple[Document, Sequence[callers.Script], Report] | None,
        problem: str,
        todo: str,
    ) -> None:
        if number != self._number or self._batch is None:
            return
        self._running, self._kept = None, result
        done = msgspec.structs.replace(self._batch, running=False)
        if result is not None:
            report = result[2]
            done = msgspec.structs.replace(
                done,
                runs=tuple(_shown(run) for run in report.runs),
                whole=True,
                nodes=report.nodes,
                transitions=report.transitions,
            )
        self._change(done, problem, todo)

    def _saved(self, number: int, folder: Path, count: int) -> None:
        if number == self._number and self._batch is not None:
            self._change(msgspec.structs.replace(self._batch, kept=count, kept_in=str(folder)))

    def _change(self, batch: Batch | None, problem: str = "", todo: str = "") -> None:
        self._batch = batch
        self._show(batch, problem, todo)


def _shown(run: Talked) -> BatchRun:
    return BatchRun(
        caller=run.caller, ok=run.ok, problems=run.problems, reason=run.reason or None, visits=run.visits,
        turns=run.turns, tokens=run.tokens, cost=run.cost,
    )  # fmt: skip
