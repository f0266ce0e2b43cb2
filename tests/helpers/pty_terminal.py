"""A terminal of a given size, whose screen is a file: for what is drawn only where a person looks.

No terminal emulator: what was drawn is read as the text of each drawing, without colours.
"""

import fcntl
import os
import re
import struct
import termios
import threading
from pathlib import Path

_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")
LINES = 40


class PtyTerminal:
    """What is written to `device`, a file descriptor, is copied to a file until all closed it."""

    def __init__(self, output: Path, columns: int) -> None:
        self._ours, self.device = os.openpty()
        size = struct.pack("HHHH", LINES, columns, 0, 0)
        fcntl.ioctl(self.device, termios.TIOCSWINSZ, size)
        self._output = output
        self._thread = threading.Thread(target=self._copy, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Give the device up, and wait for what the others still write to it."""
        os.close(self.device)
        self._thread.join()
        os.close(self._ours)

    def _copy(self) -> None:
        with self._output.open("wb", buffering=0) as file:
            while True:
                try:
                    data = os.read(self._ours, 65_536)
                except OSError:  # Linux says so when the last one has closed it
                    return
                file.write(data)


def text_of(drawn: str) -> str:
    """What was drawn, one drawing below the other, without what moves the cursor or colours."""
    return _CONTROL.sub("", drawn)
