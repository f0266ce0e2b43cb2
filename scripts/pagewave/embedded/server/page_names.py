"""Which page an image shows, told from the folders of images: a single call names none.

A batch's records have keys. A call has an image and a prompt, so the folders that hold the images
(`state/school/year/page.jpg`, or as many levels deep as there are) are looked through for the one
with the same bytes.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path


class PageNames:
    """The keys of images by their content. Used by one thread."""

    def __init__(self, folders: Iterable[Path] = (), levels: int = 3) -> None:
        self._levels = levels
        self._folders = list(folders)
        self._keys: dict[str, str] = {}
        self._seen: set[tuple[Path, int]] = set()

    def add(self, folder: Path) -> None:
        """Look in this folder too."""
        if folder not in self._folders:
            self._folders.append(folder)

    def key_of(self, image: bytes) -> str:
        """The key of the page that the image shows; "" where no folder has it."""
        digest = hashlib.sha256(image).hexdigest()
        if digest not in self._keys:
            for folder in self._folders:
                self._look_through(folder)
        return self._keys.get(digest, "")

    def _look_through(self, folder: Path) -> None:
        """Take in the images that are new or were changed since the last look."""
        for path in folder.glob("/".join(["*"] * self._levels + ["*.*"])):
            mark = (path, path.stat().st_mtime_ns)
            if mark not in self._seen:
                self._seen.add(mark)
                key = ":".join([*path.parts[-1 - self._levels : -1], path.stem])
                self._keys[hashlib.sha256(path.read_bytes()).hexdigest()] = key
