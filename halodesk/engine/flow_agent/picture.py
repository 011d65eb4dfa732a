"""A picture of a flow: where its nodes and arrows stand. For looking at; the document's own positions stay.

Rules:
- Layers from left to right: a node stands one layer after the nearest one that leads to it, an end
  always in the last. What nothing leads to stands below, in the first.
- In a layer, nodes stand near those they are joined to (the mean of their rows, back and forth, as in
  Sugiyama, Tagawa and Toda, 1981), so that few arrows cross.
- Several functions between the same two nodes are one arrow with several names.
- The same document gives the same picture for ever.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from halodesk.engine.flow_agent.document import Document

WIDTH, HEIGHT = 180.0, 64.0
ACROSS, DOWN = 120.0, 48.0
"""Size of a node and the room between two; any unit."""
_SWEEPS = 6


class Box(msgspec.Struct, frozen=True, kw_only=True):
    """A node, by its upper left corner."""

    node: str
    x: float
    y: float
    width: float = WIDTH
    height: float = HEIGHT
    initial: bool = False
    terminal: bool = False


class Arrow(msgspec.Struct, frozen=True, kw_only=True):
    """A way from one node to another. `back`: it leads to the same or an earlier layer."""

    source: str
    target: str
    functions: tuple[str, ...]
    points: tuple[tuple[float, float], ...]
    back: bool = False


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """All of it, and its size."""

    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    width: float
    height: float


def picture(document: Document) -> Picture:
    """The layout of a document's flow; empty for a simple agent."""
    nodes = {node.key: node for node in document.nodes}
    edges: dict[tuple[str, str], list[str]] = {}
    for node in document.nodes:
        for function in node.functions:
            for target in function.targets:
                if target in nodes:
                    edges.setdefault((node.key, target), []).append(function.name)
    layers = _layers(document, edges)
    rows = _rows(layers, edges)
    tallest = max((len(layer) for layer in rows), default=0)
    boxes: dict[str, Box] = {}
    for column, layer in enumerate(rows):
        top = (tallest - len(layer)) * (HEIGHT + DOWN) / 2
        for row, key in enumerate(layer):
            boxes[key] = Box(
                node=key,
                x=column * (WIDTH + ACROSS),
                y=top + row * (HEIGHT + DOWN),
                initial=nodes[key].initial,
                terminal=nodes[key].terminal,
            )
    arrows = tuple(
        _arrow(boxes[source], boxes[target], tuple(names)) for (source, target), names in edges.items()
    )
    return Picture(
        boxes=tuple(boxes[node.key] for node in document.nodes if node.key in boxes),
        arrows=arrows,
        width=max((box.x + box.width for box in boxes.values()), default=0.0),
        height=max((box.y + box.height for box in boxes.values()), default=0.0),
    )


def _layers(document: Document, edges: Mapping[tuple[str, str], Sequence[str]]) -> dict[str, int]:
    after: dict[str, list[str]] = {}
    for source, target in edges:
        after.setdefault(source, []).append(target)
    layer: dict[str, int] = {}
    reached = [node.key for node in document.nodes if node.initial]
    depth = 0
    while reached:
        for key in reached:
            layer.setdefault(key, depth)
        following = (target for key in reached for target in after.get(key, ()))
        reached = [key for key in dict.fromkeys(following) if key not in layer]
        depth += 1
    ends = [node.key for node in document.nodes if node.terminal and node.key in layer]
    inner = max((at for key, at in layer.items() if key not in ends), default=0)
    for key in ends:
        layer[key] = max(layer[key], inner + 1)
    for node in document.nodes:
        layer.setdefault(node.key, 0)
    return layer


def _rows(layers: Mapping[str, int], edges: Mapping[tuple[str, str], Sequence[str]]) -> list[list[str]]:
    rows: list[list[str]] = [[] for _ in range(max(layers.values(), default=-1) + 1)]
    for key, column in layers.items():
        rows[column].append(key)
    joined: dict[str, list[str]] = {}
    for source, target in edges:
        joined.setdefault(source, []).append(target)
        joined.setdefault(target, []).append(source)
    for sweep in range(_SWEEPS):
        place = {key: row - len(layer) / 2 for layer in rows for row, key in enumerate(layer)}
        order = range(len(rows)) if sweep % 2 == 0 else range(len(rows) - 1, -1, -1)
        for column in order:
            step = -1 if sweep % 2 == 0 else 1
            means = {key: _mean(key, joined, layers, place, column + step) for key in rows[column]}
            rows[column].sort(key=lambda key: means[key])
            place.update({key: row - len(rows[column]) / 2 for row, key in enumerate(rows[column])})
    return rows


def _mean(
    key: str,
    joined: Mapping[str, Sequence[str]],
    layers: Mapping[str, int],
    place: Mapping[str, float],
    column: int,
) -> float:
    near = [place[other] for other in joined.get(key, ()) if layers[other] == column]
    return sum(near) / len(near) if near else place[key]


def _arrow(source: Box, target: Box, functions: tuple[str, ...]) -> Arrow:
    back = target.x <= source.x
    begin = (source.x + source.width, source.y + source.height / 2)
    end = (target.x, target.y + target.height / 2)
    points: tuple[tuple[float, float], ...] = (begin, end)
    if back:  # around below, so that it does not run through the boxes
        low = max(source.y + source.height, target.y + target.height) + DOWN / 2
        points = (begin, (begin[0] + ACROSS / 4, low), (end[0] - ACROSS / 4, low), end)
    return Arrow(source=source.node, target=target.node, functions=functions, points=points, back=back)
