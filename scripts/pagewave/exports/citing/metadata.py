"""`ro-crate-metadata.json`: the data package as an RO-Crate, with what was run to make it.

Sources: RO-Crate 1.1 (w3id.org/ro/crate/1.1); Process, Workflow and Provenance Run Crate 0.5
(w3id.org/ro/wfrun/…), Workflow RO-Crate 1.0. What they ask for and nobody knows any more (each
step's agent, the engine's process) is left out. `#scans` stands for images that are not in it.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import pagewave
from pagewave.config.citation import Citation
from pagewave.exports.citing.archive import MANIFEST
from pagewave.exports.citing.names import (
    NO_LICENSE,
    description_of,
    doi_address,
    is_person,
    license_address,
    published_on,
    title_of,
)
from pagewave.exports.citing.records import PAGES, book_folder
from pagewave.levels import Levels
from pagewave.wording import count

DESCRIPTION = "ro-crate-metadata.json"
WORKFLOW = "workflow"
"""The folder of the rules that were run."""
SNAKEFILE = f"{WORKFLOW}/Snakefile"

_CRATE = "https://w3id.org/ro/crate/1.1"
_OF_WORKFLOWS = "https://w3id.org/workflowhub/workflow-ro-crate/1.0"
_PROCESS = ("https://w3id.org/ro/wfrun/process/0.5", "Process Run Crate", "0.5")
_PROVENANCE = ("https://w3id.org/ro/wfrun/provenance/0.5", "Provenance Run Crate", "0.5")
_PROFILES = (
    _PROCESS,
    ("https://w3id.org/ro/wfrun/workflow/0.5", "Workflow Run Crate", "0.5"),
    _PROVENANCE,  # it names who read
    (_OF_WORKFLOWS, "Workflow RO-Crate", "1.0"),
)
_SNAKEMAKE = "https://w3id.org/workflowhub/workflow-ro-crate#snakemake"
_KINDS = {
    ".csv": "text/csv",
    ".json": "application/json",
    ".md": "text/markdown",
    ".cff": "text/yaml",
    ".txt": "text/plain",
    ".smk": "text/plain",
    "": "text/plain",
}

Entity = dict[str, Any]


def metadata(
    citation: Citation,
    summary: Mapping[str, Any],
    files: Mapping[str, tuple[str, int]],
    meanings: Mapping[str, str],
    levels: Levels,
) -> dict[str, Any]:
    """The RO-Crate of a data package.

    Args:
        files: hash and size of each file that is in it by now, by name.
        meanings: what is in each of those that are to be described.
        levels: what the folders of its books are called.
    """
    has_workflow = SNAKEFILE in files
    profiles = [each for each in _PROFILES if summary["readings"] or each is not _PROVENANCE]
    profiles = profiles if has_workflow else [_PROCESS]
    described = [_file(name, meaning, files[name]) for name, meaning in meanings.items()]
    # What it holds has no hash yet.
    described.append(_file(MANIFEST, "The hash of each other file, for sha256sum --check.", None))
    books = [_book(name, pages, levels) for name, pages in summary["pages_by_book"].items()]
    tools, actions = _readings(summary, books)
    results = [each for each in described if each["@id"].startswith("tables/")] + books
    run = _run(summary, results, tools, has_workflow)
    root = {
        "@id": "./",
        "@type": "Dataset",
        "name": title_of(citation, summary, levels),
        "description": description_of(citation, summary),
        "datePublished": published_on(citation, summary),
        "license": {"@id": license_address(citation.license) if citation.license else "#licence"},
        "conformsTo": [_to(address) for address, _, _ in profiles],
        "hasPart": [_to(each["@id"]) for each in (*described, *books)],
        "mentions": [_to(each["@id"]) for each in (run, *actions)],
    }
    people, places = _creators(citation)
    others: list[Entity] = [*people, *places, _license(citation), *map(_profile, profiles)]
    if people:
        root["creator"] = root["author"] = [_to(each["@id"]) for each in people]
    if citation.doi:
        root["identifier"] = doi_address(citation.doi)
    if citation.version:
        root["version"] = citation.version
    if citation.url:
        root["url"] = citation.url
    if citation.publisher:
        root["publisher"] = _to("#publisher")
        others.append({"@id": "#publisher", "@type": "Organization", "name": citation.publisher})
    if has_workflow:
        root["mainEntity"] = _to(SNAKEFILE)
        workflow = next(each for each in described if each["@id"] == SNAKEFILE)
        workflow["@type"] = ["File", "SoftwareSourceCode", "ComputationalWorkflow"]
        workflow["programmingLanguage"] = _to(_SNAKEMAKE)
        workflow["hasPart"] = [_to(each["@id"]) for each in tools]
        workflow["version"] = pagewave.__version__
        others.append(_language())
    graph = [
        {
            "@id": DESCRIPTION,
            "@type": "CreativeWork",
            "about": _to("./"),
            "conformsTo": [_to(_CRATE), *([_to(_OF_WORKFLOWS)] * has_workflow)],
        },
        root,
        *described,
        *books,
        run,
        *actions,
        *tools,
        *_prompts(summary),
        _scans(summary),
        _pagewave(),
        *others,
    ]
    return {
        # RO-Crate 1.1 has no term for hashes.
        "@context": [f"{_CRATE}/context", {"sha256": "https://schema.org/sha256"}],
        "@graph": [_compact(entity) for entity in graph],
    }


def _file(name: str, meaning: str, known: tuple[str, int] | None) -> Entity:
    suffix = name[name.rfind(".") :] if "." in name.rpartition("/")[2] else ""
    entity = {
        "@id": quote(name),
        "@type": "File",
        "name": name,
        "description": meaning,
        "encodingFormat": _KINDS[suffix],
    }
    if known:
        entity |= {"contentSize": str(known[1]), "sha256": known[0]}
    return entity


def _book(book_id: str, pages: int, levels: Levels) -> Entity:
    return {
        "@id": f"{quote(book_folder(book_id))}/",
        "@type": "Dataset",
        "name": ", ".join(levels.spoken(book_id.split("/"))),
        "description": f"A JSON file for each of {count(pages, 'page')}: what it says, as "
        "corrected, and how that came about.",
    }


def _run(
    summary: Mapping[str, Any],
    results: Sequence[Entity],
    tools: Sequence[Entity],
    has_workflow: bool,
) -> Entity:
    read = summary["readings"]
    times = {
        "startTime": min(filter(None, (each["first_read_at"] for each in read)), default=None),
        "endTime": max(filter(None, (each["last_read_at"] for each in read)), default=None),
    }
    return {
        "@id": "#run",
        "@type": "CreateAction",
        "name": "Reading of all pages",
        "description": "All runs of the workflow by which these pages were read.",
        "instrument": _to(SNAKEFILE if has_workflow else "#pagewave"),
        "object": [_to("#scans"), *(_to(each["@id"]) for each in _prompts(summary))],
        "result": [_to(each["@id"]) for each in results],
        **{name: at for name, at in times.items() if at},
    }


def _readings(
    summary: Mapping[str, Any], books: Sequence[Entity]
) -> tuple[list[Entity], list[Entity]]:
    """The models, and what each read with which prompt."""
    tools: dict[str, Entity] = {}
    actions = []
    for number, each in enumerate(summary["readings"], 1):
        name = each["model_served"]
        tool = tools.setdefault(
            name,
            {
                "@id": f"#model-{quote(name, safe='')}",
                "@type": "SoftwareApplication",
                "name": name,
                "description": "The model that read, as it named itself.",
            },
        )
        times = {"startTime": each["first_read_at"], "endTime": each["last_read_at"]}
        actions.append(
            {
                "@id": f"#reading-{number}",
                "@type": "CreateAction",
                "name": f"{count(each['pages'], 'page')} read by {name}",
                "description": f"Asked for: {each['model_asked']}. Each page's file names its own.",
                "instrument": _to(tool["@id"]),
                "object": [_to("#scans"), _to(_prompt_id(each))],
                "result": [_to(book["@id"]) for book in books],
                **{name: at for name, at in times.items() if at},
            }
        )
    return list(tools.values()), actions


def _prompts(summary: Mapping[str, Any]) -> list[Entity]:
    found = {}
    for each in summary["readings"]:
        found[_prompt_id(each)] = {
            "@id": _prompt_id(each),
            "@type": "CreativeWork",
            "name": f"prompt {each['prompt_name']} {each['prompt_version']}",
            "version": each["prompt_version"],
            "description": "The template of what the model was told.",
            "sha256": each["prompt_sha256"],
        }
    return list(found.values())


def _prompt_id(reading: Mapping[str, Any]) -> str:
    return f"#prompt-{reading['prompt_sha256'][:16]}"


def _scans(summary: Mapping[str, Any]) -> Entity:
    return {
        "@id": "#scans",
        "@type": "CreativeWork",
        "name": f"Images of {count(summary['pages'], 'page')}",
        "description": f"Not in this package. Each page's file, in {PAGES}/, has the SHA-256 of "
        "the image that was sent.",
    }


def _pagewave() -> Entity:
    return {
        "@id": "#pagewave",
        "@type": "SoftwareApplication",
        "name": "pagewave",
        "description": pagewave.__doc__ or "",
        "softwareVersion": pagewave.__version__,
        "license": _to(license_address("MIT")),
    }


def _language() -> Entity:
    return {
        "@id": _SNAKEMAKE,
        "@type": "ComputerLanguage",
        "name": "Snakemake",
        "identifier": _to("https://doi.org/10.1093/bioinformatics/bts480"),
        "url": _to("https://snakemake.readthedocs.io"),
    }


def _creators(citation: Citation) -> tuple[list[Entity], list[Entity]]:
    """Those who are named, and where persons among them work."""
    people: list[Entity] = []
    places: dict[str, Entity] = {}
    for number, creator in enumerate(citation.creators, 1):
        orcid = creator.orcid
        entity: Entity = {
            "@id": f"https://orcid.org/{orcid}" if orcid else f"#creator-{number}",
            "@type": "Person" if is_person(creator) else "Organization",
            "name": creator.name,
        }
        if name := creator.affiliation:
            place = {"@id": f"#place-{len(places) + 1}", "@type": "Organization", "name": name}
            entity["affiliation"] = _to(places.setdefault(name, place)["@id"])
        people.append(entity)
    return people, list(places.values())


def _license(citation: Citation) -> Entity:
    if not citation.license:
        return {
            "@id": "#licence",
            "@type": "CreativeWork",
            "name": "None named",
            "description": NO_LICENSE,
        }
    return {
        "@id": license_address(citation.license),
        "@type": "CreativeWork",
        "name": citation.license,
        "description": "The licence of the data.",
    }


def _profile(profile: tuple[str, str, str]) -> Entity:
    address, name, version = profile
    return {"@id": address, "@type": "CreativeWork", "name": name, "version": version}


def _compact(entity: Entity) -> Entity:
    """A list of one is that one, as RO-Crate has it; none is left out."""
    return {
        name: value[0] if isinstance(value, list) and len(value) == 1 else value
        for name, value in entity.items()
        if value != []
    }


def _to(address: str) -> dict[str, str]:
    return {"@id": address}
