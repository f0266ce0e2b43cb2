"""Jobs on machines that share no disk with the head: a parcel in, a parcel out.

Where files have a default storage (`--default-storage-provider`), both lie in it. On such a machine
these are all rules that there are: they need the package, and no configuration.

REQUIRED: what the head packed (parcels.smk)
OUTPUTS:  what the head puts in its place
"""

from pagewave.workflow import snakefile as snake
from pagewave.workflow.cluster.apart_job import carry_out

# Of each kind: threads, memory in MB and minutes, as of the jobs that do the same on a shared disk.
for kind, given in {
    "images": (1, 1500, 20),
    "words": (4, 2000, 60),
    "exports": (1, 2000, 20),
}.items():

    rule:
        name:
            f"{kind}_apart"
        input:
            f"parcels/{{run}}/{kind}/{{name}}/given.tar",
        output:
            temp(f"parcels/{{run}}/{kind}/{{name}}/made.tar"),
        wildcard_constraints:
            run="[^/]+",
        threads: given[0]
        resources:
            mem_mb=lambda wildcards, attempt, mem_mb=given[1]: mem_mb * attempt,
            runtime=lambda wildcards, attempt, runtime=given[2]: runtime * attempt,
        message:
            f"{kind} elsewhere: {{wildcards.name}}"
        run:
            snake.job(carry_out, input[0], output[0], threads)
