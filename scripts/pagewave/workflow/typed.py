"""How another command names what this one goes by: its configuration, its workflow, its folder.

For commands that are printed (`command_line`); a part of the seam to Snakemake (see `internals`).
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pagewave.command_line import remember, to_configure
from pagewave.own_files import DEFAULT_CONFIG
from pagewave.workflow.internals import _uses


def remember_command(workflow: Any, config: Mapping[str, Any], ledger: Path, root: Path) -> None:
    """Have commands name this configuration and workflow, or at least the ledger."""
    found = config_of(workflow, config)
    of_all, section = found or ([], [])
    remember(
        of_all,
        [] if found else ["--ledger", str(ledger)],
        working_directory(workflow),
        section,
        snakefile_of(workflow, root),
    )


@_uses("workflow.config_settings, configfiles and workdir_init")
def config_of(workflow: Any, given: Mapping[str, Any]) -> tuple[list[str], list[str]] | None:
    """The arguments that name the configuration `given` in another command, typed here.

    They are for all commands, then for ours alone: which section of it is ours, where it is that of
    another workflow. None: no arguments do, as where that workflow works its parts out.

    Touches `workflow.configfiles` and `workdir_init`, and of `workflow.config_settings`
    `configfiles` and `config` (what `--config` says). If they are gone: no run begins.
    """
    from snakemake.common.configfile import load_configfile
    from snakemake.utils import update_config

    settings = workflow.config_settings
    # Those of `configfile:` first: what is typed is laid over them.
    read = [Path(workflow.workdir_init, file) for file in workflow.configfiles]
    files = [file for file in read if file not in settings.configfiles] + [*settings.configfiles]
    whole: dict[str, Any] = {}
    for values in [*map(load_configfile, files), settings.config]:
        update_config(whole, values)
    section = [name for name, value in whole.items() if value == given][:1]
    if whole != given and not section:
        return None
    own = [Path.cwd() / DEFAULT_CONFIG]
    named = [] if files == own else [os.path.relpath(file) for file in files]
    typed = [
        f"{name}={value if isinstance(value, str) else json.dumps(value)}"
        for name, value in settings.config.items()
    ]
    return to_configure(named, typed), ["--section", *section] if whole != given else []


@_uses("workflow.included")
def snakefile_of(workflow: Any, root: Path) -> str | None:
    """The Snakefile of another workflow that loads the one in `root`; None where that runs itself.

    Touches `workflow.main_snakefile`. If it is gone: no run begins.
    """
    main = Path(workflow.main_snakefile)
    return None if main.resolve().parent == root.resolve() else os.path.relpath(main)


def working_directory(workflow: Any) -> Path | None:
    """The folder of the run, where that is not the one in which it was called (`--directory`, or
    `workdir:` of another workflow).

    Touches `workflow.overwrite_workdir` and `workdir_init`. If they are gone: no printed command
    begins with `cd`.
    """
    here = Path.cwd()
    is_elsewhere = getattr(workflow, "overwrite_workdir", None) or (
        getattr(workflow, "workdir_init", str(here)) != str(here)
    )
    return here if is_elsewhere else None
