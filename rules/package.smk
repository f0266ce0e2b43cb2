"""The package behind the rules, in scripts/pagewave: from here on it can be imported."""

import sys
from pathlib import Path

# Not `workflow.basedir`: another workflow may load this one.
ROOT = Path(workflow.current_basedir.get_path_or_uri(secret_free=True)).parent
sys.path.insert(0, str(ROOT / "scripts"))
