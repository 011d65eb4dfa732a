"""The JavaScript sandbox: what attackers write, and what the worker survives."""

from __future__ import annotations

import asyncio
import gc
import os
import struct
import subprocess
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from halodesk.engine.errors import FunctionError
from halodesk.runtime.sandbox import GRACE_SECONDS, JsSandbox, SyntaxChecker
from tests.fakes.sandbox import NOW, evaluated, in_sandbox, outcomes

# --- what attackers write --------------------------------------------------------------------------

BOMBS = {
    "endless loop": ("(() => { while (true); })()", "ran longer"),
    "endless loop that catches": ("(() => { for (;;) try { for (;;); } catch {} })()", "ran longer"),
    "endless loop in a getter": ("({ get a() { while (true); } })", "ran longer"),
    "endless loop in a proxy": ("new Proxy({}, { ownKeys() { while (true); } })", "ran longer"),
    "endless loop in an async function": ("(async () => { while (true); })()", "ran longer"),
    "endless loop in a thrown text": (
        "(() => { throw { toString() { while (true); } } })()",
        "ran longer",
    ),
    "endless generator": ("[...(function* () { while (true) yield; })()]", "memory|ran longer"),
    "regex": ("/^(a+)+$/.test('a'.repeat(40) + 'b')", "ran longer"),
    "big integer": ("(() => { let n = 3n; while (true) n *= n; })()", "ran longer|too large"),
    "sort": ("Array(1e6).fill(0).map(Math.random).sort(() => 0.5 - Math.random())", "ran longer|memory"),
    "sparse array": ("Array(4294967295)", "memory|ran longer"),
    "endless array-like": ("Array.prototype.indexOf.call({ length: 2 ** 53 - 1 }, 1)", "ran longer"),
    "memory": ("(() => { const a = []; while (true) a.push(Array(10000).fill(1)); })()", "memory"),
    "typed array": ("new Uint8Array(2 ** 31 - 1).length", "memory|failed"),
    "doubling text": ("(() => { let s = 'x'; while (true) s = (s + s).toUpperCase(); })()", "memory|failed"),
    "repeated text": ("'x'.repeat(2 ** 29).length", "memory|failed"),
    "joined text": ("Array(2 ** 24).join('xxxxxxxx').length", "memory|failed|longer"),
    "deep recursion": ("(function f() { return f() + 1; })()", "calls itself"),
    "deep recursion in JSON": ("JSON.parse('['.repeat(1e6))", "calls itself|failed"),
    "deep nesting of the source": ("(" * 20000 + "1" + ")" * 20000, "calls itself|cannot be read"),
    "huge output": ("Array(1e5).fill('x'.repeat(100))", "larger than 64 KB|memory|longer"),
    "endless promise": (
        "(() => { const f = () => Promise.resolve().then(f); f(); return 1; })()",
        "",
    ),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_bomb_is_stopped_and_the_next_evaluation_works(bomb: str) -> None:
    expression, words = BOMBS[bomb]
    # What ends for another reason than the time has time enough for it on a busy computer.
    limit_ms = 100 if not words or "longer" in words else 5_000

    async def scene(sandbox: JsSandbox) -> None:
        await sandbox.start()
        begun = time.monotonic()
        if words:
            with pytest.raises(FunctionError, match=words):
                await sandbox.evaluate(expression, {}, timeout_ms=limit_ms)
        else:
            await sandbox.evaluate(expression, {}, timeout_ms=limit_ms)
        # One second beyond the two limits for a computer that is busy with other things.
        assert time.monotonic() - begun < limit_ms / 1000 + GRACE_SECONDS + 1
        assert await sandbox.evaluate("6 * 7", {}) == 42

    in_sandbox(scene)


def test_there_is_nothing_to_reach() -> None:
    absent = (
        "std os require process module exports console print fetch XMLHttpRequest WebSocket Worker"
        " setTimeout setInterval performance Atomics SharedArrayBuffer WebAssembly WeakRef"
        " FinalizationRegistry scriptArgs load loadScript read readFile Deno Bun window document"
    ).split()
    cases: list[tuple[str, Mapping[str, Any], Any]] = [(f"typeof {name}", {}, "undefined") for name in absent]
    evaluated(
        *cases,
        ("this", {}, None),
        ("(function () { return this })() === undefined", {}, True),
        ("Object.keys((0, Function)('return this')()).includes('std')", {}, False),
        ("(() => {}).constructor('return typeof std + typeof os')()", {}, "undefinedundefined"),
        ("[].filter.constructor('return typeof process')()", {}, "undefined"),
        ("(0, eval)('typeof require')", {}, "undefined"),
        ("(async () => {}).constructor('return 1').name", {}, "anonymous"),
    )


@pytest.mark.parametrize(
    "module", ["std", "os", "quickjs:std", "/etc/passwd", "./x.js", "data:text/javascript,1"]
)
def test_no_module_can_be_imported(module: str) -> None:
    seen = f"(() => {{ const seen = []; import('{module}').then(() => seen.push(1)); return seen; }})()"

    async def scene(sandbox: JsSandbox) -> None:
        with pytest.raises(FunctionError, match="Promise"):
            await sandbox.evaluate(f"import('{module}')", {})
        assert await sandbox.evaluate(seen, {}) == []
        with pytest.raises(FunctionError, match="cannot be read"):
            await sandbox.evaluate(f"import x from '{module}'", {})

    in_sandbox(scene)


@pytest.mark.parametrize(
    "poison",
    [
        "Object.prototype.polluted = 1",
        "Object.prototype.toJSON = () => 'x'",
        "Array.prototype.map = null",
        "JSON.stringify = () => '\"x\"'",
        "globalThis.polluted = 1",
        "(0, eval)('var polluted = 1')",
        "Object.defineProperty(Object.prototype, 'polluted', { get() { while (true); } }) && 1",
        "Math.random = Date.now = helpers.constructor.prototype.age = null",
        "Function.prototype.constructor = Function.prototype.call = null",
        "Promise.prototype.then = globalThis.Date = globalThis.Object = null",
        "(globalThis.__proto__ = null)",
    ],
)
def test_poison_does_not_reach_the_next_evaluation(poison: str) -> None:
    check = (
        "[typeof polluted, ({}).polluted, [1].map(x => x + 1), JSON.stringify(1), age('2000-01-01'), {a: 1}]"
    )

    async def scene(sandbox: JsSandbox) -> None:
        await outcomes(sandbox, {poison: {}})
        assert await sandbox.evaluate(check, {}, now=NOW) == ["undefined", None, [2], "1", 26, {"a": 1}]

    in_sandbox(scene)


@pytest.mark.parametrize(
    "source",
    ["1); }), (function () { return (2", "1\n);}; typeof std; {(", "1]; }), (function () { return [2"],
)
def test_source_that_closes_the_wrapper_is_no_expression(source: str) -> None:
    (told,) = in_sandbox(lambda sandbox: outcomes(sandbox, {source: {}}))
    assert told.startswith("The function cannot be read: ")
    with SyntaxChecker() as check:
        assert check(source) is not None


# --- what the worker survives ----------------------------------------------------------------------


def test_evaluations_at_the_same_time_get_their_own_answers() -> None:
    async def scene(sandbox: JsSandbox) -> list[Any]:
        return await asyncio.gather(*(sandbox.evaluate("n * n", {"n": n}) for n in range(20)))

    assert in_sandbox(scene) == [n * n for n in range(20)]


def test_works_on_a_loop_of_another_thread() -> None:
    with ThreadPoolExecutor(1) as io_thread:
        assert io_thread.submit(in_sandbox, lambda sandbox: sandbox.evaluate("1", {})).result(60) == 1


def test_cancelled_evaluation_does_not_answer_the_next_one() -> None:
    async def scene(sandbox: JsSandbox) -> None:
        await sandbox.start()
        task = asyncio.create_task(sandbox.evaluate("'late'", {}, timeout_ms=5000))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await sandbox.evaluate("'next'", {}) == "next"

    in_sandbox(scene)


def test_worker_that_was_killed_from_outside() -> None:
    async def scene(sandbox: JsSandbox) -> None:
        await sandbox.start()
        assert sandbox._process is not None
        sandbox._process.kill()
        await sandbox._process.wait()
        assert await sandbox.evaluate("1", {}) == 1

    in_sandbox(scene)


def test_closed_sandbox_leaves_no_process_and_starts_again() -> None:
    async def scene(sandbox: JsSandbox) -> None:
        await sandbox.evaluate("1", {})
        process = sandbox._process
        assert process is not None
        await sandbox.close()
        assert process.returncode is not None
        await sandbox.close()
        assert await sandbox.evaluate("2", {}) == 2

    in_sandbox(scene)
    gc.collect()


FAKE = """
import struct, sys
ready = b'{{}}'
sys.stdout.buffer.write(struct.pack('>I', len(ready)) + ready)
sys.stdout.buffer.flush()
sys.stdin.buffer.read({read})
{then}
"""


@pytest.mark.parametrize(
    "then",
    [
        "sys.exit(1)",
        f"sys.stdout.buffer.write({struct.pack('>I', 2**31)!r})",
        f"sys.stdout.buffer.write({struct.pack('>I', 4)!r} + b'nope')",
        "sys.stdout.buffer.write(b'x')",
    ],
    ids=["dies", "endless reply", "nonsense", "half a reply"],
)
def test_worker_that_misbehaves(then: str) -> None:
    argv = [sys.executable, "-c", FAKE.format(read=4, then=then)]
    (told,) = in_sandbox(lambda sandbox: outcomes(sandbox, {"1": {}}), argv)
    assert told.startswith("The function was stopped: the JavaScript worker died under it.")
    with SyntaxChecker(argv) as check, pytest.raises(FunctionError, match="died"):
        check("1")


@pytest.mark.parametrize("argv", [["/no/such/program"], [sys.executable, "-c", "pass"]])
def test_worker_that_does_not_start(argv: list[str]) -> None:
    (told,) = in_sandbox(lambda sandbox: outcomes(sandbox, {"1": {}}), argv)
    assert told.startswith("The JavaScript worker cannot be started.")
    with SyntaxChecker(argv) as check, pytest.raises(FunctionError, match="cannot be started"):
        check("1")


def test_worker_sees_nothing_of_the_seats_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALODESK_API_KEY", "secret")
    told = (
        "import os, json\n"
        "body = json.dumps({'result': sorted(os.environ)}).encode()\n"
        "sys.stdout.buffer.write(struct.pack('>I', len(body)) + body)\n"
        "sys.stdout.buffer.flush()\n"
        "sys.stdin.buffer.read()"
    )
    argv = [sys.executable, "-c", FAKE.format(read=4, then=told)]
    names = set(in_sandbox(lambda sandbox: sandbox.evaluate("1", {}), argv))
    assert "HALODESK_API_KEY" not in names
    assert names <= {"TZ", "PYTHONPATH", "LC_CTYPE", "SYSTEMROOT"}


@pytest.mark.skipif(sys.platform != "linux", reason="limits as on Linux")
@pytest.mark.parametrize(
    ("attempt", "error"),
    [
        ("open('/etc/hostname')", "OSError"),
        ("os.pipe()", "OSError"),
        ("bytearray(300 << 20)", "MemoryError"),
        ("os.write(os.memfd_create('x'), b'x')", "OSError"),
        ("grant_cpu(-2)\nwhile True: pass", "-24"),
    ],
)
def test_process_is_locked_down(attempt: str, error: str) -> None:
    program = f"import os\nfrom halodesk.runtime.js_child import *\nlock_down()\n{attempt}"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, env={**os.environ}
    )
    assert error in f"{done.returncode} {done.stderr}"


def test_worker_ends_with_its_parent() -> None:
    argv = [sys.executable, "-P", "-m", "halodesk.runtime.js_child"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        process.stdout.read(4)
        process.stdin.write(b"\0\0")
        process.stdin.close()
        assert process.wait(30) == 0
