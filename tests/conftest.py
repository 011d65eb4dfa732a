"""What holds for every test: no screen is needed and nobody's own settings or data are touched."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings

from tests.examples import many

# Before any import of Qt or of a module that asks platformdirs at import time.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

# A slow machine is no failure: tests that measure time are benchmarks.
settings.register_profile(
    "halodesk", deadline=None, max_examples=many(100), suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("halodesk")

_home = Path(tempfile.mkdtemp(prefix="halodesk-tests-"))
atexit.register(shutil.rmtree, _home, ignore_errors=True)
for _name in ("CONFIG", "DATA", "STATE", "CACHE"):
    os.environ[f"XDG_{_name}_HOME"] = str(_home / _name.lower())

# Nor anybody's sound devices: a test that needs some has a sound server of its own. Naming a server
# also keeps the client library from starting one.
os.environ["PULSE_SERVER"] = f"unix:{_home / 'no-sound-server'}"
os.environ["QT_AUDIO_BACKEND"] = "pulseaudio"
