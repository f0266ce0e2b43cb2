"""The report: what `snakemake --report report.html` (or report.zip) shows, after any run.

A run writes its summary when it ends, so no job makes it and none is run for a report. It and the
books that are finished are flagged as inputs of the default target: those that are not there yet
are in no report, and break none.

REQUIRED: nothing
OUTPUTS:  none
"""


report: "../report/workflow.rst"


CAPTIONS = workflow.current_basedir.join("../report")
SUMMARY = {
    "run.html": ("Run", "what it brought"),
    "waves.svg": ("Run", "waves over time"),
    "cost.html": ("Run", "cost"),
    "failures.html": ("Failures", "failures and dead letters"),
    "books.html": ("Books", "all books"),
    "books.tsv": ("Books", "all books, as a table for programs"),
}


def in_report(file, caption, category, labels, subcategory=None):
    return report(file, CAPTIONS.join(caption), category, subcategory, labels)


def summary_in_report(wildcards):
    return [
        in_report(file, f"{name.split('.')[0]}.rst", SUMMARY[name][0], {"what": SUMMARY[name][1]})
        for name, file in RUN.summary_files().items()
    ]


def book_files(wildcards):
    return [file for book in RUN.bench.dataset.books for file in files_of_book(book)]


def files_of_book(book):
    files = [f"{BOOKS}/{book.id}/book.json", f"{BOOKS}/{book.id}/text.txt"]
    # The report puts paths into a script as they are: a tag could be made of two folders' names.
    if "<" in book.id or not all(os.path.exists(file) for file in files):
        return files[:1]
    labels = {"school": book.school, "year": str(book.year)}
    return [
        in_report(file, "book.rst", "Books", labels | {"what": what}, book.state)
        for file, what in zip(files, ("with provenance", "text"))
    ]
