"""Words: where each stands on its page and how doubtful it is, one rule for a book.

It needs no ledger, key or network, as exports don't, and goes by their manner: it has no name of
its own in this file, so that where nothing else is to be done no run is begun for it. Made where
`words.languages` names a language; `words` makes those of all books, and nothing else.

REQUIRED: page files, scans; the book's file, which is there when its pages are
OUTPUTS:  results/words; named is the record of a book that is written last (`.pagewave.json`)
"""


rule:
    name:
        "words_book"
    input:
        book_to_export,
        made=words_made,
    output:
        # `update`: the old files stay until the new ones are there.
        update(RUN.words.book_file(TREE)),
    localrule: APART
    threads: 1 if APART else 4
    resources:
        words_books=of_this_machine,  # the limit is in workflow/snakefile.py
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    message:
        f"words of {NAMED}"
    run:
        snake.job(RUN.write_words, book_id(wildcards), threads, *input.made)


rule:
    name:
        "words"
    input:
        needs_of_words,
    localrule: True
    message:
        "words of all books"
