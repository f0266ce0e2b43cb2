"""pagewave: read scanned books page after page, in waves of one batch each.

    snakemake -n                                   what would be read, wave by wave, and its price
    snakemake --profile profiles/local             read it
    snakemake --profile profiles/local -F results/books/<state>/<school>/<year>/book.json
                                                   read one book again

Settings are in config/config.yaml, explained in config/README.md.
"""

from snakemake.utils import min_version

min_version("9.27.1")


include: "rules/package.smk"


# A job on a machine that shares no disk with the head needs what it was given, and nothing else.
if workflow.remote_exec and workflow.storage_settings.default_storage_provider:

    include: "rules/apart.smk"

else:

    # A file named on the command line stands alone: mixed with the sample's, a forgotten key would
    # silently come from there. So does one that a workflow which includes this one has read.
    if not (workflow.configfiles and (workflow.config_settings.configfiles or "paths" in config)):

        configfile: "config/config.yaml"

    include: "rules/common.smk"
    include: "rules/scans.smk"
    include: "rules/prepare.smk"
    include: "rules/waves.smk"
    include: "rules/books.smk"
    include: "rules/exports.smk"
    include: "rules/copies.smk"
    include: "rules/site.smk"
    include: "rules/words.smk"
    include: "rules/parcels.smk"
    include: "rules/report.smk"

    rule all:
        default_target: True
        input:
            book_files,
            pages_that_may_die,
            export_files,
            exports_in_bucket,
            site_files,
            words_files,
            summary_in_report,
        localrule: True
        message:
            "all books"
