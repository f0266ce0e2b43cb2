"""What is loaded while the Snakefile is parsed: each dry run and each job pays for it."""

import os
import subprocess
import sys
from pathlib import Path

SCRIPTS = Path(__file__).parents[2] / "scripts"
HEAVY = {"google.genai", "braintrust", "tesserocr", "numpy", "pypdfium2", "httpx2", "uvicorn"}


def test_the_snakefile_loads_neither_the_service_nor_the_tracking_client() -> None:
    code = (
        f"import sys, pagewave.workflow.snakefile; print(sorted({HEAVY} & set(sys.modules)),"
        "'pagewave.gemini.client' in sys.modules)"
    )
    env = os.environ | {"PYTHONPATH": str(SCRIPTS)}
    ran = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert ran.stdout.strip() == "[] True", ran.stderr
