"""Keeps the memory of this process out of crash files and other processes' debuggers.

What it cannot do, said plainly: root, the kernel, a hypervisor's snapshot and a hibernated or swapped-out
machine see all memory. Whoever may debug the seat's user could also start it in a debugger.
"""

from __future__ import annotations

import contextlib
import ctypes
import sys

_PR_SET_DUMPABLE = 4
_FILTER = "/proc/self/coredump_filter"


def disable_core_dumps(*, hidden: bool = True) -> tuple[str, ...]:
    """Returns what is in force now, for the doctor's page.

    `rlimit_core` (POSIX): no core file, and none of a child. `empty_dumps` (Linux): a program that
    takes core dumps (systemd-coredump, apport), whom that limit does not stop, gets no memory.
    `not_dumpable` (Linux, where `hidden`): no debugger of the same user reads the memory either;
    the process's entries below /proc then belong to root. Empty on Windows, where crash dumps are a
    matter of policy.
    """
    done: list[str] = []
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        done.append("rlimit_core")
    if sys.platform == "linux":
        with contextlib.suppress(OSError), open(_FILTER, "w", encoding="ascii") as file:
            file.write("0")
            file.flush()
            done.append("empty_dumps")
        prctl = ctypes.CDLL(None, use_errno=True).prctl
        if hidden and prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) == 0:
            done.append("not_dumpable")
    return tuple(done)
