"""Pages by provenance, what reading them again costs, and prompts that were edited after use."""

import contextlib
import csv
import io
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from helpers.command_calls import main_of, said
from helpers.embedded_process import SCRIPTS, EmbeddedProcess
from helpers.library import Library
from helpers.sample import registry

SCRIPT = "pages.py"
BOOKS = {"Ohio/Elm School/1850": 3, "Vermont/Linden/1866": 1}
ELM = "Ohio:Elm School:1850:{}"
LINDEN = "Vermont:Linden:1866:1"


def printed(library: Library, *arguments: str, code: int = 0) -> str:
    """What the command prints for people, or to another program."""
    given = ["--configfile", "config.yaml", *arguments]
    with contextlib.chdir(library.root), contextlib.redirect_stdout(io.StringIO()) as out:
        assert main_of(SCRIPT)(given) == code, out.getvalue()
    return out.getvalue()


def keys(library: Library, *arguments: str) -> list[str]:
    """The keys of the pages it lists."""
    return [page["key"] for page in said(library, SCRIPT, *arguments)["pages"]]


def test_pages_are_listed_by_what_they_were_read_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        EmbeddedProcess(tmp_path / "gemini") as gemini,
        Library(tmp_path, BOOKS, prompt={"registry_dir": str(registry(tmp_path))}) as library,
    ):
        library.config["engine"] = "gemini"
        library.configure(
            prompt={"template_file": "v1.jinja"}, pricing={"output_tokens_per_page": 1500}
        )
        library.environment = {
            "GOOGLE_GEMINI_BASE_URL": gemini.base_url,
            "GEMINI_API_KEY": gemini.token,
        }
        library.run("results/pages/Ohio/Elm School/1850/1.json")
        library.configure(prompt={"template_file": "v1.1.jinja"})
        # Edited after its use, by the run before.
        template = library.root / "prompts/page_ocr/v1.jinja"
        text = template.read_text(encoding="utf-8")
        template.write_text(text + "Read well.\n", encoding="utf-8")
        output = library.run()
        assert f"{template} was edited after it was used" in output
        assert (
            "1 page read before with another prompt or model (page_ocr/v1.jinja, gemini" in output
        )

        everything = [ELM.format(1), ELM.format(2), ELM.format(3), LINDEN]
        assert keys(library) == everything
        assert (
            keys(library, "--prompt-version", "v1")
            == keys(library, "--outdated")
            == [everything[0]]
        )
        assert keys(library, "--prompt-version", "page_ocr/v1.1.jinja") == everything[1:]
        assert keys(library, "--states", "Vermont", "--prompt-version", "v1.1") == [LINDEN]
        assert keys(library, "--schools", "Elm School", "--year-end", "1849") == []
        assert keys(library, "--engine", "embedded") == []
        assert keys(library, "--page", LINDEN, "--page", everything[1]) == [everything[1], LINDEN]
        assert keys(library, "--model", "gemini-2.5-flash") == everything
        assert (
            keys(library, "--older-than", "1h") == keys(library, "--older-than", "2020-01-01") == []
        )
        assert keys(library, "--older-than", "2999-01-01T00:00+01:00") == everything

        # The config names another model: all pages are of an older one.
        library.configure(model={"name": "gemini-2.5-pro"})
        report = said(library, SCRIPT, "--outdated")
        assert [page["key"] for page in report["pages"]] == everything
        assert "was edited after it was used" in report["edited_prompts"][0]
        again = report["read_again"]
        listing, reading = (shlex.split(part) for part in again["command"].split(" | "))
        assert Path(listing[1]) == SCRIPTS.resolve() / "pages.py"
        assert listing[2:] == ["--configfile", "config.yaml", "--outdated", "--print0"]
        assert reading[:2] == ["xargs", "-0"]
        assert "--configfile config.yaml" in shlex.join(reading)
        assert reading[-1] == "--force"
        # 4 pages: 0.625 and 5 USD a million tokens, by the batch prices of config/README.md.
        assert again["output_tokens"] == 4 * 1500
        usd = (again["input_tokens"] * 0.625 + again["output_tokens"] * 5) / 1e6
        assert again["usd"] == pytest.approx(usd)

        # The price is what the forecast of that very command says.
        files = printed(library, "--outdated", "--print0").rstrip("\0").split("\0")
        assert files[0] == "results/pages/Ohio/Elm School/1850/1.json"
        assert len(files) == 4
        preview = library.run("-n", "--verbose", "--force", *files)
        waves = re.findall(r"about ([\d,]+) tokens in, ([\d,]+) out, about", preview)
        tokens = [sum(int(wave[i].replace(",", "")) for wave in waves) for i in (0, 1)]
        assert tokens == [again["input_tokens"], again["output_tokens"]]

        library.page_file(LINDEN).unlink()
        (library.root / "labels/Ohio/Elm School/1850/3.json").unlink()
        report = said(library, SCRIPT)
        assert [page["in_data_set"] for page in report["pages"]] == [True, True, False]
        out = printed(library, "--limit", "1")
        assert "1 page of them not in the data set any more." in out
        assert "… and 2 more pages" in out
        assert "2 pages of 1 book, about" in out
        # Few pages are named by the command itself, quoted for the shell.
        assert "--force 'results/pages/Ohio/Elm School/1850/1.json' 'results" in out

        table = list(csv.DictReader(io.StringIO(printed(library, "--csv"))))
        assert [row["key"] for row in table] == everything[:3]
        assert {row["model"] for row in table} == {"gemini-2.5-flash"}
        assert float(table[0]["usd"]) > 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--older-than", "soon"), "--older-than"),
        (("--csv", "--json"), "choose one of"),
        (("--csv", "--print0"), "not allowed with"),
    ],
)
def test_wrong_arguments(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        main_of(SCRIPT)(list(arguments))
    assert ended.value.code == 2
    assert words in capsys.readouterr().err


def test_where_nothing_was_read(tmp_path: Path, capsys: pytest.CaptureFixture[Any]) -> None:
    with Library(tmp_path, BOOKS) as library:
        assert printed(library, code=4) == ""
        assert "there is no ledger here" in capsys.readouterr().err
