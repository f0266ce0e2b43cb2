"""What is called how: the commands of `pagewave`, each with its module in `commands/`.

The file in `scripts/` that does the same has the name of the module, as all had before there was
one command. Old names go on working.
"""

GROUPS: dict[str, dict[str, str]] = {
    "to begin": {
        "init": "project.init",
        "import": "project.import_scans",
        "iiif": "scans.iiif",
        "bucket": "scans.bucket",
        "doctor": "project.doctor",
    },
    "to read": {
        "plan": "plan",
        "run": "project.run",
        "status": "status",
        "monitor": "monitor",
        "open": "project.open_files",
    },
    "to look and to mend": {
        "failures": "analyze_failures",
        "flags": "flags",
        "retry": "clear_failure_counts",
        "pages": "pages",
        "review": "browser.review",
        "corrections": "corrections",
        "score-pages": "score_pages",
        "audit": "proof.audit",
        "verify": "proof.verify",
    },
    "prompts and models": {
        "prompts try": "trials.try_prompt",
        "prompts compare": "trials.compare_prompts",
        "models": "models",
    },
    "the service and the ledger": {
        "batches": "batches",
        "logs": "deliver_logs",
        "nuke-database": "nuke_database",
        "rebuild-ledger": "rebuild_ledger",
    },
    "your shell": {
        "completion": "project.completion",
    },
}
"""Each command's name and its module, in the order in which a person needs them."""

COMMANDS = {name: module for group in GROUPS.values() for name, module in group.items()}

OF_SCRIPTS = {module.rpartition(".")[2]: name for name, module in COMMANDS.items()}
"""The command's name by that of its module, which is that of its script."""


def command_of(words: list[str]) -> tuple[str, int] | None:
    """The command that the first words name, and how many they are; None where they name none.

    Names of scripts are names too, with either kind of stroke: `clear_failure_counts`.
    """
    for number in (2, 1):
        name = " ".join(words[:number])
        if len(words) >= number and name in COMMANDS:
            return name, number
    old = OF_SCRIPTS.get(words[0].replace("-", "_")) if words else None
    return (old, 1) if old else None
