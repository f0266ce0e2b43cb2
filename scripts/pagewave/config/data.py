"""The sections of the configuration that are about the data: where it is, what is read, how images
are made of it.

A test keeps them in step with `config/README.md`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from pagewave.config.types import ConfigPath, Float, Int, LevelNames, Names, Section
from pagewave.levels import DEFAULT, YEAR, Levels


class Paths(Section):
    """Where things are; relative paths start at the working directory."""

    label_source_dir: ConfigPath = Field(
        description="Labels, {state}/{school}/{year}/{page}.json: a page is read when it has one. "
        "Their content is not looked at."
    )
    image_source_dir: ConfigPath = Field(
        description="Scans, {state}/{school}/{year}/{page}.jpg or in another format; a PDF or TIFF "
        "may hold several pages. They are never changed."
    )
    levels: LevelNames = Field(
        default=list(DEFAULT.names),
        description="What the folders of labels and scans are called in which a book lies, the "
        "outermost first: one to five names, such as [archive, box, folder].",
    )
    output_dir: ConfigPath = Field(
        default=Path("results/pages"), description="What was read, one JSON file a page."
    )
    books_dir: ConfigPath = Field(
        default=Path("results/books"), description="What was read, put together by book."
    )
    exports_dir: ConfigPath = Field(
        default=Path("results/exports"),
        description="What `exports` names: all books as tables and texts. Made of the books again.",
    )
    site_dir: ConfigPath = Field(
        default=Path("results/site"),
        description="The reading room: all books as pages for a browser. Made of books and scans.",
    )
    words_dir: ConfigPath = Field(
        default=Path("results/words"),
        description="Where each word stands and how doubtful it is, where `words.languages` names "
        "any. Made of page files and scans.",
    )
    prepared_dir: ConfigPath = Field(
        default=Path("results/images"),
        description="Images made from scans that can't be sent as they are. Deleting them costs "
        "nothing but time.",
    )
    fetched_dir: ConfigPath = Field(
        default=Path("fetched"),
        description="Scans that lie elsewhere (docs/remote_scans.md), once they are fetched. Keep "
        "it: what is missing is fetched again.",
    )
    corrections_dir: ConfigPath = Field(
        default=Path("corrections"),
        description="What people corrected in page files: it overrides what was read. Keep it.",
    )
    audit_dir: ConfigPath = Field(
        default=Path("audit"),
        description="The random sample that `pagewave audit` drew, what people said of it, and the "
        "certificate. Keep it.",
    )
    logs_dir: ConfigPath = Field(default=Path("logs"), description="Log files.")
    state_dir: ConfigPath = Field(
        default=Path("state"),
        description="The ledger of everything sent and paid. Keep it, on a local disk: SQLite is "
        "not safe on a network file system.",
    )

    @property
    def ledger(self) -> Path:
        """The ledger's file."""
        return self.state_dir / "ledger.sqlite"

    @property
    def tree(self) -> Levels:
        """The levels of the trees."""
        return Levels(tuple(self.levels))

    def page_file(self, name: str) -> Path:
        """Where a page's answer is, by the page's name (`dataset.Page.name`)."""
        return self.output_dir / f"{name}.json"

    def words_file(self, name: str) -> Path:
        """Where a page's words stand, by its name."""
        return self.words_dir / f"{name}.json"

    @classmethod
    def folders(cls) -> list[str]:
        """The names of the keys that hold a folder."""
        return [name for name in cls.model_fields if name != "levels"]

    @property
    def is_state_dir_shared(self) -> bool:
        """Does the state folder hold other folders of ours, or all of them?"""
        state = self.state_dir.resolve()
        folders = [getattr(self, name) for name in self.folders() if name != "state_dir"]
        return any(folder.resolve().is_relative_to(state) for folder in [Path(), *folders])


STATE = "state"
"""The level of `filters.target_states`."""


class TargetYears(Section):
    """An inclusive range of years."""

    start: Int | None = Field(
        default=None, ge=0, le=9999, description="First year to read; null: no lower bound."
    )
    end: Int | None = Field(
        default=None, ge=0, le=9999, description="Last year to read; null: no upper bound."
    )

    @model_validator(mode="after")
    def _ordered(self) -> TargetYears:
        if self.start is not None and self.end is not None and self.start > self.end:
            raise ValueError(f"start {self.start} comes after end {self.end}; swap them")
        return self


class Filters(Section):
    """Which pages to read."""

    labels: Literal["files", "all"] = Field(
        default="files",
        description="files: a page is read when it has a label. all: every page that the scans "
        "hold is read, and `paths.label_source_dir` is not needed.",
    )
    target_states: Annotated[
        list[str], BeforeValidator(lambda value: [] if value is None else value)
    ] = Field(default=[], description="Names of state folders; an empty list: all of them.")
    target_years: TargetYears | None = Field(
        default=None, description="Inclusive range of years; null: all of them."
    )
    levels: Annotated[
        dict[str, Names], BeforeValidator(lambda value: {} if value is None else value)
    ] = Field(
        default={},
        description="Names of folders by level, such as {box: [1, 2]}; a level that is not named: "
        "all of them.",
    )

    @property
    def by_level(self) -> dict[str, list[str]]:
        """Which folders are read, by level; levels that leave none out are not named."""
        found = {STATE: self.target_states, **self.levels}
        return {level: names for level, names in found.items() if names}

    def key_of(self, level: str) -> str:
        """The key that says which folders of a level are read."""
        return f"filters.levels.{level}" if level in self.levels else f"filters.target_{level}s"

    def told(self, levels: Levels) -> list[str]:
        """What they let pass, in words."""
        told = [
            f"{self.key_of(level).removeprefix('filters.')}: "
            f"{', '.join(self.by_level.get(level, ())) or 'all'}"
            for level in levels.names
            if level == STATE or level in self.by_level
        ]
        if YEAR in levels.names:
            years = self.target_years or TargetYears()
            start, end = ("any" if year is None else year for year in (years.start, years.end))
            told.append(f"target_years: {start} to {end}")
        return told

    def problems(self, levels: Levels) -> Iterator[str]:
        """What can't be with these levels, in words."""
        has = f"paths.levels has {', '.join(levels.names)}"
        instead = f"write filters.levels: {{{levels.names[-1]}: [...]}}"
        if self.target_states and STATE not in levels.names:
            yield f"filters.target_states: {has}, and no {STATE}; {instead}"
        if self.target_states and STATE in self.levels:
            yield "filters.target_states: filters.levels names states too; keep one of them"
        if self.target_years and YEAR not in levels.names:
            yield f"filters.target_years: {has}, and no {YEAR}; {instead}"
        for level in self.levels:
            if level not in levels.names:
                yield f"filters.levels.{level}: {has}, and no {level}"


class Fetch(Section):
    """How scans are fetched by the web; buckets have the settings of their own programs."""

    max_requests_per_second: Float = Field(
        default=2.0,
        ge=0.01,
        le=100,
        description="Requests a second at most, over all images. What a library's rules allow, if "
        "they say it.",
    )
    connections: Int = Field(
        default=2, ge=1, le=16, description="Images that are fetched at the same time."
    )
    timeout_seconds: Float = Field(
        default=60.0, gt=0, le=3600, description="Longest silence of a server that is waited for."
    )
    max_attempts: Int = Field(
        default=5,
        ge=1,
        le=50,
        description="Requests for one image, where the server is busy, fails or breaks off.",
    )
    retry_pause_seconds: Float = Field(
        default=2.0,
        ge=0,
        le=600,
        description="Pause before the second request; it doubles each time. A server that names a "
        "pause (Retry-After) is given that, up to an hour.",
    )


class Images(Section):
    """What is made of a scan before it is sent."""

    # Gemini scales larger images down to this itself (firebase.google.com/docs/vertex-ai,
    # input-file-requirements): more pixels only take longer to upload. JPEG ends at 65,535.
    longest_side: Int | None = Field(
        default=3072,
        ge=16,
        le=65_535,
        description="Longest side in pixels: larger images are scaled down to it, smaller ones "
        "are left; null: no limit. Gemini itself scales down to 3072.",
    )
    # Above 95 Pillow's files grow and hardly get better.
    jpeg_quality: Int = Field(
        default=90, ge=1, le=95, description="Quality of the JPEG files that are made."
    )
    pdf_dpi: Int = Field(
        default=300,
        ge=36,
        le=1200,
        description="Pixels per inch of PDF pages; a page that is one scan has the scan's own "
        "pixels, whatever inches it is said to have.",
    )
    grey: bool = Field(default=False, description="true: send images without colours.")
    deskew: bool = Field(
        default=False,
        description="true: turn pages whose lines are askew by up to 5 degrees. Every image is "
        "then prepared.",
    )


class Site(Section):
    """The reading room: all books to be read in a browser."""

    enabled: bool = Field(
        default=True, description="false: no reading room is made; one that is there stays."
    )
    title: str = Field(
        default="Reading room", min_length=1, description="What stands over the shelf."
    )
    longest_side: Int = Field(
        default=1600,
        ge=400,
        le=8000,
        description="Longest side, in pixels, of the images in which pages are read there.",
    )
    quality: Int = Field(default=62, ge=1, le=100, description="Quality of those images (WebP).")
    max_gigabytes: Float | None = Field(
        default=10.0,
        gt=0,
        description="A reading room that is expected to be larger is not made; a dry run says how "
        "large it will be. null: no limit.",
    )


class Words(Section):
    """Where each word stands on its page, and how doubtful it is."""

    languages: list[Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z_]*$")]] = Field(
        default=[],
        description="Languages of the books by Tesseract's names, such as [eng, lat], the main one "
        "first; an empty list: words are not looked for.",
    )
