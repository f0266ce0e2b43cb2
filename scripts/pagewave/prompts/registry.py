"""The prompt registry: one folder a prompt, one file a version, and the shape of the answer.

    prompts/page_ocr/v1.jinja     a version: plain text with one variable, `previous_context`
    prompts/page_ocr/page.py      what an answer to any version looks like: class Page(PageModel)

A template is whole in its one file and renders to the same text every time, so that its checksum
and the rendered prompt say all about what a model was asked.
"""

import hashlib
import importlib.util
import inspect
import re
import sys
import threading
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import ModuleType

import jinja2
from jinja2 import nodes
from jinja2.meta import find_undeclared_variables
from jinja2.sandbox import SandboxedEnvironment
from pydantic import PydanticUserError

from pagewave.config.reading import PromptChoice
from pagewave.errors import ConfigError
from pagewave.own_files import PROMPTS as OWN_PROMPTS
from pagewave.page_model import PageModel

TEMPLATE_SUFFIX = ".jinja"
PAGE_MODULE = "page.py"
VARIABLE = "previous_context"

CONTEXT_BEGIN = "<<<PREVIOUS_PAGE"
CONTEXT_END = "PREVIOUS_PAGE>>>"
"""The marker lines between which a template puts the previous page's words."""

# Both markers need angle brackets, so words without any cannot imitate one. Guillemets look alike,
# and no catalog prints angle brackets anyway.
_HARMLESS = {ord("<"): "\u2039", ord(">"): "\u203a"}

_LOADING = threading.Lock()


@dataclass(frozen=True)
class Prompt:
    """One version of a registered prompt; `sha256` is that of `source`, the template's text."""

    name: str
    template_file: str
    source: str
    sha256: str
    page_model: type[PageModel]
    template: jinja2.Template = field(repr=False, compare=False)
    notices: tuple[str, ...] = field(default=(), compare=False)
    """What a person should know of it."""

    @property
    def version(self) -> str:
        """The file's name without its suffix, such as `v1.1`."""
        return self.template_file.removesuffix(TEMPLATE_SUFFIX)

    def render(self, previous_context: str | None) -> str:
        """The prompt for one page.

        The previous page's words cannot leave their place between the markers of the template:
        angle brackets in them become guillemets. `None` stands for the start of a chain.

        Raises:
            ConfigError: the template fails on this context.
        """
        try:
            return _render(self.template, previous_context)
        except Exception as error:  # whatever an expression in the template may raise
            line = _line_of(error)
            raise ConfigError(
                f"Prompt {self.name}, {self.template_file}{line}: {error}. "
                "Correct the template in a new version file."
            ) from error


def found_registry(registry_dir: Path, name: str) -> Path:
    """The folder of prompts that has this one: where `prompts` here has not, pagewave's own."""
    is_default = registry_dir == PromptChoice().registry_dir
    if not is_default or not _is_plain_name(name) or (registry_dir / name).is_dir():
        return registry_dir
    has_own = (OWN_PROMPTS / name).is_dir()
    return OWN_PROMPTS if has_own or not registry_dir.exists() else registry_dir


def load_prompt(registry_dir: Path, name: str, template_file: str) -> Prompt:
    """Load one version of a prompt and its page model.

    Args:
        registry_dir: the folder of all prompts.
        name: the prompt's folder in it.
        template_file: the version's file in that folder, such as `v1.1.jinja`.

    Raises:
        ConfigError: something of it is missing or broken; says what, where, and what there is.
    """
    registry_dir = found_registry(registry_dir, name)
    folder = registry_dir / name
    if not _is_plain_name(name) or not folder.is_dir():
        raise ConfigError(
            f"There is no prompt {name!r} in {registry_dir} (prompt.name). "
            f"Registered prompts: {_listed(registered_prompts(registry_dir))}."
        )
    path = folder / template_file
    if not _is_plain_name(template_file) or not path.is_file():
        raise ConfigError(
            f"Prompt {name} has no version {template_file!r} in {folder} (prompt.template_file). "
            f"Its versions: {_listed(versions(folder))}."
        )
    source = _read(path)
    model_file, notices = _page_module(folder)
    return Prompt(
        name=name,
        template_file=template_file,
        source=source,
        sha256=_sha256(source),
        page_model=_load_page_model(model_file),
        template=_compile(path, source),
        notices=notices,
    )


def render_again(source: str, previous_context: str | None) -> str:
    """The prompt that was sent, from a template's text and what the page before said."""
    return _render(_compile_again(source), previous_context)


def template_sha256(registry_dir: Path, name: str, template_file: str) -> str | None:
    """The hash of a version's text as it is now, as `Prompt.sha256`; None where it is gone."""
    path = found_registry(registry_dir, name) / name / template_file
    return _sha256(_read(path)) if path.is_file() else None


def registered_prompts(registry_dir: Path) -> list[str]:
    """The names of the prompts in a registry: the folders that hold a template."""
    if not registry_dir.is_dir():
        return []
    return sorted(folder.name for folder in registry_dir.iterdir() if versions(folder))


def versions(folder: Path) -> list[str]:
    """The template files of one prompt, the oldest version first (v1.9 before v1.10)."""
    return sorted(
        (path.name for path in folder.glob(f"*{TEMPLATE_SUFFIX}")),
        key=lambda name: [
            (0, int(part), "") if part.isdecimal() else (1, 0, part)
            for part in re.findall(r"\d+|\D+", name.removesuffix(TEMPLATE_SUFFIX))
        ],
    )


def _render(template: jinja2.Template, previous_context: str | None) -> str:
    harmless = None if previous_context is None else previous_context.translate(_HARMLESS)
    return template.render({VARIABLE: harmless})


@cache
def _compile_again(source: str) -> jinja2.Template:
    return _compile(Path("the stored template"), source)


def _compile(path: Path, source: str) -> jinja2.Template:
    # A template may come out of somebody else's ledger: it may read what it is given, and no more.
    environment = SandboxedEnvironment(
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # the prompt is plain text, not HTML
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # A prompt that changes from call to call would have every page bought again.
    del environment.filters["random"], environment.globals["lipsum"]
    try:
        tree = environment.parse(source, filename=str(path))
        _refuse_other_files(path, tree)
        _refuse_unknown_variables(path, tree, set(environment.globals))
        return environment.from_string(tree)
    except jinja2.TemplateSyntaxError as error:
        raise ConfigError(f"{path}, line {error.lineno}: {error.message}") from error


def _refuse_other_files(path: Path, tree: nodes.Template) -> None:
    for node in tree.find_all((nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)):
        raise ConfigError(
            f"{path}, line {node.lineno}: a template may not take in other files, because its "
            "checksum would not cover them. Copy their text into it."
        )


def _refuse_unknown_variables(path: Path, tree: nodes.Template, known: set[str]) -> None:
    unknown = find_undeclared_variables(tree) - known - {VARIABLE}
    if unknown:
        found = next(node for node in tree.find_all(nodes.Name) if node.name in unknown)
        raise ConfigError(
            f"{path}, line {found.lineno}: the variable {found.name!r} is not defined. "
            f"The only variable of a prompt is {VARIABLE!r}."
        )


def _page_module(folder: Path) -> tuple[Path, tuple[str, ...]]:
    """A prompt's page.py, and what to tell of it.

    The Prefect application's prompts have none: what belongs to them is pagewave's own.
    """
    path, own = folder / PAGE_MODULE, OWN_PROMPTS / folder.name / PAGE_MODULE
    if path.is_file():
        return path, ()
    if own.is_file():
        return own, (f"{folder} has no {PAGE_MODULE}: answers have the shape that {own} says.",)
    raise ConfigError(
        f"{path} is missing: it says what an answer to this prompt looks like. "
        f"Write it (class Page, derived from {PageModel.__module__}.PageModel), "
        f"or copy that of page_ocr."
    )


def _load_page_model(path: Path) -> type[PageModel]:
    """Class `Page` of a page.py."""
    module = load_file(path)
    found = getattr(module, "Page", None)
    if not isinstance(found, type) or not issubclass(found, PageModel):
        raise ConfigError(
            f"{path} has no class Page derived from {PageModel.__module__}.PageModel."
        )
    if inspect.isabstract(found):
        missing = ", ".join(f"{method}()" for method in sorted(found.__abstractmethods__))
        raise ConfigError(f"{path}: class Page lacks {missing}.")
    _complete(found, module)
    return found


def _complete(page_model: type[PageModel], module: ModuleType) -> None:
    """Have the names in annotations looked up now.

    Where annotations are evaluated late (from Python 3.14 on all are, before that on demand of the
    file), pydantic puts off what it does not know, and would tell it in the middle of a run.
    """
    try:
        page_model.model_rebuild(_types_namespace=vars(module))
    except (NameError, PydanticUserError) as error:
        raise ConfigError(
            f"{module.__file__}, class Page: an annotation names no type: {error}"
        ) from error


def load_file(path: Path) -> ModuleType:
    """Import a file of a user's, such as a page.py, once for each of its contents.

    Raises:
        ConfigError: it can't be read or does not run; names the line.
    """
    source = _read(path)
    identity = hashlib.sha256(f"{path.resolve()}\n{source}".encode()).hexdigest()[:16]
    module_name = f"pagewave_{path.stem}_{identity}"
    with _LOADING:
        if module_name in sys.modules:
            return sys.modules[module_name]
        spec = importlib.util.spec_from_file_location(module_name, path)
        assert spec is not None  # the name ends in .py
        module = importlib.util.module_from_spec(spec)
        sys.modules[module_name] = module  # pydantic looks there for the names in annotations
        try:
            # Not by the spec's loader: that leaves a __pycache__ in the registry, and takes an
            # outdated one for an edit of the same second and length.
            exec(compile(source, str(path), "exec", dont_inherit=True), module.__dict__)
        except BaseException as error:
            del sys.modules[module_name]
            if not isinstance(error, Exception):
                raise
            line = _line_of(error, path)
            raise ConfigError(f"{path}{line}: {type(error).__name__}: {error}") from error
        return module


def _sha256(source: str) -> str:
    return hashlib.sha256(source.encode()).hexdigest()


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read as UTF-8 text: {error}") from error


def _line_of(error: BaseException, path: Path | None = None) -> str:
    """`, line 3`: where in the template (or in the file `path`) an error arose, if known."""
    if isinstance(error, SyntaxError):
        return f", line {error.lineno}"
    line, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == (str(path) if path else "<template>"):
            line = trace.tb_lineno
        trace = trace.tb_next
    return "" if line is None else f", line {line}"


def _is_plain_name(name: str) -> bool:
    """Is this a name in a folder, not a path that could lead out of it?"""
    return name not in ("", ".", "..") and not re.search(r"[/\\\0]", name)


def _listed(names: list[str]) -> str:
    return ", ".join(names) or "none"
