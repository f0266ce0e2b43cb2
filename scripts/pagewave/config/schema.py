"""The configuration as a JSON schema, for editors: they complete keys and show what each means.

config/schema.json is its output, and a test holds that file against the models:

    PYTHONPATH=scripts python -m pagewave.config.schema > config/schema.json

A run is not checked by it. `load_settings` sees more (folders that are missing, keys that have no
effect), names the nearest known key, and gives all problems at once.
"""

import json
from typing import Any

from pagewave.config.settings import SNAKEMAKE_KEYS, Settings

DRAFT = "http://json-schema.org/draft-07/schema#"
"""The draft that editors know best; nothing here needs a later one."""

MAY_BE_NULL = (("Filters", "target_states"), ("Pricing", "batch_usd_per_million_tokens"))
"""Keys for which a validator takes null as if they were not given."""


def config_schema() -> dict[str, Any]:
    """The schema of a configuration file, of what `load_settings` takes."""
    schema: dict[str, Any] = _plain(
        Settings.model_json_schema(ref_template="#/definitions/{model}")
    )
    models = schema.pop("$defs")
    # Needed unless `filters.labels` is `all`.
    models["Paths"]["required"].remove("label_source_dir")
    for model, key in MAY_BE_NULL:
        field = models[model]["properties"][key]
        about = {name: field.pop(name) for name in ("description", "default")}
        models[model]["properties"][key] = {"anyOf": [field, {"type": "null"}], **about}
    for key in sorted(SNAKEMAKE_KEYS):
        schema["properties"][key] = {"description": "Read by Snakemake itself."}
    return {"$schema": DRAFT, "title": "pagewave", **schema, "definitions": models}


def schema_text() -> str:
    """What config/schema.json holds."""
    return json.dumps(config_schema(), indent=1, ensure_ascii=False) + "\n"


def _plain(schema: Any) -> Any:
    """Without the titles that pydantic makes of names: editors show them in place of the name."""
    if isinstance(schema, list):
        return [_plain(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: {name: _plain(inner) for name, inner in value.items()}
        if key in ("properties", "$defs")
        else _plain(value)
        for key, value in schema.items()
        if key != "title"
    }


if __name__ == "__main__":
    print(schema_text(), end="")
