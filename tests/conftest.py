"""What holds for every test: no screen is needed and nobody's own settings or data are touched."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

# Before any import of Qt or of a module that asks platformdirs at import time.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

_home = Path(tempfile.mkdtemp(prefix="halodesk-tests-"))
atexit.register(shutil.rmtree, _home, ignore_errors=True)
for _name in ("CONFIG", "DATA", "STATE", "CACHE"):
    os.environ[f"XDG_{_name}_HOME"] = str(_home / _name.lower())
