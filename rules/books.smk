"""Books: the pages of one book in order, with the provenance of each.

A book file needs the ledger for what it knows of the pages. On other machines there is none: there
the head writes it to a file first, and the book is a job for its pages, this file and nothing else.

REQUIRED: the book's page files
OUTPUTS:  book.json (everything) and text.txt (the text alone)
"""


rule provenance:
    input:
        pages_of_book,
    output:
        temp(f"{WAVES}/{{run}}/jobs/facts/{TREE}.json"),
    retries: 0
    localrule: True
    threads: 0
    message:
        f"what is known of the pages of {NAMED}"
    run:
        snake.job(RUN.write_facts, book_id(wildcards), output[0])


rule book:
    input:
        needs_of_book,
    output:
        # `update`: the old files stay until the new ones are there.
        book=update(f"{BOOKS}/{TREE}/book.json"),
        text=update(f"{BOOKS}/{TREE}/text.txt"),
    localrule: APART
    # As for pages: all that are ready start at once.
    threads: threads_of_book
    resources:
        mem_mb=lambda wildcards, attempt: 800 * attempt,
        runtime=lambda wildcards, attempt: 5 * attempt,
    message:
        f"book {NAMED}"
    run:
        snake.job(RUN.write_book, book_id(wildcards))
