"""What tests have from `with` to its end: servers, disks, a cluster."""

from abc import ABC, abstractmethod
from typing import Self


class Lasting(ABC):
    """Begins with `with` and is over with it, however it ends."""

    def open(self) -> object:
        """Begins; some things need no beginning before they are used."""
        return None

    @abstractmethod
    def close(self) -> object:
        """Ends what was begun."""

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
