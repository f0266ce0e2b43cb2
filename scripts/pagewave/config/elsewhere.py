"""A configuration that lies elsewhere, beside what it names: that of the Prefect application.

Relative paths start in the folder of the run. Where its sources are not, but lie beside the one
file that was named, what that file names is taken from there.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

SOURCES = ("label_source_dir", "image_source_dir")


def with_its_own_paths(
    config: Mapping[Any, Any], files: Sequence[Path], folder: Path
) -> tuple[dict[Any, Any], list[str]]:
    """The configuration, and what to tell of it where its paths start beside its file.

    Args:
        config: as it is given; values that are not the file's own are left alone.
        files: the configuration's files, as named by a person.
        folder: where a run takes place.
    """
    given = dict(config)
    if len(files) != 1 or not _is_wanted(given, files[0].parent, folder):
        return given, []
    home = files[0].parent
    its_own = yaml.safe_load(files[0].read_text(encoding="utf-8"))
    if not isinstance(its_own, Mapping):
        return given, []
    for section, keys in (("paths", None), ("prompt", ("registry_dir",))):
        values, theirs = given.get(section), its_own.get(section)
        if not (isinstance(values, Mapping) and isinstance(theirs, Mapping)):
            continue
        given[section] = {
            key: _from(home, value, folder)
            if theirs.get(key) == value
            and key in (keys or theirs)
            and _is_relative(value)
            # Prompts that they do not have are those of this folder, or pagewave's own.
            and (section == "paths" or (home / value).is_dir())
            else value
            for key, value in values.items()
        }
    source = next(config["paths"][key] for key in SOURCES if key in config["paths"])
    named, there = (os.path.relpath(path, folder) for path in (files[0], home))
    return given, [
        f"{named} names folders that are beside it and not here, such as {source}: its paths start "
        f"at {there}. The ledger and all it does not name are kept here."
    ]


def _is_wanted(config: Mapping[Any, Any], home: Path, folder: Path) -> bool:
    """Are all sources that are named beside the file, and none here?"""
    paths = config.get("paths")
    if not isinstance(paths, Mapping) or home.resolve() == folder.resolve():
        return False
    named = [paths[key] for key in SOURCES if _is_relative(paths.get(key))]
    return bool(named) and all(
        (home / name).is_dir() and not (folder / name).exists() for name in named
    )


def _is_relative(value: object) -> bool:
    return isinstance(value, str) and bool(value) and not value.startswith(("/", "~"))


def _from(home: Path, value: str, folder: Path) -> str:
    """The same for each process of a run, however its file was named."""
    return os.path.relpath((home / value).resolve(), folder.resolve())
