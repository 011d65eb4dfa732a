"""Runs what the engine asks for, on the io thread; one module per kind of effect, found by `registry`."""

from __future__ import annotations

from halodesk.runtime.effects.runner import Effects

__all__ = ["Effects"]
