"""radio_group: one of a few options, all in sight, keys 1 to 9."""

from __future__ import annotations

from halodesk.engine.fields.dropdown import Choice

TYPE = Choice("radio_group")
