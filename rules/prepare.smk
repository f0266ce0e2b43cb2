"""Images made of scans that can't be sent as they are: PDF, TIFF, too large, not upright, …

A book is one job. It needs the configuration, labels and scans, and neither ledger, key nor
network: so it may run on another machine. Scans that can be sent are used in place, without a job.

REQUIRED: the book's scans
OUTPUTS:  its images, and one manifest that says what each was made from
"""


localrules:
    prepare,


rule prepare:
    input:
        scans_to_prepare,
    output:
        f"{IMAGES}/{{state}}/{{school}}/{{year}}/prepared.json",
    # First the images that the longest lane waits for.
    priority: waves_of_book
    threads: 1
    message:
        "images of {wildcards.state}/{wildcards.school}/{wildcards.year}"
    run:
        snake.job(RUN.prepare_book, book_id(wildcards))
