"""The JavaScript sandbox: what authors write, what attackers write, and what the worker survives."""

from __future__ import annotations

import asyncio
import gc
import os
import struct
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any, TypeVar

import pytest

from halodesk.engine.errors import FunctionError
from halodesk.runtime.js_child import bare_names
from halodesk.runtime.ports import FunctionRunner
from halodesk.runtime.sandbox import GRACE_SECONDS, JsSandbox, SyntaxChecker

NOW = "2026-06-15T23:30:00-05:00"
T = TypeVar("T")


class StillClock:
    """The Unix epoch, for ever."""

    def wall(self) -> float:
        return 0.0

    def mono(self) -> float:
        return 0.0


def in_sandbox(scene: Callable[[JsSandbox], Awaitable[T]], argv: list[str] | None = None) -> T:
    async def run() -> T:
        sandbox = JsSandbox(StillClock()) if argv is None else JsSandbox(StillClock(), argv=argv)
        async with sandbox:
            return await scene(sandbox)

    return asyncio.run(run())


async def outcomes(sandbox: JsSandbox, expressions: Mapping[str, Mapping[str, Any]]) -> list[Any]:
    """Result, or the words of the error, of each expression with its variables."""
    told: list[Any] = []
    for expression, variables in expressions.items():
        try:
            told.append(await sandbox.evaluate(expression, variables, now=NOW, seed=7))
        except FunctionError as error:
            told.append(str(error))
    return told


def evaluated(*cases: tuple[str, Mapping[str, Any], Any]) -> None:
    """Check expression, variables, result of all cases with one worker."""
    results = in_sandbox(lambda sandbox: outcomes(sandbox, {case[0]: case[1] for case in cases}))
    assert results == [case[2] for case in cases]


def test_is_a_function_runner() -> None:
    runner: FunctionRunner = JsSandbox(StillClock())
    assert hasattr(runner, "evaluate")


# --- what authors write ----------------------------------------------------------------------------


def test_variables_by_bare_name_and_through_vars() -> None:
    evaluated(
        ("attempts + 1", {"attempts": 2}, 3),
        ("vars.attempts + 1", {"attempts": 2}, 3),
        ("attempts >= 3 && !paid", {"attempts": 3, "paid": False}, True),
        ("lines.map(line => line.sku)", {"lines": [{"sku": "a"}, {"sku": "b"}]}, ["a", "b"]),
        ("größe * 2", {"größe": 21}, 42),
        ("price * 2 + 1", {"price": Decimal("10.50")}, 22),
        ("nothing === null", {"nothing": None}, True),
        ("name + '!'", {"name": "O'Brien \"\\ \n </script> ☃ 😀\0"}, "O'Brien \"\\ \n </script> ☃ 😀\0!"),
    )


def test_names_that_javascript_reserves_break_nothing() -> None:
    names = "class if vars helpers eval arguments undefined NaN await yield let static this null".split()
    variables = dict.fromkeys([*names, "a b", "1st", "a-b", "", "a=1", "__proto__", "ⅷ", "x,y", "ok"], 1)
    evaluated(("ok + vars.class + vars['a b'] + vars['a=1']", variables, 4))
    assert bare_names(variables) == ["__proto__", "ⅷ", "ok"]


def test_a_variable_shadows_a_helper_which_stays_within_reach() -> None:
    evaluated(
        ("age >= 18", {"age": 20}, True),
        ("helpers.age('2000-01-01') + age", {"age": 1}, 27),
    )


@pytest.mark.parametrize(
    ("now", "age"),
    [("2026-02-02T12:00:00Z", 24), ("2026-02-03T00:00:00Z", 25), ("2026-02-02T23:30:00-05:00", 24)],
)
def test_age_turns_on_the_local_birthday(now: str, age: int) -> None:
    variables = {"dob": "2001-02-03"}
    result = in_sandbox(lambda sandbox: sandbox.evaluate("age(dob)", variables, now=now))
    assert result == age


def test_helpers() -> None:
    lines = [{"price": 1.5}, {"price": "2"}, {"price": None}, {}]
    evaluated(
        ("age('2008-02-29')", {}, 18),
        ("age(dob)", {"dob": None}, None),
        ("age(dob) >= 18", {"dob": "2020-01-01T10:00:00Z"}, False),
        ("sum(lines, 'price')", {"lines": lines}, 3.5),
        ("sum([1, 2, 3]) + sum(null)", {}, 6),
        ("upper(a) + lower('ÄB') + trim('  x ')", {"a": "é"}, "Éäbx"),
        ("upper(a) + trim(a)", {"a": None}, ""),
        ("digits('+1 (555) 010-9999')", {}, "15550109999"),
        ("days_between('2026-03-01', '2026-02-01')", {}, -28),
        ("days_between('2026-03-01', later)", {"later": ""}, None),
        ("add_days('2024-02-28', 2)", {}, "2024-03-01"),
        ("add_days(today(), -1)", {}, "2026-06-14"),
    )


def test_helpers_say_what_is_no_date() -> None:
    (first, second) = in_sandbox(
        lambda sandbox: outcomes(sandbox, {"age('soon')": {}, "age('2026-02-30')": {}})
    )
    assert "“soon” is not a date (YYYY-MM-DD)" in first
    assert "“2026-02-30” is not a date" in second


def test_clock_and_chance_are_given() -> None:
    async def scene(sandbox: JsSandbox) -> None:
        times = "[new Date(), Date.now(), Date(), new Date(0), typeof performance, new Date().getHours()]"
        assert await sandbox.evaluate(times, {}, now=NOW) == [
            "2026-06-16T04:30:00.000Z",
            1781584200000,
            "Tue Jun 16 2026 04:30:00 GMT+0000",
            "1970-01-01T00:00:00.000Z",
            "undefined",
            4,
        ]
        assert await sandbox.evaluate("new Date() instanceof Date && Date.UTC(1970, 0)", {}) == 0
        assert await sandbox.evaluate("Date.now()", {}) == 0, "the sandbox's own clock"
        chance = "[Math.random(), Math.random()]"
        first = await sandbox.evaluate(chance, {}, seed=7)
        assert first == await sandbox.evaluate(chance, {}, seed=7)
        assert first[0] != first[1]
        assert all(0 <= number < 1 for number in first)
        assert first != await sandbox.evaluate(chance, {}, seed=8)
        assert await sandbox.evaluate(chance, {}) != await sandbox.evaluate(chance, {})

    in_sandbox(scene)


def test_results() -> None:
    evaluated(
        ("undefined", {}, None),
        ("[undefined, null, {a: undefined}]", {}, [None, None, {"a": None}]),
        ("({a: [1, 1.5, 'x', true, {}]})", {}, {"a": [1, 1.5, "x", True, {}]}),
        ("new Date(0)", {}, "1970-01-01T00:00:00.000Z"),
        ("'\\u0000'", {}, "\0"),
        ("(() => { const twice = [1]; return [twice, twice] })()", {}, [[1], [1]]),
        ("1 // a comment", {}, 1),
        ("JSON.parse('{\"__proto__\": 1}')", {}, {"__proto__": 1}),
    )


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("NaN", "the result is NaN"),
        ("({total: 1 / 0})", "total is Infinity"),
        ("() => 1", "the result is a function"),
        ("({a: {b: [1, Symbol('x')]}})", "a.b[1] is a symbol"),
        ("10n", "the result is a bigint"),
        ("new Map()", "special object (Map)"),
        ("Promise.resolve(1)", "special object (Promise)"),
        ("(async () => 1)()", "special object (Promise)"),
        ("/x/", "special object (RegExp)"),
        ("new Date('x')", "not a valid date"),
        ("(() => { const a = {}; a.b = [a]; return a })()", "b[0] contains itself"),
        ("'\\ud800'", "cut in half"),
        ("({'\\ud800': 1})", "cut in half"),
        ("'x'.repeat(70000)", "larger than 64 KB"),
        ("Array(100).fill('x'.repeat(1000))", "larger than 64 KB"),
        ("(() => { let a = []; for (let i = 0; i < 40; i++) a = [a]; return a })()", "deeper than 32 levels"),
    ],
)
def test_results_that_are_no_data(expression: str, words: str) -> None:
    (told,) = in_sandbox(lambda sandbox: outcomes(sandbox, {expression: {}}))
    assert told.startswith("The function's result cannot be used: ")
    assert words in told


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("1 +", "it ends too early"),
        ("", "it ends too early"),
        ("(1", "it ends too early"),
        ("1 2", "line 1, column 3"),
        ("a\n+ b\n+ 'c", "line 3, column 3"),
        ("return 1", "line 1, column 1"),
        ("let x = 1", "line 1, column 1"),
        ("with (vars) {}", "line 1, column 1"),
    ],
)
def test_syntax_errors_name_the_place(expression: str, words: str) -> None:
    (told,) = in_sandbox(lambda sandbox: outcomes(sandbox, {expression: {}}))
    assert told.startswith("The function cannot be read: ")
    assert words in told
    assert told.endswith("Correct it in the builder.")


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("attemps + 1", "line 1, column 1: there is no variable or function “attemps”"),
        ("1 +\n  caller.name.first", "line 2, column 3: cannot read property 'first' of undefined"),
        ("JSON.parse('{')", "line 1, column 6"),
        ("(() => { throw new Error('no stock') })()", "no stock"),
        ("(() => { throw 5 })()", "5"),
        ("(() => { throw new Error('\\ud800') })()", "The function failed"),
        ("(() => { throw null })()", "The function failed"),
        ("(() => { throw new Error('x'.repeat(100000)) })()", "xxx"),
    ],
)
def test_failures_are_put_in_words(expression: str, words: str) -> None:
    (told,) = in_sandbox(lambda sandbox: outcomes(sandbox, {expression: {"caller": {}, "attempts": 1}}))
    assert told.startswith("The function failed: ")
    assert words in told
    assert len(told) < 500


@pytest.mark.parametrize("value", [object(), 1j, "\ud800", iter("x")])
def test_variables_that_are_no_data(value: object) -> None:
    (told,) = in_sandbox(lambda sandbox: outcomes(sandbox, {"1": {"secret": value}}))
    assert told.startswith("A variable holds something that JavaScript cannot take.")


def test_variables_that_are_too_large() -> None:
    (told,) = in_sandbox(lambda sandbox: outcomes(sandbox, {"1": {"a": "x" * (9 << 20)}}))
    assert "larger than 8 MB" in told


@pytest.mark.parametrize("timeout_ms", [0, -1, 5001])
def test_time_limit_out_of_bounds(timeout_ms: int) -> None:
    with pytest.raises(FunctionError, match="time limit"):
        in_sandbox(lambda sandbox: sandbox.evaluate("1", {}, timeout_ms=timeout_ms))


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

    async def scene(sandbox: JsSandbox) -> None:
        await sandbox.start()
        begun = time.monotonic()
        if words:
            with pytest.raises(FunctionError, match=words):
                await sandbox.evaluate(expression, {}, timeout_ms=100)
        else:
            await sandbox.evaluate(expression, {}, timeout_ms=100)
        # One second beyond the two limits for a computer that is busy with other things.
        assert time.monotonic() - begun < 0.1 + GRACE_SECONDS + 1
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


# --- the syntax check ------------------------------------------------------------------------------


def test_syntax_check() -> None:
    with SyntaxChecker() as check:
        assert check("attempts + 1") is None
        assert check("anything.at.all(1)") is None
        assert check("(() => { while (true); })()") is None, "it is compiled, not run"
        assert check("1 +") == "it ends too early, or a bracket or quote is not closed"
        assert str(check("a\n b")).startswith("line 2, column 2: ")
        assert check("\ud800") == "it holds text that is not valid"
        assert check("(" * 20000) == "it is too long or nested too deeply"
        assert check("2") is None


def test_syntax_check_works_while_a_loop_runs() -> None:
    async def scene() -> str | None:
        with SyntaxChecker() as check:
            return check("1")

    assert asyncio.run(scene()) is None
