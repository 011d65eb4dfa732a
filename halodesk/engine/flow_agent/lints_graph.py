"""Findings about the way through the nodes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from halodesk.engine.flow_agent.document import Document

Faults = Iterator[tuple[Any, str, str, str, str]]


def faults(document: Document) -> Faults:
    """Beginning, end, edges and loops."""
    nodes = {node.key: node for node in document.nodes}
    initial = [node.key for node in document.nodes if node.initial]
    if len(initial) != 1:
        yield (
            *("error", "initial_count", "", f"{len(initial) or 'No'} nodes are initial, not exactly one."),
            "Set `is_initial` on the one node where conversations begin.",
        )
    terminals = {node.key for node in document.nodes if node.terminal}
    if not terminals:
        yield (
            *("error", "no_terminal", "", "No node is terminal: a conversation can never end."),
            "Set `is_terminal` on the node that says goodbye.",
        )
    for key, times in Counter(node.key for node in document.nodes).items():
        if times > 1:
            yield (
                *("error", "duplicate_key", key, f'{times} nodes have the key "{key}".'),
                "Give each node a key of its own.",
            )
    for node in document.nodes:
        for function in node.functions:
            for target in function.targets or ("",):
                if target not in nodes:
                    yield (
                        *("error", "dangling_node", node.key),
                        f'"{function.name}" leads to "{target}", and there is no such node.',
                        "Correct `next_node_key`, or add the node.",
                    )
        if node.terminal and node.functions:
            yield (
                *("warning", "terminal_with_functions", node.key),
                "A terminal node says goodbye, and this one can be left.",
                "Take its functions out, or make it not terminal.",
            )
        if not node.ends:
            yield (
                *("warning", "no_end_call", node.key, "The agent cannot hang up from here."),
                'Add "end_call" to `builtin_tools`.',
            )
    edges = {
        node.key: [target for function in node.functions for target in function.targets]
        for node in document.nodes
    }
    reached = reachable(edges, initial)
    if initial and terminals and not terminals & reached:
        yield (
            *("error", "terminal_unreachable", "", "No terminal node can be reached from the first one."),
            "Lead a function to the node that says goodbye.",
        )
    for node in document.nodes:
        if initial and node.key not in reached:
            yield (
                *("warning", "unreachable_node", node.key, "No function leads here."),
                "Lead a function to it, or take it out.",
            )
    yield from _loops(edges, terminals, reached)


def reachable(edges: Mapping[str, Iterable[str]], first: Iterable[str]) -> set[str]:
    """Every key that can be reached, the first ones too."""
    found: set[str] = set()
    left = list(first)
    while left:
        key = left.pop()
        if key not in found:
            found.add(key)
            left.extend(edges.get(key, ()))
    return found


def _loops(edges: Mapping[str, list[str]], terminals: set[str], reached: set[str]) -> Faults:
    """Nodes from which no end can be reached, though there is one elsewhere."""
    back: dict[str, list[str]] = {}
    for key, targets in edges.items():
        for target in targets:
            back.setdefault(target, []).append(key)
    can_end = reachable(back, terminals)
    if not terminals & reached:
        return
    for key in edges:
        if key in reached and key not in can_end:
            yield (
                *("warning", "loop_without_exit", key, "From here no terminal node can be reached."),
                "Add a function that leads on to an end.",
            )
