"""Pictures of the monitor, while the bundled sample is read.

    python tools/pictures.py monitor              those in docs/images
    python tests/browser/pictures.py /tmp/look    all views, on a phone and in the dark too

The embedded reader reads the sample's eighteen pages (about a minute), with faults: one page fails
for good, and one batch is held, so that the run is still going on. Needs chromium and tesseract.
"""

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests")]

from helpers.browser import Page, browser  # noqa: E402
from helpers.embedded_process import wait_for  # noqa: E402
from helpers.library import Library  # noqa: E402
from helpers.monitor_process import MonitorProcess  # noqa: E402
from helpers.sample import SAMPLE  # noqa: E402

DEAD = "Ohio:Merrivale Female Seminary:1859:4"
COURSES = "Massachusetts:Ashgrove College:1852:4"
FAULTS = [f"max-tokens:match={DEAD}$", "batch-hold:match=wave6-,times=1,seconds=600"]
WIDE, PHONE = (1280, 800), (390, 844)


AS_IN_THE_PROJECT = f"""
for (const code of document.querySelectorAll('.copy code')) code.textContent = code.textContent
    .replace(/\\S*bin\\//, '').replaceAll('{ROOT}/', '').replace(' --configfile config.yaml', '');
"""
"""Commands as they are shown to whoever started the monitor in the project's folder."""


def sample(root: Path) -> Library:
    """The sample, with a page that fails and a batch that is held."""
    paths = {
        "label_source_dir": str(SAMPLE / "labels"),
        "image_source_dir": str(SAMPLE / "images"),
    }
    embedded = {"reader": "ocr", "faults": FAULTS}
    return Library(root, {}, paths=paths, embedded=embedded, execution={"max_retries": 2})


def shoot(page: Page, file: Path, size: tuple[int, int], *, dark: bool = False) -> None:
    """A picture of what is shown now, in a window of this size."""
    page.look(dark=dark, width=size[0], height=size[1])
    page.js("scrollTo(0, 0); new Promise(done => setTimeout(done, 600))")
    page.screenshot(file, whole=size == PHONE)
    print(file)


def go(page: Page, part: str, selector: str) -> None:
    """Show a part of the monitor, and wait until it is there."""
    page.js(f"location.hash = {part!r}")
    wait_for(lambda: page.text(selector))
    page.js("Promise.all([...document.images].map(image => image.decode().catch(() => 0)))")


def draw(folder: Path, *, all_views: bool = False) -> None:
    """Read the sample, and take pictures into a folder: those of the docs, or all views."""
    with tempfile.TemporaryDirectory() as name, sample(Path(name)) as library:
        head = library.start()
        # The last wave is at the service, and all before it have come back.
        held = "SELECT 1 FROM batch WHERE wave = 6 AND status = 'submitted'"
        wait_for(lambda: (library.state / "ledger.sqlite").exists() and library.ledger(held))
        typed = ("-m", "pagewave.commands", "monitor")
        with MonitorProcess(library.root, program=typed) as monitor, browser() as page:
            page.open(monitor.url)
            wait_for(lambda: page.js("document.querySelectorAll('.cell.in-flight').length"))
            views = {
                "monitor": ("books", "#shelf"),
                "monitor_page": (f"page={COURSES}", "#reading"),
            }
            if not all_views:
                for file, view in views.items():
                    go(page, *view)
                    page.js(AS_IN_THE_PROJECT)
                    shoot(page, folder / f"{file}.png", WIDE)
            else:
                look_at_all(page, folder, views)
            assert page.errors == [], page.errors
        head.kill()


def look_at_all(page: Page, folder: Path, views: dict[str, tuple[str, str]]) -> None:
    """Every view, wide, dark and on a phone."""
    folder.mkdir(parents=True, exist_ok=True)
    more = {"dead": (f"page={DEAD}", "#history"), "runs": ("runs", "#run-list")}
    more |= {"run": ("run", "#run-title"), "batch": ("batch=1", "#batch-title")}
    more |= {"failures": ("failures", "#failure-total")}
    for file, view in (views | more).items():
        go(page, *view)
        page.js(
            "for (const fold of document.querySelectorAll('#run-folds details')) fold.open = true"
        )
        shoot(page, folder / f"{file}.png", WIDE)
        shoot(page, folder / f"{file}-dark.png", WIDE, dark=True)
        shoot(page, folder / f"{file}-phone.png", PHONE)


if __name__ == "__main__":
    draw(Path(sys.argv[1]), all_views=True)
