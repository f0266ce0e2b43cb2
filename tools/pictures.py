"""Draws every picture in docs/images anew: the bundled sample is read, looked at and asked again.

    python tools/pictures.py                     all of them, into docs/images
    python tools/pictures.py pages try_prompt    these alone
    python tools/pictures.py --to /tmp/look      into another folder

The embedded reader reads the sample, so nothing is paid and no network is needed. It needs
Chromium and the embedded reader, as tests do, and some minutes.
"""

import argparse
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests")]
from browser import pictures as of_monitor  # type: ignore[import-not-found]  # noqa: E402
from helpers.browser import browser  # type: ignore[import-not-found]  # noqa: E402
from helpers.embedded_process import wait_for  # type: ignore[import-not-found]  # noqa: E402
from helpers.monitor_process import (  # type: ignore[import-not-found]  # noqa: E402
    AuditProcess,
    ReviewProcess,
)

REVIEWED = "Ohio:Merrivale Female Seminary:1859:3"
ROOM_PAGE = "Ohio/Merrivale Female Seminary/1859/index.html"
PAGE = "'Vermont:Linden Grove Academy:1866:4'"
NO_CONTEXT = "v1-no-context.jinja"
COMPARE = f"prompts compare --a {NO_CONTEXT} --b v1.jinja"
TERMINALS = {
    "try_prompt": (108, f"prompts try --page {PAGE} --template v1.jinja"),
    "compare_prompts": (140, f"{COMPARE} --sample 18"),
    "pages": (150, "pages --outdated --limit 6"),
}
"""Commands whose terminal is a picture, with its columns."""
PICTURES = (*TERMINALS, "comparison", "reading_room", "review", "audit", "monitor")


def main() -> None:
    """Draw what is asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("pictures", nargs="*", metavar="PICTURE", help=", ".join(PICTURES))
    parser.add_argument("--to", type=Path, default=ROOT / "docs/images", help="a folder")
    given = parser.parse_args()
    if unknown := set(given.pictures) - set(PICTURES):
        parser.error(f"{', '.join(unknown)}: there are {', '.join(PICTURES)}")
    wanted = set(given.pictures or PICTURES)
    given.to.mkdir(parents=True, exist_ok=True)
    if wanted - {"monitor"}:
        with tempfile.TemporaryDirectory() as name:
            _of_project(_project(Path(name)), wanted, given.to.resolve())
    if "monitor" in wanted:
        of_monitor.draw(given.to)


def _project(folder: Path) -> Path:
    """A project whose sample was read with the first version of the prompt, not the configured."""
    project = folder / "sample"
    _said("init sample --sample", folder)
    config = project / "config/config.yaml"
    configured = config.read_text(encoding="utf-8")
    shutil.copytree(ROOT / "prompts", project / "prompts")
    prompt = project / "prompts/page_ocr"
    first = (prompt / "v1.jinja").read_text(encoding="utf-8")
    without = re.sub(r"{% if previous_context %}.*?{% endif %}\n?", "", first, flags=re.DOTALL)
    (prompt / NO_CONTEXT).write_text(without, encoding="utf-8")
    config.write_text(_with_template(configured, "v1.jinja"), encoding="utf-8")
    _said("run", project)
    config.write_text(configured, encoding="utf-8")
    return project


def _with_template(config: str, file: str) -> str:
    changed, found = re.subn(r"template_file: \S+", f"template_file: {file}", config)
    return changed if found else f"{config}\nprompt:\n  template_file: {file}\n"


def _of_project(project: Path, wanted: set[str], folder: Path) -> None:
    for name, (columns, command) in TERMINALS.items():
        if name in wanted:
            # It asks first, and who draws has said yes.
            said = _said(
                f"{command} --yes" if command.startswith(COMPARE) else command, project, columns
            )
            _draw(f"$ pagewave {command}\n{said}", columns, folder / f"{name}.svg")
    if "comparison" in wanted:
        _said(f"{COMPARE} --page {PAGE} --html one.html --yes", project)
        _shoot(
            f"{(project / 'one.html').as_uri()}#page1", (1280, 860), folder / "compare_prompts.png"
        )
    if "reading_room" in wanted:
        address = (project / "results/site" / ROOM_PAGE).as_uri()
        shown = "document.body?.dataset.shown"
        _shoot(f"{address}#page=3", (1600, 980), folder / "reading_room.png", shown)
    if wanted & {"review", "audit"}:
        with (project / "config/config.yaml").open("a", encoding="utf-8") as config:
            config.write("\nwords:\n  languages: [eng]\n")
        _said("run words", project)
    if "review" in wanted:
        options = ("--configfile", "config/config.yaml", "--name", "Ann Lee")
        with ReviewProcess(project, *options) as review:
            shown = "document.querySelector('.chosen') !== null"
            _shoot(f"{review.url}#page={REVIEWED}", (1280, 860), folder / "review.png", shown)
    if "audit" in wanted:
        _said("audit --lines 60", project)
        options = ("--configfile", "config/config.yaml", "--name", "Ann Lee")
        with AuditProcess(project, *options) as audit:
            shown = "byId('picture').naturalWidth > 0"
            _shoot(audit.url, (1280, 560), folder / "audit.png", shown)


def _said(command: str, folder: Path, columns: int = 120) -> str:
    """What a command of `pagewave` says at a terminal that is so wide, with its colours."""
    terminal = {"COLUMNS": str(columns), "TTY_COMPATIBLE": "1", "TERM": "xterm-256color"}
    environment = os.environ | terminal | {"PYTHONPATH": str(ROOT / "scripts")}
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m pagewave.commands {command}"],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"pagewave {command}\n{done.stdout}\n{done.stderr}")
    # As in a project of somebody's: no folder of this machine.
    return re.sub(r"\S*bin/pagewave", "pagewave", done.stdout)


def _draw(said: str, columns: int, file: Path) -> None:
    console = Console(record=True, width=columns, file=io.StringIO(), force_terminal=True)
    console.print(Text.from_ansi(said))
    console.save_svg(str(file), title="pagewave")
    print(file)


def _shoot(address: str, size: tuple[int, int], file: Path, shown: str = "true") -> None:
    """A page in a window of this size, once what `shown` says (in JavaScript) is so."""
    with browser() as page:
        page.look(width=size[0], height=size[1])
        page.open(address)
        wait_for(lambda: page.js(shown))
        images = "[...document.images].every(i => i.complete || i.loading === 'lazy')"
        wait_for(lambda: page.js(f"{images} && document.fonts.status === 'loaded'"))
        page.js("Promise.all([...document.images].slice(0, 9).map(i => i.decode()))")
        page.screenshot(file, whole=False)
    print(file)


if __name__ == "__main__":
    main()
