"""Pages, and the waves that carry them.

A page waits for the page before it and for the wave that brings its answer. Which wave that is, the
schedule predicts before the run, and corrects when a wave ends: then Snakemake asks the input
functions of everything that waited for it again.

REQUIRED: labels and images of the data set
OUTPUTS:  one JSON file a page, one manifest a wave
"""


rule page:
    input:
        needs_of_page,
    output:
        # `update`: a page that dies when it is read again keeps the answer it had.
        update(f"{PAGES}/{TREE}/{{page}}.json"),
    # A cluster's profile may have failed jobs repeated; these have their own ways.
    retries: 0
    localrule: True
    # All that are ready start at once: with a thread each, Snakemake would look at the files of
    # all of them again for every two that it starts.
    threads: 0
    message:
        f"page {{wildcards.page}} of {NAMED}{{pagewave_why_again:{NAMED}/{{wildcards.page}}}}"
    run:
        snake.job(RUN.write_page, the_page(wildcards))


checkpoint wave:
    input:
        wave_needs,
    output:
        f"{WAVES}/{{run}}/lane{{lane}}-wave{{wave}}.json",
    priority: waves_left
    retries: 0
    localrule: True
    # It only waits: with a thread of its own, `cores` would cap the batches in flight.
    threads: 0
    resources:
        gemini_batches=batches_of_wave,
    message:
        "lane {wildcards.lane} wave {wildcards.wave}"
        "{pagewave_preview:{wildcards.lane}/{wildcards.wave}}"
    run:
        snake.job(RUN.read_wave, int(wildcards.lane), int(wildcards.wave), output[0])
