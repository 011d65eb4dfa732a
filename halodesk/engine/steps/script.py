"""script: what the agent says."""

from __future__ import annotations

import msgspec

from halodesk.engine.steps.base import Plain


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """`body`: Markdown with `{{ name }}`."""

    body: str = ""


class Script(Plain):
    """Talking points, with fields where something is to be noted."""

    name = "script"
    config_type = Config


TYPE = Script()
