"""As many jobs as a run of pagewave, in as many waves, that do nothing: what Snakemake itself costs.

overhead.py runs it beside each run of pagewave, as machines differ.
"""

BOOKS = range(config["books"])
LAST_PAGE = config["pages"]
BOOKS_A_LANE = 100


wildcard_constraints:
    book=r"\d+",
    lane=r"\d+",
    page=r"\d+",


rule all:
    input:
        expand("bare/{book}/{page}", book=BOOKS, page=LAST_PAGE),


def pages_before(w):
    books = [book for book in BOOKS if book // BOOKS_A_LANE == int(w.lane)]
    return [] if w.page == "1" else expand("bare/{book}/{page}", book=books, page=int(w.page) - 1)


checkpoint wave:
    input:
        pages_before,
    output:
        "bare/lane{lane}-wave{page}",
    threads: 0
    run:
        open(output[0], "w").close()


rule page:
    input:
        lambda w: f"bare/lane{int(w.book) // BOOKS_A_LANE}-wave{w.page}",
    output:
        "bare/{book}/{page}",
    threads: 0
    run:
        open(output[0], "w").close()
