"""The old name of `pagewave.page_model`, for the `page.py` files of older prompts."""

import warnings

from .page_model import PageModel as PageModel

warnings.warn(
    "pagewave.prompting is now pagewave.page_model: change the import of PageModel in page.py",
    DeprecationWarning,
    stacklevel=2,
)
