"""Scan files of every format: what their headers say, their pixels, and how they break."""

import ctypes
import re
import struct
import warnings
from collections.abc import Callable
from pathlib import Path

import pypdfium2
import pytest
from PIL import ExifTags, Image, ImageChops, ImageStat, TiffImagePlugin
from pypdfium2 import raw

from helpers.scan_files import PAGE_SIZE, are_alike, encrypt, page_of, save
from pagewave.errors import DataError
from pagewave.pages import scan_files as scans
from pagewave.pages import tiff
from pagewave.pages.image_kinds import RECIPE
from pagewave.pages.pdf_resolution import INVISIBLE
from pagewave.pages.scan_files import Leaf

DPI = 300
FIRST, SECOND, THIRD = (page_of(number) for number in (1, 2, 3))


def load(path: Path, number: int = 1, longest_side: int | None = None) -> Image.Image:
    return scans.load(path, number, DPI, longest_side)


# Formats


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif", ".jp2", ".pdf"])
def test_every_format_shows_its_page(tmp_path: Path, suffix: str) -> None:
    path = save(tmp_path / f"1{suffix}", [FIRST])
    (leaf,) = scans.leaves(path, DPI)
    recipe = RECIPE if suffix == ".pdf" else 0
    assert leaf == Leaf(*PAGE_SIZE, sendable=suffix in (".jpg", ".png", ".webp"), recipe=recipe)
    image = load(path)
    assert image.mode == ("RGBX" if suffix == ".pdf" else "RGB")
    assert are_alike(image, FIRST)
    assert not are_alike(image, SECOND)


@pytest.mark.parametrize("suffix", [".tif", ".pdf"])
def test_files_of_several_pages(tmp_path: Path, suffix: str) -> None:
    path = save(tmp_path / f"scans{suffix}", [FIRST, SECOND, THIRD])
    assert scans.count(path) == 3
    recipe = RECIPE if suffix == ".pdf" else 0
    assert scans.leaves(path, DPI) == [Leaf(*PAGE_SIZE, recipe=recipe)] * 3
    for number, page in enumerate((FIRST, SECOND, THIRD), start=1):
        assert are_alike(load(path, number), page)


def test_the_content_decides_not_the_suffix(tmp_path: Path) -> None:
    path = save(tmp_path / "scan.pdf", [FIRST, SECOND]).rename(tmp_path / "1.jpg")
    assert len(scans.leaves(path, DPI)) == scans.count(path) == 2
    assert are_alike(load(path, 2), SECOND)


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate", "jpeg"])
def test_compressed_tiff(tmp_path: Path, compression: str) -> None:
    path = save(tmp_path / "scans.tif", [FIRST, SECOND], compression=compression)
    assert scans.leaves(path, DPI) == [Leaf(*PAGE_SIZE)] * 2
    assert are_alike(load(path, 2), SECOND)


def test_bitonal_fax_tiff(tmp_path: Path) -> None:
    page = SECOND.convert("L").point(lambda value: 255 * (value > 120)).convert("1")
    path = save(tmp_path / "scans.tif", [page, page], compression="group4")
    assert load(path, 2).mode == "L"
    assert are_alike(load(path, 2), page)


def test_small_copies_and_masks_in_a_tiff_are_no_pages(tmp_path: Path) -> None:
    path = tmp_path / "scans.tif"
    kinds = TiffImagePlugin.ImageFileDirectory_v2()
    with TiffImagePlugin.AppendingTiffWriter(path, True) as tiff:
        for page, kind in ((FIRST, 0), (FIRST.resize((12, 20)), 1), (SECOND, 2), (THIRD, 4)):
            kinds[254] = kind
            page.save(tiff, "TIFF", tiffinfo=kinds)
            tiff.newFrame()
    assert scans.count(path) == len(scans.leaves(path, DPI)) == 2
    assert are_alike(load(path, 2), SECOND)


@pytest.mark.parametrize(
    ("mode", "shown"), [("L", "L"), ("CMYK", "RGB"), ("P", "RGB"), ("YCbCr", "RGB")]
)
def test_other_kinds_of_pixels(tmp_path: Path, mode: str, shown: str) -> None:
    path = save(tmp_path / "1.tif", [FIRST.convert(mode, palette=Image.Palette.ADAPTIVE)])
    assert load(path).mode == shown
    assert are_alike(load(path), FIRST)


@pytest.mark.parametrize("suffix", [".tif", ".png"])
def test_sixteen_bits_of_grey_keep_their_shades(tmp_path: Path, suffix: str) -> None:
    grey = FIRST.convert("L")
    data = b"".join(struct.pack("<H", value * 257) for value in grey.tobytes())
    path = save(tmp_path / f"1{suffix}", [Image.frombytes("I;16", grey.size, data)])
    assert load(path).mode == "L"
    assert are_alike(load(path), grey, tolerance=1.0)


def test_what_is_transparent_is_paper(tmp_path: Path) -> None:
    path = save(tmp_path / "1.png", [Image.new("RGBA", (40, 60), (0, 0, 0, 0))])
    assert load(path).getcolors() == [(40 * 60, (255, 255, 255))]


# Orientation


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
@pytest.mark.parametrize("value", range(1, 9))
def test_orientation(tmp_path: Path, suffix: str, value: int) -> None:
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = FIRST.transpose(undo[value]) if value > 1 else FIRST
    exif = Image.Exif()
    exif[274] = value
    path = save(tmp_path / f"1{suffix}", [stored], exif=exif)
    upright = value == 1 and suffix != ".tif"
    assert scans.leaves(path, DPI) == [Leaf(*PAGE_SIZE, sendable=upright)]
    assert are_alike(load(path), FIRST)


def test_a_turned_pdf_page_is_upright(tmp_path: Path) -> None:
    path = save(tmp_path / "scan.pdf", [FIRST.transpose(Image.Transpose.ROTATE_90)])
    document = pypdfium2.PdfDocument(path)
    document[0].set_rotation(90)
    document.save(tmp_path / "turned.pdf")
    assert scans.leaves(tmp_path / "turned.pdf", DPI) == [Leaf(*PAGE_SIZE, recipe=RECIPE)]
    assert are_alike(load(tmp_path / "turned.pdf"), FIRST)


# Sizes


def test_a_pdf_scan_has_its_own_pixels(tmp_path: Path) -> None:
    path = save(tmp_path / "scan.pdf", [FIRST], resolution=100)
    assert scans.leaves(path, 300) == [Leaf(*PAGE_SIZE, recipe=RECIPE)]
    assert scans.leaves(path, 25) == [Leaf(*PAGE_SIZE, recipe=RECIPE)]
    assert load(path, longest_side=150).size == (90, 150)


def test_a_pdf_page_that_is_no_scan_is_drawn_as_configured(tmp_path: Path) -> None:
    document = pypdfium2.PdfDocument.new()
    document.new_page(72, 144)
    document.save(tmp_path / "empty.pdf")
    assert scans.leaves(tmp_path / "empty.pdf", 100) == [Leaf(100, 200, recipe=RECIPE)]
    # A small picture does not make a page a scan.
    save(tmp_path / "small.pdf", [FIRST.resize((6, 10))], resolution=72)
    document = pypdfium2.PdfDocument(tmp_path / "small.pdf")
    document[0].set_mediabox(0, 0, 72, 144)
    document.save(tmp_path / "page.pdf")
    assert scans.leaves(tmp_path / "page.pdf", 100) == [Leaf(100, 200, recipe=RECIPE)]


@pytest.mark.parametrize(("mode", "width"), [(0, 300), (INVISIBLE, PAGE_SIZE[0])])
def test_text_on_a_scan_counts_only_if_it_is_to_be_seen(
    tmp_path: Path, mode: int, width: int
) -> None:
    """Recognised text lies invisibly over a scan; what is drawn over a picture is no scan's."""
    path = save(tmp_path / "scan.pdf", [FIRST], resolution=PAGE_SIZE[0])  # an inch wide
    document = pypdfium2.PdfDocument(path)
    text = raw.FPDFPageObj_NewTextObj(document, b"Helvetica", ctypes.c_float(12))
    assert raw.FPDFText_SetText(text, ctypes.cast(b"A\0B\0\0\0", raw.FPDF_WIDESTRING))
    assert raw.FPDFTextObj_SetTextRenderMode(text, mode)
    page = document[0]
    page.insert_obj(pypdfium2.PdfObject(text, pdf=document))
    page.gen_content()
    document.save(tmp_path / "text.pdf")
    (leaf,) = scans.leaves(tmp_path / "text.pdf", 300)
    assert leaf == Leaf(width, width * PAGE_SIZE[1] // PAGE_SIZE[0], recipe=RECIPE)


def test_large_jpegs_are_decoded_small_but_never_too_small(tmp_path: Path) -> None:
    path = save(tmp_path / "1.jpg", [page_of(1, (1200, 2000))])
    assert load(path, longest_side=600).size == (600, 1000)


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_to_be_looked_at_a_plain_jpeg_is_decoded_at_eighths(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "1.jpg"
    page_of(1, (1200, 2000)).convert(mode).save(path)
    seen = scans.load_to_look_at(path, 1, DPI, 1200)
    assert (seen.size, seen.mode) == ((750, 1250), mode)
    whole = load(path).resize(seen.size, Image.Resampling.BOX)
    assert max(ImageStat.Stat(ImageChops.difference(seen, whole)).mean) < 3
    assert scans.load_to_look_at(path, 1, DPI, 2000).size == (1200, 2000)


def test_to_be_looked_at_anything_else_is_decoded_as_ever(tmp_path: Path) -> None:
    page, exif = page_of(1, (1200, 2000)), Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    page.save(tmp_path / "turned.jpg", exif=exif)
    page.convert("CMYK").save(tmp_path / "cmyk.jpg")
    page.save(tmp_path / "oblong.jpg", dpi=(300, 600))
    page.save(tmp_path / "1.png")
    whole = save(tmp_path / "whole.jpg", [page]).read_bytes()
    for path in set(tmp_path.iterdir()) - {tmp_path / "whole.jpg"}:
        expected = load(path, longest_side=900)
        assert scans.load_to_look_at(path, 1, DPI, 900).tobytes() == expected.tobytes()
    cut = tmp_path / "cut.jpg"
    cut.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="cut"):
        scans.load_to_look_at(cut, 1, DPI, 900)


# What is broken


def broken_files(folder: Path) -> dict[str, Path]:
    """One file for each reason to refuse it as a whole, by a part of the reason."""
    folder.mkdir(exist_ok=True)
    whole = save(folder / "whole.pdf", [FIRST, SECOND])
    document = pypdfium2.PdfDocument(whole)
    (folder / "empty.tif").touch()
    (folder / "text.tif").write_text("no image at all")
    (folder / "broken.pdf").write_bytes(whole.read_bytes()[:60])
    (folder / "cut.tif").write_bytes(save(folder / "whole.tif", [FIRST, SECOND]).read_bytes()[:50])
    document.close()
    return {
        "there is no such image": folder / "gone.pdf",
        "is empty": folder / "empty.tif",
        "is no image": folder / "text.tif",
        "is a broken PDF": folder / "broken.pdf",
        "put the scan there again": folder / "cut.tif",
    }


@pytest.mark.parametrize("look", [lambda path: scans.leaves(path, DPI), scans.count, load])
def test_each_broken_file_is_named(tmp_path: Path, look: Callable[[Path], object]) -> None:
    files = broken_files(tmp_path)
    assert len(files) == 5
    for reason, path in files.items():
        with warnings.catch_warnings(), pytest.raises(DataError) as caught:
            warnings.simplefilter("ignore")
            look(path)
        assert str(path) in str(caught.value)
        assert reason in str(caught.value)


def test_an_encrypted_pdf_says_so(tmp_path: Path) -> None:
    path = encrypt(save(tmp_path / "secret.pdf", [FIRST]))
    for look in (lambda path: scans.leaves(path, DPI), scans.count, load):
        with pytest.raises(DataError, match=r"secret\.pdf: is encrypted; save a copy"):
            look(path)


@pytest.mark.parametrize("suffix", [".tif", ".jp2"])
def test_a_single_page_that_was_cut_off(tmp_path: Path, suffix: str) -> None:
    noise = Image.effect_noise((300, 200), 60).convert("RGB")
    path = save(tmp_path / f"1{suffix}", [noise])
    path.write_bytes(path.read_bytes()[:-9000])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            (leaf,) = scans.leaves(path, DPI)
            assert "put the scan there again" in leaf.problem
        except DataError as error:
            assert "put the scan there again" in str(error)


def test_a_broken_page_among_others_in_a_tiff(tmp_path: Path) -> None:
    path = save(tmp_path / "scans.tif", [FIRST, SECOND, THIRD])
    with Image.open(path) as image:
        image.seek(1)
        assert isinstance(image, TiffImagePlugin.TiffImageFile)
        start = image.tag_v2[273][0]
    data = path.read_bytes()
    assert data.count(struct.pack("<L", start)) == 1
    path.write_bytes(data.replace(struct.pack("<L", start), struct.pack("<L", 2**31)))
    first, second, third = scans.leaves(path, DPI)
    assert first.problem == third.problem == ""
    assert "put the scan there again" in second.problem
    with pytest.raises(DataError, match=r"scans\.tif, page 2: cannot be read"):
        load(path, 2)
    assert are_alike(load(path, 3), THIRD)


def test_a_broken_page_among_others_in_a_pdf(tmp_path: Path) -> None:
    path = save(tmp_path / "scans.pdf", [FIRST, SECOND, THIRD])
    data = path.read_bytes()
    kids = re.search(rb"/Kids \[ (\d+) 0 R (\d+) 0 R", data)
    assert kids and data.count(b"\n%b 0 obj" % kids[2]) == 1
    # Where the second page should be, there is another object.
    path.write_bytes(data.replace(b"\n%b 0 obj" % kids[2], b"\n%b 0 obj" % (b"9" * len(kids[2]))))
    first, second, third = scans.leaves(path, DPI)
    assert first.problem == third.problem == ""
    assert "put the PDF there again" in second.problem
    with pytest.raises(DataError, match=r"scans\.pdf, page 2: cannot be read .* put the PDF there"):
        load(path, 2)
    assert are_alike(load(path, 3), THIRD)


def test_bombs_are_refused_and_not_decoded(tmp_path: Path) -> None:
    document = pypdfium2.PdfDocument.new()
    document.new_page(14_400, 14_400)
    document.save(tmp_path / "huge.pdf")
    with pytest.raises(DataError, match=r"huge\.pdf, page 1: has more than .* pixels"):
        load(tmp_path / "huge.pdf")
    assert load(tmp_path / "huge.pdf", longest_side=500).size == (500, 500)

    data = save(tmp_path / "scans.tif", [FIRST, SECOND]).read_bytes()
    for before, after in ((PAGE_SIZE[0], 60_001), (PAGE_SIZE[1], 60_002)):
        tag = 256 if before == PAGE_SIZE[0] else 257
        for kind, code in ((3, "<H"), (4, "<L")):
            entry = struct.pack("<HHL", tag, kind, 1) + struct.pack(code, before)
            data = data.replace(entry, struct.pack("<HHL", tag, kind, 1) + struct.pack(code, after))
    (tmp_path / "bomb.tif").write_bytes(data)
    with pytest.raises(DataError, match=r"bomb\.tif.* has more than"):
        load(tmp_path / "bomb.tif", 2)


@pytest.mark.parametrize("suffix", [".tif", ".jp2", ".pdf"])
def test_a_page_that_is_not_there_is_no_other_page(tmp_path: Path, suffix: str) -> None:
    path = save(tmp_path / f"scan{suffix}", [FIRST])
    with pytest.raises(DataError, match=r"scan\..*: has no page 2"):
        load(path, 2)


def test_a_tiff_of_many_pages_is_gone_through_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = [page_of(number, (24, 40)) for number in range(30)]
    path = save(tmp_path / "scans.tif", pages, compression="tiff_lzw")
    walks, walk = [], tiff.pages
    monkeypatch.setattr(tiff, "pages", lambda file: walks.append(1) or walk(file))
    assert scans.count(path) == len(scans.leaves(path, DPI)) == len(pages)
    for number, page in enumerate(pages, start=1):
        assert are_alike(load(path, number), page)
    assert len(walks) == 1
