"""Exports: all books in the forms that `exports` names, as tables and texts.

A rule a form, called `export_<form>`, made for it here. It needs no ledger, key or network: so it
is a job for a cluster, and where nothing else is to be done no run is begun for it.

REQUIRED: files of books; of forms that say where words stand, the trees of words too
OUTPUTS:  files of all books, or of each book one, under results/exports/<form>
"""

for form in RUN.exports.forms:

    rule:
        name:
            f"export_{form.name}"
        input:
            words_to_export
            if form.reads_words
            else book_to_export if form.is_per_book else needs_of_exports,
            made=export_made(form.name),
        output:
            # `update`: the old files stay until the new ones are there.
            [update(file) for file in form.outputs(TREE)],
        localrule: APART
        threads: threads_of_book if form.is_per_book else 1
        resources:
            mem_mb=lambda wildcards, attempt: 2000 * attempt,
            runtime=lambda wildcards, attempt: 20 * attempt,
        params:
            form=form.name,
        message:
            f"export {form.name}: " + (NAMED if form.is_per_book else "all books")
        run:
            snake.job(
                RUN.write_export,
                params.form,
                book_id(wildcards) if len(wildcards) else None,
                *input.made,
            )
