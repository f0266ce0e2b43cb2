"""As many jobs as a run of pagewave, in waves as well, that do nothing: what Snakemake itself costs.

overhead.py runs it beside each run of pagewave, as machines differ.
"""

BOOKS = range(config["books"])
LAST_PAGE = config["pages"]


wildcard_constraints:
    book=r"\d+",
    page=r"\d+",


rule all:
    input:
        expand("bare/{book}/{page}", book=BOOKS, page=LAST_PAGE),


checkpoint wave:
    input:
        lambda w: (
            [] if w.page == "1" else expand("bare/{book}/{page}", book=BOOKS, page=int(w.page) - 1)
        ),
    output:
        "bare/wave{page}",
    threads: 0
    run:
        open(output[0], "w").close()


rule page:
    input:
        "bare/wave{page}",
    output:
        "bare/{book}/{page}",
    threads: 0
    run:
        open(output[0], "w").close()
