"""The reading room: all books as pages for a browser, one rule for a book, one for the shelf.

Both need no ledger, key or network, as exports don't, and go by their manner: they have no name of
their own in this file, so that where nothing else is to be done no run is begun for them.

REQUIRED: files of books, scans; where words are looked for, their trees
OUTPUTS:  results/site; named are the records that are written last (`.pagewave.json`)
"""


rule:
    name:
        "site_book"
    input:
        # The pages in doubt are named, where it is known which they are.
        words_to_export if RUN.words.files() else book_to_export,
    output:
        # `update`: the old files stay until the new ones are there.
        update(RUN.site.book_file(TREE)),
    localrule: APART
    resources:
        site_books=of_this_machine,  # the limit is in workflow/snakefile.py
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
        update(RUN.site.shelf_file),
    localrule: APART
    resources:
        mem_mb=lambda wildcards, attempt: 1000 * attempt,
        runtime=lambda wildcards, attempt: 10 * attempt,
    message:
        "reading room: shelf and search"
    run:
        snake.job(RUN.write_site)
