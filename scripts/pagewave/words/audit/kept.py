"""What an audit keeps in JSON files, each read whole, or with a word on what to do instead."""

from pathlib import Path
from typing import ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from pagewave.errors import DataError


class Kept(BaseModel):
    """What is in such a file; `instead` says what to do about one that can't be read."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    instead: ClassVar[str]

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """Read what `write` wrote; None where there is none.

        Raises:
            DataError: it can't be read, or is no such file.
        """
        try:
            return cls.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValidationError) as error:
            raise DataError(
                f"{path} can't be read ({type(error).__name__}). {cls.instead}"
            ) from error
