"""The report: what `snakemake --report report.html` (or report.zip) shows, after any run.

A run writes its summary when it ends, so no job makes it and none is run for a report. While a
report is made, it and the books that are finished are flagged as inputs of the default target:
those that are not there yet are in no report, and break none. At all other times they are no
inputs, so that a rule of another workflow behind this one's does not run again for them.

REQUIRED: nothing
OUTPUTS:  none
"""


report: "../report/workflow.rst"


CAPTIONS = workflow.current_basedir.join("../report")
SUMMARY = {
    "run.html": ("Run", None, "what it brought"),
    "waves.svg": ("Run", None, "waves over time"),
    "cost.html": ("Run", None, "cost"),
    "history.html": ("Run", None, "runs, batches, records, pages"),
    "failures.html": ("Failures", None, "failures and dead letters"),
    "books.html": ("Books", "All books", "table"),
    "books.tsv": ("Books", "All books", "table for programs"),
}


def in_report(file, caption, category, subcategory, labels):
    return report(file, CAPTIONS.join(caption), category, subcategory, labels)


def summary_in_report(wildcards):
    files = RUN.summary_files() if makes_report(workflow) else {}
    return [
        in_report(files[name], f"{Path(name).stem}.rst", *place, {"what": what})
        for name, (*place, what) in SUMMARY.items()
        if name in files
    ]


def book_files(wildcards):
    return [file for book in PLAN.books_of_all() for file in files_of_book(book)]


def files_of_book(book):
    files = [f"{BOOKS}/{book.id}/book.json", f"{BOOKS}/{book.id}/text.txt"]
    # The report puts paths into a script as they are: a tag could be made of two folders' names.
    if "<" in book.id or not makes_report(workflow) or not all(map(os.path.exists, files)):
        return files[:1]
    first, *others = book.folders
    labels = dict(zip(LEVELS.names[1:], others))
    return [
        in_report(file, "book.rst", "Books", first, labels | {"what": what})
        for file, what in zip(files, ("with provenance", "text"))
    ]
