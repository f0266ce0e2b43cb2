"""The reading room: all books as pages for a browser, one rule for a book, one for the shelf.

Both need no ledger, key or network, as exports don't, and go by their manner: they have no name of
their own in this file, so that where nothing else is to be done no run is begun for them.

REQUIRED: files of books, scans
OUTPUTS:  results/site; named are the files that are written last
"""


rule:
    name:
        "site_book"
    input:
        book_to_export,
    output:
        # `update`: the old files stay until the new ones are there.
        [update(file) for file in RUN.site.book_files(TREE)],
    resources:
        site_books=1,  # the limit is in workflow/snakefile.py
        mem_mb=lambda wildcards, attempt: 1000 * attempt,
        runtime=lambda wildcards, attempt: 20 * attempt,
    message:
        f"reading room: {NAMED}"
    run:
        snake.job(RUN.write_site, book_id(wildcards))


rule:
    name:
        "site"
    input:
        needs_of_site,
    output:
        [update(file) for file in RUN.site.shelf_files()],
    resources:
        mem_mb=lambda wildcards, attempt: 1000 * attempt,
        runtime=lambda wildcards, attempt: 10 * attempt,
    message:
        f"reading room: shelf and search ({RUN.site.size})"
    run:
        snake.job(RUN.write_site)
