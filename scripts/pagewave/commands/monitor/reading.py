"""What was read of a page, as `page-view.js` shows it: just what the reading room says of one."""

import json
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from pagewave.config.settings import Settings
from pagewave.errors import ConfigError
from pagewave.exports.site.room import alone
from pagewave.ledger import LogRow
from pagewave.workspace import chosen_prompt


class Reading:
    """Reads answers as the page model of the configuration has them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def of(self, rows: Sequence[LogRow], batch_on_file: str | None) -> dict[str, Any] | None:
        """What is on file of a page, or will be; None where nothing was read.

        `content` and `tables` are those of `Shown`; a flag is told in the words of whoever raised
        it. `raw` is the answer itself (JSON), where it is of another page model.

        Args:
            rows: the attempts at the page, oldest first.
            batch_on_file: the name of the batch whose answer its file holds.
        """
        good = [row for row in rows if row.page is not None]
        correction = next((row.corrected for row in rows if row.corrected), None)
        if not good and correction is None:
            return None
        row = next((row for row in good if row.batch_name == batch_on_file), (good or rows)[-1])
        answer = correction or row.page or ""
        facts = {
            "corrected": correction is not None,
            "flags": [["", doubt] for doubt in json.loads(row.flags)],
        }
        # Looked for anew each time: a page model may be put in order while we watch.
        try:
            model = chosen_prompt(self._settings).page_model
            page = model.model_validate_json(answer)
        except (ConfigError, ValidationError):
            return {"content": facts, "tables": [], "raw": answer}
        content, tables = alone(page, row.key, self._settings.paths)
        return {"content": content | facts, "tables": tables}
