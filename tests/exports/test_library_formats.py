"""Formats of libraries: valid by the official schemas, read by other programs as meant."""

import hashlib
import io
import json
import subprocess
import zipfile
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path

import pytest
from alto_tools import alto_tools
from hocr_tools_lib.utils.node_utils import get_bbox, get_text
from jsonschema import Draft202012Validator
from lxml import etree, html
from PIL import Image
from pypxml import PageType, PageXML

from helpers.letters import Letters, letter
from helpers.sample import BOOK, SAMPLE
from helpers.trees import in_old_type, placed_word, trees_of, write_trees
from pagewave.errors import ConfigError, DataError
from pagewave.exports.registry import OF_WORDS, find_exporters, refuse_unfit
from pagewave.pages.dataset import Dataset
from pagewave.remote import presentation
from pagewave.words.tree import Block, Line

SCHEMAS = Path(__file__).parents[1] / "schemas"
TREES = [in_old_type(tree) for tree in trees_of(BOOK)]
"""A book with the long s and ligatures, divided words, leaders that have no place."""
OF_ZIPS = ("alto", "page_xml", "iiif", "mets")
CITED = {"url": "https://books.example/room"}
TEXTS = [[line.text for line in tree.lines()] for tree in TREES]


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the forms make of a book of the sample."""
    letters = _library(tmp_path_factory.mktemp("library"))
    return letters.write(*OF_WORDS)


def _library(root: Path) -> Letters:
    texts = ["\n".join(lines) for lines in TEXTS]
    letters = Letters(
        root,
        {BOOK: [letter(words=text) for text in texts]},
        scans=SAMPLE / "images",
        citation=CITED,
    )
    write_trees(root / "results/words", TREES)
    return letters


class _Local(etree.Resolver):
    """Schemas that others import, from their folder: nothing is fetched."""

    def resolve(self, url: str, public_id: str, context: object) -> object:
        return self.resolve_filename(str(SCHEMAS / url.rpartition("/")[2]), context)


def _schema(name: str) -> etree.XMLSchema:
    parser = etree.XMLParser(no_network=True)
    parser.resolvers.add(_Local())
    return etree.XMLSchema(etree.parse(SCHEMAS / name, parser))


def _members(exports: Path, form: str) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(exports / form / f"{BOOK}.zip") as archive:
        for name in archive.namelist():
            yield name, archive.read(name)


@pytest.mark.parametrize(
    ("form", "schema"),
    [("alto", "alto-4-4.xsd"), ("page_xml", "pagecontent-2019-07-15.xsd")],
)
def test_each_page_is_valid_by_the_official_schema(exports: Path, form: str, schema: str) -> None:
    judge, names = _schema(schema), []
    for name, content in _members(exports, form):
        judge.assertValid(etree.fromstring(content))
        names.append(name)
    assert names == [f"{number}.xml" for number in range(1, 7)]


def test_a_schema_refuses_what_is_wrong(exports: Path) -> None:
    for form, schema in (("alto", "alto-4-4.xsd"), ("page_xml", "pagecontent-2019-07-15.xsd")):
        page = next(content for _, content in _members(exports, form))
        wrong = page.replace(b'ID="page"', b"").replace(b"<Created>", b"<Made>")
        wrong = wrong.replace(b"</Created>", b"</Made>")
        assert wrong != page
        assert not _schema(schema).validate(etree.fromstring(wrong))


def test_alto_tools_reads_every_line_of_alto(exports: Path) -> None:
    for (_, content), lines in zip(_members(exports, "alto"), TEXTS, strict=True):
        said = io.StringIO()
        with redirect_stdout(said):
            alto_tools.alto_text(*alto_tools.alto_parse(io.BytesIO(content))[1:])
        read = [line.strip() for line in said.getvalue().splitlines()[1:]]
        # Of a divided word it shows the first part, without its hyphen, in the second's place too.
        ends = ["-" * line.endswith("-") for line in lines]
        for line, end, before, shown in zip(lines, ends, ["", *ends], read, strict=False):
            words = line.split()[1:] if before else line.split()
            assert (shown + end).endswith(" ".join(words))
        assert len(read) == len(lines)


def test_pypxml_reads_every_word_of_page_xml_in_reading_order(
    exports: Path, tmp_path: Path
) -> None:
    for (name, content), tree in zip(_members(exports, "page_xml"), TREES, strict=True):
        (tmp_path / name).write_bytes(content)
        page = PageXML.open(tmp_path / name)
        assert page.reading_order == [f"block{n + 1}" for n in range(len(tree.blocks))]
        words = page.find_all(pagetype=PageType.Word, depth=-1)
        read = [word.find(PageType.Unicode, depth=-1).text for word in words]
        assert read == [word.text for word in tree.words()]


def test_hocr_tools_reads_every_line_of_hocr(exports: Path) -> None:
    file = exports / "hocr" / f"{BOOK}.hocr"
    etree.parse(file, etree.XMLParser(no_network=True))  # well-formed
    found = html.parse(file)
    pages = found.xpath("//*[@class='ocr_page']")
    lines = [page.xpath(".//*[@class='ocr_line']") for page in pages]
    read = [[get_text(line).split() for line in page] for page in lines]
    assert read == [[line.split() for line in lines] for lines in TEXTS]
    words = found.xpath("//*[@class='ocrx_word']")
    boxes = [word.box for tree in TREES for word in tree.words()]
    known = [(box, get_bbox(word)) for box, word in zip(boxes, words, strict=True) if box]
    assert len(known) > 550 and all(tuple(box) == read for box, read in known)
    ids = found.xpath("//@id")
    assert len(ids) == len(set(ids)) > 600


def test_alto_tells_a_divided_word_whole_and_no_place_that_nobody_saw(exports: Path) -> None:
    [*_, (_, content)] = _members(exports, "alto")
    strings = etree.fromstring(content).findall(".//{*}String")
    parts = [s for s in strings if s.get("SUBS_CONTENT") == "additions"]
    assert [s.get("SUBS_TYPE") for s in parts] == ["HypPart1", "HypPart2"]
    assert [s.get("CONTENT") for s in parts] == ["addi", "tions"]
    assert [hyp.get("CONTENT") for hyp in parts[0].getparent().findall("{*}HYP")] == ["-"]
    known = {tuple(word.box) for word in TREES[-1].words() if word.box}
    told = [_box(s) for s in strings if s.get("HPOS")]
    assert set(told) == known
    assert [s.get("CONTENT") for s in strings if not s.get("HPOS")] == ["..."] * 4


def _box(string: etree._Element) -> tuple[int, ...]:
    left, top, wide, high = (int(string.get(n)) for n in ("HPOS", "VPOS", "WIDTH", "HEIGHT"))
    return left, top, left + wide, top + high


def test_the_same_books_make_the_same_bytes(exports: Path, tmp_path: Path) -> None:
    again = _library(tmp_path).write(*OF_WORDS)
    files = sorted(file.relative_to(exports) for file in exports.rglob(f"{BOOK}*"))
    assert len(files) == len(OF_WORDS)
    for file in files:
        assert (again / file).read_bytes() == (exports / file).read_bytes()


def test_who_read_corrected_and_placed_words_is_told(exports: Path) -> None:
    for form in ("alto", "page_xml"):
        page = dict(_members(exports, form))["2.xml"].decode()
        for told in ("gemini-x-001", "2026-03-04T05:06:07", "a person", "the generator", "2.jpg"):
            assert told in page, (form, told)


def test_no_form_tells_a_path_or_what_is_nobodys_business(exports: Path) -> None:
    contents = [content for form in OF_ZIPS for _, content in _members(exports, form)]
    contents += [file.read_bytes() for file in exports.rglob("1866.[hp]*")]
    assert len(contents) > 45
    for hidden in (str(SAMPLE), "secret", "/home/anna", str(exports.parents[1])):
        assert not any(hidden.encode() in content for content in contents), hidden


# PDF


def _pdf_text(exports: Path, *options: str) -> list[str]:
    """What pdftotext finds on each page."""
    file = exports / "pdf" / f"{BOOK}.pdf"
    run = subprocess.run(["pdftotext", *options, file, "-"], capture_output=True, check=True)
    return run.stdout.decode().split("\f")[:-1]


def test_pdftotext_reads_every_word_in_reading_order_letter_for_letter(exports: Path) -> None:
    words = [[word.text for word in tree.words()] for tree in TREES]
    assert any("\u017f" in word for page in words for word in page)
    assert any("\ufb01" in word for page in words for word in page)
    assert [page.split() for page in _pdf_text(exports, "-raw")] == words
    # Where lines stand one below the other, its own idea of their order is the same.
    assert [page.split() for page in _pdf_text(exports)[:4]] == words[:4]


def test_words_of_a_line_without_a_place_stay_apart_in_a_pdf(tmp_path: Path) -> None:
    """In a high and narrow room: pdftotext tells words apart by gaps, and these by heights."""
    said = ["Printed", "by", "J.", "T.", "Hollis,", "College", "Street,", "Ashgrove"]
    lines = [
        [placed_word("Ashgrove:", 500, 400, 560, 425)],
        [placed_word(text) for text in said],
        [placed_word("1852.", 510, 900, 550, 925)],
    ]
    blocks = (Block(lines=tuple(Line(words=tuple(words)) for words in lines)),)
    letters = Letters(tmp_path, {BOOK: [letter()]}, scans=SAMPLE / "images")
    tree = TREES[0].model_copy(update={"blocks": blocks})
    write_trees(tmp_path / "results/words", [tree])
    letters.write("pdf")
    [text] = _pdf_text(letters.settings.paths.exports_dir, "-raw")
    assert text.split() == ["Ashgrove:", *said, "1852."]


def test_words_of_a_pdf_lie_on_their_places(exports: Path) -> None:
    file = exports / "pdf" / f"{BOOK}.pdf"
    run = subprocess.run(["pdftotext", "-bbox", file, "-"], capture_output=True, check=True)
    found = html.fromstring(run.stdout)
    pages = found.findall(".//page")
    assert len(pages) == len(TREES)
    for page, tree in zip(pages[:4], TREES[:4], strict=True):  # the next one has columns
        points = float(page.get("height")) / tree.height
        boxes = [word.box for word in tree.words()]
        for word, box in zip(page.findall("word"), boxes, strict=True):
            if box is None:
                continue
            places = [float(word.get(n)) / points for n in ("xmin", "ymin", "xmax", "ymax")]
            assert places[0] == pytest.approx(box.left, abs=1)
            assert box.right - 10 < places[2] < box.right + 1  # words that touch are set apart
            # A line has one base and one size: a word of small capitals is some pixels lower.
            assert places[1] == pytest.approx(box.top, abs=12)
            assert places[3] > (box.top + box.bottom) / 2


def test_the_scan_in_a_pdf_is_the_file_as_it_is(exports: Path) -> None:
    content = (exports / "pdf" / f"{BOOK}.pdf").read_bytes()
    for number in range(1, 7):
        assert (SAMPLE / "images" / BOOK / f"{number}.jpg").read_bytes() in content


def test_a_large_scan_is_made_smaller_and_one_that_is_gone_leaves_its_words(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    scans = tmp_path / "large"
    letters = Letters(tmp_path, {BOOK: [letter(), letter(), None]}, scans=scans)
    (scans / BOOK).mkdir(parents=True)
    for number in (1, 3):
        Image.new("L", (3000, 4800), 240).save(scans / BOOK / f"{number}.jpg", dpi=(300, 300))
    write_trees(tmp_path / "results/words", TREES[:2])
    file = letters.write("pdf") / "pdf" / f"{BOOK}.pdf"
    assert "no picture of Vermont:Linden Grove Academy:1866:2" in caplog.text
    listed = subprocess.run(["pdfimages", "-list", file], capture_output=True, check=True)
    rows = [row.split()[:5] for row in listed.stdout.decode().splitlines()[2:]]
    # The third page was not read: its scan is there all the same.
    assert [(page, wide, high) for page, _, _, wide, high in rows] == [
        ("1", "1500", "2400"),
        ("3", "1500", "2400"),
    ]
    said = subprocess.run(["pdftotext", "-raw", file, "-"], capture_output=True, check=True)
    texts = [page.split() for page in said.stdout.decode().split("\f")[:-1]]
    assert texts == [*([word.text for word in tree.words()] for tree in TREES[:2]), []]


# IIIF


def _iiif(exports: Path) -> dict[str, bytes]:
    return dict(_members(exports, "iiif"))


def _iiif_judge(kind: str) -> Draft202012Validator:
    schema = json.loads((SCHEMAS / "iiif-presentation-3.json").read_bytes())
    return Draft202012Validator(
        {"$defs": schema["$defs"], "$ref": f"#/$defs/{kind}"} if kind else schema
    )


def test_manifest_and_annotations_are_valid(exports: Path) -> None:
    files = _iiif(exports)
    judge = _iiif_judge("")
    manifest = json.loads(files["manifest.json"])
    judge.validate(manifest)
    for broken in ({"items": 1}, {"label": None}, {"type": "Canvas"}):
        assert not judge.is_valid(manifest | broken)
    pages = [name for name in files if name.startswith("annotations/") and name[-1] != "/"]
    assert len(pages) == 12
    for name in pages:
        _iiif_judge("AnnotationPage").validate(json.loads(files[name]))


def test_all_that_a_manifest_names_is_in_its_zip(exports: Path) -> None:
    files = _iiif(exports)
    manifest = json.loads(files["manifest.json"])
    base = manifest["id"].removesuffix("manifest.json")
    assert base == "https://books.example/room/iiif/Vermont/Linden%20Grove%20Academy/1866/"
    named = {"manifest.json"}
    for canvas in manifest["items"]:
        [[painting]] = [page["items"] for page in canvas["items"]]
        links = [painting["body"], *canvas["seeAlso"], *canvas["annotations"]]
        named |= {link["id"].removeprefix(base) for link in links}
    assert named == {name for name in files if not name.endswith("/")}


def test_annotations_are_the_lines_and_words_at_their_places(exports: Path) -> None:
    files = _iiif(exports)
    canvases = json.loads(files["manifest.json"])["items"]
    for canvas, tree in zip(canvases, TREES, strict=True):
        number = tree.key.rpartition(":")[2]
        lines = json.loads(files[f"annotations/{number}.lines.json"])["items"]
        assert [line["body"]["value"] for line in lines] == [line.text for line in tree.lines()]
        words = json.loads(files[f"annotations/{number}.words.json"])["items"]
        known = [word for word in tree.words() if word.box]
        assert [word["body"]["value"] for word in words] == [word.text for word in known]
        for word, box in zip(words, [word.box for word in known], strict=True):
            assert box is not None
            wide, high = box.right - box.left, box.bottom - box.top
            assert word["target"] == f"{canvas['id']}#xywh={box.left},{box.top},{wide},{high}"


def test_pagewave_itself_takes_the_manifest_in(exports: Path) -> None:
    manifest = presentation.read(json.loads(_iiif(exports)["manifest.json"]), None)
    assert isinstance(manifest, presentation.Manifest)
    assert [(c.width, c.height, c.trouble) for c in manifest.canvases] == [(1100, 1720, "")] * 6


# METS


def test_mets_is_valid_and_names_scans_and_alto_with_their_hashes(exports: Path) -> None:
    files = dict(_members(exports, "mets"))
    root = etree.fromstring(files["mets.xml"])
    judge = _schema("mets-1-12-1.xsd")
    judge.assertValid(root)
    named = {
        file.find("{*}FLocat").get("{http://www.w3.org/1999/xlink}href"): file
        for file in root.findall(".//{*}file")
    }
    assert len(named) == 12
    for place, file in named.items():
        kept = files.get(place) or (SAMPLE / place.replace("images", f"images/{BOOK}")).read_bytes()
        assert file.get("CHECKSUM") == hashlib.sha256(kept).hexdigest()
    pages = root.findall(".//{*}div[@TYPE='page']")
    pointed = [[f.get("FILEID") for f in page.findall("{*}fptr")] for page in pages]
    ids = {file.get("ID"): place for place, file in named.items()}
    assert [[ids[name] for name in pair] for pair in pointed] == [
        [f"images/{number}.jpg", f"alto/{number}.xml"] for number in range(1, 7)
    ]
    pages[0].set("ORDER", "first")
    assert not judge.validate(root)


def test_a_scan_of_many_pages_is_named_once_in_mets(tmp_path: Path) -> None:
    letters = Letters(tmp_path, {BOOK: [letter(), letter()]})
    pages = letters.dataset.books[0].pages
    scan = Path("/home/anna/catalog.pdf")
    one = tuple(replace(page, scan=scan, leaf=page.number) for page in pages)
    letters.dataset = Dataset((replace(letters.dataset.books[0], pages=one),))
    write_trees(tmp_path / "results/words", TREES[:2])
    root = etree.fromstring(dict(_members(letters.write("mets"), "mets"))["mets.xml"])
    _schema("mets-1-12-1.xsd").assertValid(root)
    [file] = root.findall(".//{*}fileGrp[@USE='DEFAULT']/{*}file")
    assert file.get("MIMETYPE") == "application/pdf"
    labels = [page.get("LABEL") for page in root.findall(".//{*}div[@TYPE='page']")]
    assert labels == ["page 1 of catalog.pdf", "page 2 of catalog.pdf"]


# What is refused, and what is left out


def test_a_book_of_which_no_word_has_a_place_is_not_written(tmp_path: Path) -> None:
    letters = Letters(tmp_path, {BOOK: [letter()]})
    with pytest.raises(DataError, match=r"in no file of .*words.*-f .*1866/\.pagewave\.json"):
        letters.write("alto")
    assert not list(tmp_path.rglob("*.zip*"))


def test_forms_are_refused_where_what_they_need_is_not_given(tmp_path: Path) -> None:
    forms = find_exporters(list(OF_WORDS), tmp_path)
    with pytest.raises(ConfigError, match=r"alto, page_xml, .*words\.languages"):
        refuse_unfit(forms, False, "https://books.example")
    with pytest.raises(ConfigError, match=r"iiif.*citation\.url"):
        refuse_unfit(forms, True, None)
    refuse_unfit(forms, True, "https://books.example")
    refuse_unfit(find_exporters(["csv", "text"], tmp_path), False, None)


def test_a_tree_that_cant_be_read_is_named(tmp_path: Path) -> None:
    letters = Letters(tmp_path, {BOOK: [letter()]})
    file = tmp_path / "results/words" / BOOK / "1.json"
    file.parent.mkdir(parents=True)
    file.write_text("{}")
    with pytest.raises(DataError, match=r"1\.json can't be read \(ValidationError\)"):
        letters.write("hocr")


def test_a_page_that_was_not_read_is_left_out(tmp_path: Path) -> None:
    letters = Letters(tmp_path, {BOOK: [letter(), None]}, scans=SAMPLE / "images")
    write_trees(tmp_path / "results/words", TREES[:2])
    assert [name for name, _ in _members(letters.write("alto"), "alto")] == ["1.xml"]
