"""What the certificate of `pagewave audit` says, for the shelf; nothing where there is none."""

from pathlib import Path
from typing import Any

from pagewave.config.data import Paths
from pagewave.pages.dataset import Dataset
from pagewave.words.audit import certificate
from pagewave.words.audit.certificate import Audited, Certificate, file_of


class Accuracy:
    """The certificate of a configuration."""

    def __init__(self, paths: Paths, dataset: Dataset) -> None:
        self._file: Path = paths.audit_dir / certificate.FILE
        self._paths = paths
        self._dataset = dataset

    @property
    def made_of(self) -> str:
        """What it holds: another one makes another shelf."""
        try:
            return self._file.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""

    def told(self) -> dict[str, Any] | None:
        """What it says of the collection as it is now.

        Raises:
            DataError: it can't be read.
        """
        made = Certificate.read(self._file)
        if made is None:
            return None
        audited = Audited(made, file_of(self._paths, self._dataset))
        return {
            "figures": [
                [*figure, made.meanings.get(name, "")]
                for name, figure in zip(made.figures, certificate.told(made.figures), strict=True)
            ],
            "made_at": made.made_at,
            "method": made.method,
            "lines": made.lines,
            "pages": len(made.pages),
            "without": made.pages_without,
            "changed": audited.changed,
        }
