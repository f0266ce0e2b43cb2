"""Images made of scans that can't be sent as they are: PDF, TIFF, too large, not upright, …

A book is one job. Where jobs go to other machines, images are made there, a book or a handful of
books a job, and `images` only takes them over: such a job needs the configuration, labels and
scans, and neither ledger, key nor network. Scans that can be sent are used in place, without a job.

REQUIRED: the book's scans
OUTPUTS:  its images, and one manifest that says what each was made from
"""


rule images:
    input:
        needs_of_preparation,
    output:
        f"{IMAGES}/{TREE}/prepared.json",
    # First the images that the longest lane waits for.
    priority: waves_of_book
    retries: 0
    localrule: True
    threads: 1
    message:
        f"images of {NAMED}"
    run:
        snake.job(RUN.prepare_book, book_id(wildcards))


rule images_elsewhere:
    input:
        needs_of_images,
        made=images_made,
    output:
        temp(f"{WAVES}/{{run}}/jobs/images{{number}}.json"),
    priority: waves_of_images
    localrule: APART
    threads: 1
    # What an attempt made stays: the next one goes on from there.
    resources:
        mem_mb=lambda wildcards, attempt: 1500 * attempt,
        runtime=lambda wildcards, attempt: 20 * attempt,
    message:
        "images of several books, job {wildcards.number}"
    run:
        snake.job(RUN.make_images, int(wildcards.number), output[0], *input.made)
