"""What jobs are given on machines that share no disk with the head (apart.smk), packed by the head.

REQUIRED: what the job itself would read
OUTPUTS:  one file a job, in the default storage until the job has ended
"""

if APART:

    include: "apart.smk"

    rule parcel:
        input:
            needs_of_parcel,
        output:
            temp("parcels/{run}/{kind}/{name}/given.tar"),
        wildcard_constraints:
            kind="images|words|exports",
        retries: 0
        localrule: True
        message:
            "parcel for {wildcards.kind} elsewhere: {wildcards.name}"
        run:
            snake.job(RUN.pack_parcel, wildcards.kind, wildcards.name, output[0])
