"""Moves the clock of a Python process that a test starts, as helpers/clock.py describes.

Python imports a module of this name when it starts, from wherever PYTHONPATH leads.
"""

import os
import time
from pathlib import Path

if name := os.environ.get("TEST_CLOCK_FILE"):
    real, file = time.time, Path(name)
    time.time = lambda: real() + float(file.read_text())
