"""Scans that lie elsewhere: fetched before images are made of them, each once, a book a job.

Those of the web the job asks for itself, as docs/remote_scans.md explains; those in buckets
Snakemake's storage plugins bring. What is fetched is never asked for again.

REQUIRED: a list in the book's folder of scans, which `pagewave iiif` or `pagewave bucket` wrote
OUTPUTS:  the scans, and one record of where they came from
"""


rule scans:
    input:
        objects_to_fetch,
    output:
        update(f"{FETCHED}/{TREE}/fetched.json"),
    # First the scans that the longest lane waits for.
    priority: waves_of_book
    retries: 0
    localrule: True
    # It only waits; how many may ask at once is a resource of its own.
    threads: 0
    resources:
        fetches=1,
    message:
        f"scans of {NAMED}"
    run:
        snake.job(RUN.fetch_scans, book_id(wildcards), input)
