"""`snakemake` with a Slurm plugin that looks every half second whether jobs have ended.

The plugin itself waits 10 seconds longer after each look that found nothing, up to three minutes,
and has no option against it: right for a cluster, slow for tests.
"""

import sys

import snakemake_executor_plugin_slurm as plugin
from snakemake.cli import main

plugin.Executor.next_seconds_between_status_checks = property(
    lambda self: 0.5, lambda self, _: None
)

if __name__ == "__main__":
    sys.argv[0] = "snakemake"
    sys.exit(main())
