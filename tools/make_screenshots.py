"""Makes docs/images: runs the headless demo in both themes and keeps a few of its screenshots.

Run by hand when the look changes: `.venv/bin/python tools/make_screenshots.py`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
KEPT = {"light": {"payment-1": "payment"}, "dark": {"main_offer": "offer-dark"}}


def main() -> None:
    """Two demos, a few pictures."""
    with tempfile.TemporaryDirectory() as folder:
        for theme, pictures in KEPT.items():
            out = Path(folder) / theme
            subprocess.run(
                [sys.executable, "-m", "halodesk", "demo", "--headless", "--theme", theme, "--out", str(out)],
                cwd=ROOT,
                env={"QT_QPA_PLATFORM": "offscreen", **os.environ},
                check=True,
            )
            for found, kept in pictures.items():
                (picture,) = (out / "screenshots").glob(f"*-{found}.png")
                shutil.copyfile(picture, ROOT / "docs" / "images" / f"{kept}.png")


if __name__ == "__main__":
    main()
