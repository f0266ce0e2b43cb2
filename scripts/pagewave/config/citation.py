"""The section `citation`: how what was read is to be cited, and what may be told of it for that."""

from __future__ import annotations

import datetime
import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from pagewave.config.types import Section


def _orcid(value: str) -> str:
    digits = value.strip().removeprefix("https://orcid.org/")
    if not re.fullmatch(r"(\d{4}-){3}\d{3}[\dX]", digits) or _check_digit(digits) != digits[-1]:
        raise ValueError("expected an ORCID such as 0000-0002-1825-0097; a digit is wrong")
    return digits


def _check_digit(orcid: str) -> str:
    """The last character of an ORCID (ISO 7064, MOD 11-2)."""
    total = 0
    for digit in orcid.replace("-", "")[:-1]:
        total = (total + int(digit)) * 2
    rest = (12 - total % 11) % 11
    return "X" if rest == 10 else str(rest)


def _doi(value: str) -> str:
    doi = re.sub(r"^(https?://(dx\.)?doi\.org/|doi:)", "", value.strip())
    if not re.fullmatch(r"10\.\d{4,9}/\S+", doi):
        raise ValueError("expected a DOI such as 10.5281/zenodo.1234567")
    return doi


def _license(value: str) -> str:
    if not re.fullmatch(r"https?://\S+|[A-Za-z0-9][A-Za-z0-9.+-]*", value.strip()):
        raise ValueError("expected an SPDX id such as CC-BY-4.0 (spdx.org/licenses), or a URL")
    return value.strip()


def _web_address(value: str) -> str:
    if not re.fullmatch(r"https?://[^\s/@]+(/\S*)?", value.strip()):
        raise ValueError("expected an address such as https://example.org/catalogs")
    return value.strip().rstrip("/")


class Creator(Section):
    """A person or an organization that is named as one who made the data."""

    name: str = Field(
        min_length=1, description="As it is to be cited, such as `Lovelace, Ada`, or one word."
    )
    orcid: Annotated[str, AfterValidator(_orcid)] | None = Field(
        default=None, description="ORCID of a person."
    )
    affiliation: str | None = Field(default=None, description="Where a person works.")


class Citation(Section):
    """How what was read is to be cited."""

    title: str | None = Field(default=None, description="Title of the data; null: of its books.")
    description: str | None = Field(
        default=None, description="What the data is, in a sentence or more."
    )
    creators: Annotated[list[Creator], BeforeValidator(lambda value: value or [])] = Field(
        default=[],
        description="Who is to be named: `name`, and of a person `orcid` and `affiliation`. Nobody "
        "else is.",
    )
    license: Annotated[str, AfterValidator(_license)] | None = Field(
        default=None,
        description="Under which licence the data may be used: an SPDX id such as CC-BY-4.0, or a "
        "URL.",
    )
    doi: Annotated[str, AfterValidator(_doi)] | None = Field(
        default=None, description="DOI of the data; Zenodo reserves one before publication."
    )
    publisher: str | None = Field(default=None, description="Who publishes the data.")
    version: str | None = Field(default=None, description="Version of the data, such as 1.0.")
    date: datetime.date | None = Field(
        default=None, description="Day of publication; null: of the newest page."
    )
    url: Annotated[str, AfterValidator(_web_address)] | None = Field(
        default=None,
        description="Address at which the reading room, `results/site`, is to be found: links in "
        "tables begin with it; null: with `site`.",
    )
    costs: bool = Field(
        default=False,
        description="true: tokens and prices are told in the data package, prices in the reading "
        "room too.",
    )
