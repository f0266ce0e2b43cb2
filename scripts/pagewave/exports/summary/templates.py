"""The templates of this package; whatever is put into one is escaped."""

from functools import cache
from importlib.resources import files

import jinja2


@cache
def template(name: str) -> jinja2.Template:
    """A template of this folder."""
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    text = files(__package__).joinpath(name).read_text(encoding="utf-8")
    return environment.from_string(text)
