"""The sections on how pages are read: model, prompt, what a retry changes, what is refused.

`config/README.md` shows the same as tables, and a test keeps both in step. Units are part of a
key's name or of its description.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from pagewave.config.models import Level
from pagewave.config.types import (
    ConfigPath,
    FileName,
    FlagAction,
    Float,
    GuardAction,
    Int,
    ModelName,
    Section,
)
from pagewave.errors import ErrorType


def _off(value: object) -> object:
    # YAML's `OFF` is False.
    return "OFF" if value is False else value


StepKey = Literal[ErrorType, "any"]
"""Which errors a ladder of steps is for."""
HarmCategory = Literal[
    "HARM_CATEGORY_HARASSMENT",
    "HARM_CATEGORY_HATE_SPEECH",
    "HARM_CATEGORY_SEXUALLY_EXPLICIT",
    "HARM_CATEGORY_DANGEROUS_CONTENT",
    "HARM_CATEGORY_CIVIC_INTEGRITY",
]
Threshold = Annotated[
    Literal[
        "OFF", "BLOCK_NONE", "BLOCK_ONLY_HIGH", "BLOCK_MEDIUM_AND_ABOVE", "BLOCK_LOW_AND_ABOVE"
    ],
    BeforeValidator(_off),
]


class GenerationOverrides(Section):
    """Settings of the model that a retry changes; null leaves them as they were."""

    temperature: Float | None = Field(
        default=None, ge=0, le=2, description="Randomness of the answers."
    )
    # 65,536 is the output limit of every Gemini 2.5 and 3 model.
    max_output_tokens: Int | None = Field(
        default=None,
        ge=1,
        le=65_536,
        description="Most tokens an answer may have, thoughts included.",
    )
    top_p: Float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Sample from the likeliest tokens up to this probability.",
    )
    top_k: Int | None = Field(
        default=None, ge=1, description="Sample from this many likeliest tokens."
    )
    seed: Int | None = Field(
        default=None, ge=-(2**31), le=2**31 - 1, description="Seed of the random choice."
    )
    thinking_budget: Int | None = Field(
        default=None,
        ge=-1,
        le=65_536,
        description="Most tokens of thought, paid like output; 0: none, -1: the model decides. For "
        "Gemini 2.5.",
    )
    thinking_level: Level | None = Field(
        default=None,
        description="How much is thought, paid like output. For Gemini 3 and 4, in place of "
        "thinking_budget.",
    )
    media_resolution: (
        Literal[
            "MEDIA_RESOLUTION_LOW",
            "MEDIA_RESOLUTION_MEDIUM",
            "MEDIA_RESOLUTION_HIGH",
            "MEDIA_RESOLUTION_ULTRA_HIGH",
        ]
        | None
    ) = Field(
        default=None,
        description="How finely images are looked at; finer costs more tokens. ULTRA_HIGH goes "
        "with the image itself, from Gemini 3 on.",
    )


class Step(GenerationOverrides):
    """What a retry changes; null leaves it as it was."""

    model: ModelName | None = Field(default=None, description="Another model that is asked.")
    numbered_lines: bool | None = Field(
        default=None,
        description="Lines are asked for with their numbers, which are taken off again.",
    )
    halves: bool | None = Field(
        default=None,
        description="The upper and the lower half of the page are asked for, each by itself, and "
        "their answers joined. Both are paid.",
    )


class GenerationConfig(GenerationOverrides):
    """What is asked of the model; null leaves a setting to the service."""

    temperature: Float | None = Field(
        default=0.1,
        ge=0,
        le=2,
        description="Randomness of the answers. From Gemini 3 on it is sent only if it is given.",
    )
    max_output_tokens: Int | None = Field(
        default=8192,
        ge=1,
        le=65_536,
        description="Most tokens an answer may have, thoughts included.",
    )
    response_mime_type: Literal["application/json"] = Field(
        default="application/json", description="Answers are read as JSON."
    )


class Model(Section):
    """Which model reads, and how."""

    name: ModelName = Field(
        default="gemini-3.5-flash-lite",
        description="Gemini model; a `models/` in front is dropped. docs/models.md lists them.",
    )
    generation_config: GenerationConfig = Field(
        default=GenerationConfig(), description="What is asked of the model."
    )
    safety_settings: dict[HarmCategory, Threshold] = Field(
        default={},
        description="What the service blocks, by kind of harm; what is not named is left to it.",
    )
    on_other_model: Literal["accept", "flag", "stop"] = Field(
        default="flag",
        description="The service answers with another model than was asked for. accept: taken. "
        "flag: taken and flagged, but as stop where that model is dearer or either has no price. "
        "stop: what was read is kept, nothing more is sent, exit code 5.",
    )


class PromptChoice(Section):
    """Which version of which prompt is sent."""

    registry_dir: ConfigPath = Field(default=Path("prompts"), description="One folder a prompt.")
    name: FileName = Field(default="page_ocr", description="Folder in the registry.")
    template_file: FileName = Field(
        default="v1.1.jinja", description="Version: a template in that folder."
    )
    context: Literal["previous_page", "none"] = Field(
        default="previous_page",
        description="previous_page: a page is asked for once the one before it is read, and told "
        "what that says. none: each page by itself, told nothing, so that all go in as few and as "
        "full batches as execution.batch_size_limit allows; sentences and headings that run on "
        "over a page's end are then read without their beginning.",
    )


class Retry(Section):
    """What a further attempt does differently: the same question mostly gets the same answer."""

    generation_config: list[GenerationOverrides] = Field(
        default=[GenerationOverrides(temperature=0.4), GenerationOverrides(temperature=0.8)],
        description="The second attempt takes the first entry, the third the second; the last "
        "repeats.",
    )
    after: dict[ErrorType, GenerationOverrides] = Field(
        default={
            "Truncated": GenerationOverrides(max_output_tokens=65_536),
            "Recitation": GenerationOverrides(temperature=1.0),
        },
        description="Changes after a certain error, on top of the above; they stay for all "
        "further attempts.",
    )
    steps: dict[StepKey, list[Step]] | None = Field(
        default=None,
        description="In place of both: by error type, or `any`, what the first, second, … attempt "
        "after such an error changes. null: the model's own, where neither of both is given.",
    )

    @property
    def models(self) -> set[str]:
        """Other models that a retry may ask."""
        steps = [step for ladder in (self.steps or {}).values() for step in ladder]
        return {step.model for step in steps if step.model}


class Quality(Section):
    """What becomes of an answer that is valid but may not be what the page says."""

    repetition: GuardAction = Field(
        default="fail", description="The same words over and over, filling half a page."
    )
    echo: GuardAction = Field(
        default="fail",
        description="Mostly what the prompt quoted of the page before, or the page's key.",
    )
    empty_on_ink: GuardAction = Field(
        default="fail", description="No text, though the image has print."
    )
    text_on_blank: GuardAction = Field(
        default="flag", description="Text, though the image is blank paper."
    )
    few_letters: FlagAction = Field(
        default="flag",
        description="Far fewer letters than as many lines of print have on the book's other pages.",
    )
