"""Exports in a bucket: each file is copied by Snakemake's storage plugin once it is whole.

As exports these are jobs without a name of their own in this file, so that where nothing else is to
be done no run is begun for them. Only with `exports_to`; then `-n` looks into the bucket, too.

REQUIRED: files of exports
OUTPUTS:  the same below `exports_to`
"""

from pagewave.remote.buckets import copy_for_bucket
from pagewave.workflow.internals import is_remote_job

EXPORTS = str(RUN.settings.paths.exports_dir)
# Jobs on other machines have no keys of buckets.
TO = None if is_remote_job(workflow) else RUN.settings.exports_to


if TO:

    rule:
        name:
            "copy_export"
        input:
            f"{EXPORTS}/{{file}}",
        output:
            # `update`: else Snakemake deletes what is there before the new one is.
            update(storage(f"{TO}/{{file}}")),
        wildcard_constraints:
            file=".+",
        localrule: True
        message:
            f"copy of {{wildcards.file}} to {TO}"
        run:
            snake.job(copy_for_bucket, input[0], output[0])
