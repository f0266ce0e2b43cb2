"""Books: the pages of one book in order, with the provenance of each.

REQUIRED: the book's page files
OUTPUTS:  book.json (everything) and text.txt (the text alone)
"""


localrules:
    book,


rule book:
    input:
        pages_of_book,
    output:
        book=f"{BOOKS}/{{state}}/{{school}}/{{year}}/book.json",
        text=f"{BOOKS}/{{state}}/{{school}}/{{year}}/text.txt",
    # As for pages: all that are ready start at once.
    threads: 0
    message:
        "book {wildcards.state}/{wildcards.school}/{wildcards.year}"
    run:
        snake.job(RUN.write_book, wildcards.state, wildcards.school, wildcards.year)
