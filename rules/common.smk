"""The run behind the rules, and the input functions that ask it.

The package in scripts/pagewave holds the logic; functions here only translate wildcards.
"""

from pagewave.workflow import snakefile as snake
from pagewave.workflow.cluster.apart import of_name
from pagewave.workflow.guarantees import makes_report
from pagewave.workflow.internals import fix_parameters, is_apart

RUN = snake.load(config, workflow, ROOT)
PLAN = RUN.plan

# Where jobs on other machines share no disk with this one, they have rules of their own
# (apart.smk), and those that do the same on a shared disk put in place what was made there.
APART = is_apart(workflow)

PAGES = str(RUN.settings.paths.output_dir)
FETCHED = str(RUN.settings.paths.fetched_dir)
IMAGES = str(RUN.settings.paths.prepared_dir)
BOOKS = str(RUN.settings.paths.books_dir)
WAVES = str(RUN.settings.paths.logs_dir / "waves")

# Where a book lies in each of them, and what messages call it: paths.levels says how many folders.
LEVELS = RUN.dataset.levels
TREE = LEVELS.pattern
NAMED = LEVELS.in_messages


wildcard_constraints:
    **LEVELS.constraints,
    page=r"\d+",
    run="[^/]+",
    lane=r"\d+",
    wave=r"\d+",
    number=r"\d+",


def the_page(wildcards):
    return PLAN.page(book_id(wildcards), wildcards.page)


def pages_that_may_die(wildcards):
    return PLAN.pages_that_may_die()


def book_id(wildcards):
    return "/".join(getattr(wildcards, level) for level in LEVELS.names)


def pages_of_book(wildcards):
    return PLAN.pages_of_book(book_id(wildcards))


def needs_of_book(wildcards):
    return PLAN.needs_of_book(book_id(wildcards))


def needs_of_exports(wildcards):
    return PLAN.needs_of_exports()


def export_files(wildcards):
    return RUN.exports.files()


def site_files(wildcards):
    return RUN.site.files()


def exports_in_bucket(wildcards):
    files = RUN.exports.files() if TO else []
    return [storage(f"{TO}/{os.path.relpath(file, EXPORTS)}") for file in files]


def needs_of_site(wildcards):
    return PLAN.needs_of_site()


def of_this_machine(wildcards):
    return snake.of_this_machine(workflow)


def words_files(wildcards):
    return RUN.words.files()


def needs_of_words(wildcards):
    return PLAN.needs_of_words()


def book_to_export(wildcards):
    return PLAN.book_file(book_id(wildcards))


def words_to_export(wildcards):
    return PLAN.words_to_export(book_id(wildcards))


def threads_of_book(wildcards):
    # Here all books that are ready start at once; elsewhere a job has a CPU of its own.
    return 1 if PLAN.facts_of_book(book_id(wildcards)) else 0


def made_elsewhere(kind, *of):
    return [RUN.apart.made(kind, *of)] if RUN.apart else []


def images_made(wildcards):
    return made_elsewhere("images", wildcards.number)


def words_made(wildcards):
    return made_elsewhere("words", book_id(wildcards))


def export_made(form):
    return lambda wildcards: made_elsewhere(
        "exports", form, *([book_id(wildcards)] if len(wildcards) else [])
    )


def needs_of_parcel(wildcards):
    of = of_name(wildcards.name)
    if wildcards.kind == "images":
        return PLAN.needs_of_images(int(of[0]))
    return PLAN.book_file(of[0]) if wildcards.kind == "words" else needs_of_form(*of)


def needs_of_form(name, book=None):
    if book is None:
        return PLAN.needs_of_exports()
    return (
        PLAN.words_to_export(book) if RUN.exports.form(name).reads_words else PLAN.book_file(book)
    )


def needs_of_preparation(wildcards):
    return PLAN.needs_of_preparation(book_id(wildcards))


def objects_to_fetch(wildcards):
    return [storage(url) for url in PLAN.objects_to_fetch(book_id(wildcards))]


def waves_of_book(wildcards):
    return PLAN.waves_of_book(book_id(wildcards))


def needs_of_images(wildcards):
    return PLAN.needs_of_images(int(wildcards.number))


def waves_of_images(wildcards):
    return PLAN.waves_of_images(int(wildcards.number))


def previous_page(wildcards):
    return PLAN.previous_needed(the_page(wildcards)) or []


def wave_of_page(wildcards):
    return PLAN.wave_of(the_page(wildcards)) or []


def wave_needs(wildcards):
    return PLAN.waits_for(int(wildcards.lane), int(wildcards.wave))


def batches_of_wave(wildcards):
    return PLAN.batches_of_wave()


def waves_left(wildcards):
    # Free slots go to the lane with the longest way to go; 0 is Snakemake's default priority.
    return max(1, PLAN.schedule.waves_left(int(wildcards.lane), int(wildcards.wave)))


# For messages. As parameters they would be asked for each job several times, shown or not.
snake.use_in_messages(
    workflow,
    pagewave_why_again=lambda *names: PLAN.why_again(PLAN.page("/".join(names[:-1]), names[-1])),
    pagewave_preview=lambda lane, wave: f": {PLAN.forecast.wave(int(lane), int(wave))}",
)

# Called for each job.
fix_parameters(
    [
        previous_page,
        wave_of_page,
        wave_needs,
        waves_left,
        batches_of_wave,
        needs_of_book,
        needs_of_exports,
        needs_of_site,
        needs_of_words,
        book_to_export,
        words_to_export,
        threads_of_book,
    ]
)
