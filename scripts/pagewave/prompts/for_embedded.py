"""What the embedded reader makes of a page model other than that of catalogs, said beforehand."""

from pydantic import ValidationError

from pagewave.config.settings import Settings
from pagewave.embedded.server.made_up import field_for_words, is_of_catalogs, made_up
from pagewave.errors import ConfigError
from pagewave.prompts.registry import Prompt
from pagewave.prompts.schema import response_schema

WORDS = "Words of a page."


def embedded_notices(settings: Settings, prompt: Prompt) -> list[str]:
    """What a person should know who has the embedded reader read with a page model of their own.

    Raises:
        ConfigError: the page model takes no answer that is made up; names the fields.
    """
    schema = response_schema(prompt.page_model)
    if settings.engine != "embedded" or is_of_catalogs(schema):
        return []
    try:
        prompt.page_model.model_validate(made_up(schema, WORDS))
    except ValidationError as error:
        fields = "; ".join(
            f"{'.'.join(map(str, each['loc'])) or 'the page'}: {each['msg']}"
            for each in error.errors(include_url=False)
        )
        raise ConfigError(
            f"engine: embedded reads course catalogs, and makes up the rest of prompt "
            f"{prompt.name}'s page model, which takes no such page ({fields}). Nothing was sent. "
            "Let these fields be null in its page.py (`| None`), or set engine: gemini."
        ) from None
    field = ".".join(field_for_words(schema))
    told = f"the page's words go into `{field}`" if field else "it has no field for words"
    return [
        f"engine: embedded reads course catalogs. Of prompt {prompt.name}'s page model {told}; all "
        "else is made up (null, empty, 0, a first choice), to try the workflow. To read it: "
        "engine: gemini."
    ]
