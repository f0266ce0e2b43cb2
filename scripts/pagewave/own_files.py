"""Where the Snakefile, rules, prompts and profiles of this very pagewave are.

In a checkout they lie around the package; a wheel has them inside of it (setup.py puts them there).
"""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_INSIDE = _PACKAGE / "project"

IS_INSTALLED = _INSIDE.is_dir()
"""Was it installed from a wheel? Else it is a checkout."""
ROOT = _INSIDE if IS_INSTALLED else _PACKAGE.parents[1]
"""The folder of the Snakefile."""
SNAKEFILE = ROOT / "Snakefile"
PROMPTS = ROOT / "prompts"
PROFILES = ROOT / "profiles"
SCRIPTS = _PACKAGE.parent
"""The folder that the package is in; of a checkout also that of the scripts."""

DEFAULT_CONFIG = Path("config/config.yaml")
"""Where a run looks for its configuration, and so does a command, unless told otherwise."""
