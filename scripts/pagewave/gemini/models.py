"""The models of the service: asked about for nothing, before anything is uploaded."""

import difflib
import re
from typing import TYPE_CHECKING

from pagewave.gemini.lists import all_of
from pagewave.gemini.retries import Refused, Repeating

if TYPE_CHECKING:
    from google import genai
    from google.genai import types

NO_SUCH = (404, 405)
"""How the service says that there is no such model, and a gateway that it has no such call."""
PAGE_SIZE = 1000
"""The most models that one page of the list may have (ai.google.dev/api/models)."""


class Models:
    """What a client asks about models; its calls are repeated as all of its others."""

    def __init__(self, client: "genai.Client", calls: Repeating) -> None:
        self._client = client
        self._calls = calls

    def check(self, model: str) -> None:
        """Make sure that this key may use a model from here.

        Raises:
            ServiceError: the service refuses key or place, does not know the model, or is not
                there.
        """
        from google.genai import errors

        said: list[str] = []

        def look() -> bool:
            try:
                self._client.models.get(model=model)
            except errors.ClientError as error:
                said.append(str(error.message))
                raise
            return True

        if self._calls.repeat_unless(NO_SUCH, look, f"looking at model {model}"):
            return
        names = self.names()
        is_named = re.search(rf"{re.escape(model)}\b.* not found", said[-1]) is not None
        if not is_named and (names is None or model in names):
            return  # a gateway that passes on no more than batches need
        near = difflib.get_close_matches(model, set(names or []) - {model}, n=1)
        hint = f"Did you mean {near[0]}? " if near else ""
        raise Refused(
            f"Gemini does not know model {model}: {said[-1]} {hint}Check model.name.", 404
        )

    def names(self) -> list[str] | None:
        """The models that the service offers; None where it has no list of them."""

        def name(model: "types.Model") -> str:
            return (model.name or "").removeprefix("models/")

        fetch = self._client.models.list
        try:
            return all_of(self._calls, fetch, name, "listing the models", PAGE_SIZE)
        except Refused as error:
            if error.code not in NO_SUCH:
                raise
            return None
