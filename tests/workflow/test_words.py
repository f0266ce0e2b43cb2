"""Where words stand, as a rule: when it is made, with the real command."""

import json
from pathlib import Path

from helpers.library import Library
from pagewave.exports.site.room import value_of
from pagewave.words.tree import PageTree

ELM, OAK = "Ohio/Elm/1850", "Ohio/Oak/1851"


def jobs(output: str) -> dict[str, int]:
    """The jobs of its rules in Snakemake's table."""
    lines = (line.split() for line in output.splitlines())
    return {line[0]: int(line[1]) for line in lines if line[:1] in (["words"], ["words_book"])}


def test_it_is_made_by_book_again_where_a_page_changed_and_costs_no_run(tmp_path: Path) -> None:
    with Library(tmp_path, {ELM: 2, OAK: 1}) as library:
        assert not jobs(library.run()) and not (tmp_path / "results/words").exists()
        runs = sorted((tmp_path / "logs/runs").iterdir())

        library.configure(words={"languages": ["eng"]})
        output = library.run("words")
        assert jobs(output) == {"words_book": 2, "words": 1} and "pagewave run" not in output
        assert sorted((tmp_path / "logs/runs").iterdir()) == runs
        trees = {name: tmp_path / f"results/words/{name}.json" for name in (f"{ELM}/1", f"{ELM}/2")}
        page = PageTree.read(trees[f"{ELM}/1"])
        assert (page.key, page.width, page.height) == ("Ohio:Elm:1850:1", 16, 16)
        assert "Nothing to be done" in library.run()

        # A page is corrected: its book is looked at again, and of it that page alone.
        file = library.page_file("Ohio:Elm:1850:1")
        answer = json.loads(file.read_text())
        answer["raw_ocr"]["text_blocks"][0]["text"] = "Put right"
        file.write_text(json.dumps(answer))
        before = {name: path.stat().st_mtime_ns for name, path in trees.items()}
        assert jobs(library.run()) == {"words_book": 1}
        again = {name for name, path in trees.items() if path.stat().st_mtime_ns != before[name]}
        assert again == {f"{ELM}/1"}
        assert [word.text for word in PageTree.read(trees[f"{ELM}/1"]).words()] == ["Put", "right"]

        # What a crash leaves is finished by the same command; a tree that is gone is made again.
        trees[f"{ELM}/2"].unlink()
        library.crash("file-half-written")
        assert not trees[f"{ELM}/2"].exists()
        assert jobs(library.run()) == {"words_book": 1}
        assert trees[f"{ELM}/2"].exists()

        # The reading room waits for it, and names the pages in doubt: nothing of it is printed.
        trees[f"{ELM}/2"].unlink()
        library.configure(site={"enabled": True})
        assert jobs(library.run()) == {"words_book": 1}
        book = value_of((tmp_path / f"results/site/{ELM}/book.js").read_bytes())
        assert {page for page, *_ in book["worth"]["pages"]} == {1, 2}


def test_a_language_that_is_not_installed_is_said_before_anything_is_sent(tmp_path: Path) -> None:
    with Library(tmp_path, {ELM: 1}, words={"languages": ["xyz"]}) as library:
        output = library.run(code=2)
        assert "xyz.traineddata" in output and "Traceback" not in output
        assert not library.inferences()
