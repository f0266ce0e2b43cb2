"""PDF pages: how finely they are drawn, and all that is drawn on them."""

import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pypdfium2
import pytest
from PIL import Image

from helpers.pdf_files import PdfPage
from helpers.scan_files import page_of
from pagewave.pages import pdf

WIDTH, HEIGHT = 396, 619
"""Of a page in points: at 300 dpi 1650 pixels wide."""

DPI = 300
TEXT = "BT /F 12 Tf 50 300 Td (Ashgrove College) Tj ET"
HIDDEN_TEXT = "BT 3 Tr /F 12 Tf 50 300 Td (Ashgrove College) Tj ET"
OUTLINES = "0 g 100 100 m 150 300 l 200 100 l f"
SCAN = page_of("scan", (550, 860)).convert("L")
PAPER = Image.new("L", (92, 144), 230)


def width_of(page: PdfPage, folder: Path, dpi: int = DPI, longest_side: int | None = None) -> int:
    """How many pixels wide it is drawn, as was foretold."""
    path = page.write(folder / "1.pdf")
    image = pdf.render(path, 1, dpi, longest_side)
    (size,) = pdf.sizes(path, dpi)
    assert longest_side or image.size == size[:2]
    return image.width


def one_scan(page: PdfPage) -> None:
    page.content.append(page.draw(page.picture(SCAN)))


def scan_with_hidden_text(page: PdfPage) -> None:
    one_scan(page)
    page.content.append(HIDDEN_TEXT)


def scan_over_text(page: PdfPage) -> None:
    page.content.append(TEXT)
    one_scan(page)


def scan_over_white(page: PdfPage) -> None:
    page.content.append(f"1 g 0 0 {WIDTH} {HEIGHT} re f")
    one_scan(page)


def scan_in_strips(page: PdfPage) -> None:
    for part in range(4):
        strip = page.picture(SCAN.crop((0, part * 215, 550, part * 215 + 215)))
        place = (WIDTH, 0, 0, HEIGHT / 4, 0, HEIGHT / 4 * (3 - part))
        page.content.append(page.draw(strip, place))


def scan_in_forms(page: PdfPage) -> None:
    inner = page.form(page.draw(page.picture(SCAN), (1, 0, 0, 1, 0, 0)), (4, 0, 0, 4, 0, 0))
    outer = page.form(page.draw(inner, (WIDTH / 4, 0, 0, HEIGHT / 4, 0, 0)))
    page.content.append(page.draw(outer, (1, 0, 0, 1, 0, 0)))


def scan_lying(page: PdfPage) -> None:
    lying = page.picture(SCAN.transpose(Image.Transpose.ROTATE_90))
    page.content.append(page.draw(lying, (0, HEIGHT, -WIDTH, 0, WIDTH, 0)))


def scan_with_opaque_mask(page: PdfPage) -> None:
    mask = page.picture(Image.new("L", SCAN.size, 255))
    page.content.append(page.draw(page.picture(SCAN, f"/SMask {mask} 0 R")))


def scan_with_link(page: PdfPage) -> None:
    one_scan(page)
    link = page.add("<< /Type /Annot /Subtype /Link /Rect [0 0 50 50] >>")
    page.annotations.append(link)


@pytest.mark.parametrize(
    "draw",
    [
        *(one_scan, scan_with_hidden_text, scan_over_text, scan_over_white, scan_in_strips),
        *(scan_in_forms, scan_lying, scan_with_opaque_mask, scan_with_link),
    ],
)
@pytest.mark.parametrize("scale", [1.0, 0.05, 20.0])
def test_a_page_that_is_one_scan_has_the_scans_own_pixels_whatever_its_inches(
    tmp_path: Path, draw: Callable[[PdfPage], None], scale: float
) -> None:
    page = PdfPage(WIDTH, HEIGHT)
    draw(page)
    if scale != 1:
        page.content = [f"{scale} 0 0 {scale} 0 0 cm", *page.content]
        page._size = (WIDTH * scale, HEIGHT * scale)
    assert width_of(page, tmp_path) == pytest.approx(SCAN.width, abs=1)
    assert width_of(page, tmp_path, longest_side=430) == pytest.approx(275, abs=1)


def paper_under_text(page: PdfPage) -> None:
    page.content += [page.draw(page.picture(PAPER)), TEXT]


def paper_under_outlines(page: PdfPage) -> None:
    page.content += [page.draw(page.picture(PAPER)), OUTLINES]


def paper_under_text_in_a_form(page: PdfPage) -> None:
    page.content.append(page.draw(page.picture(PAPER)))
    page.content.append(page.draw(page.form(TEXT), (1, 0, 0, 1, 0, 0)))


def mask_finer_than_its_picture(page: PdfPage) -> None:
    """A masked scan: paper, and ink that is coarse but for its mask."""
    ink = SCAN.resize((2200, 3440)).point(lambda value: 255 * (value < 130))
    mask = page.picture(ink.convert("1"))
    dark = page.picture(Image.new("L", (183, 287), 30), f"/SMask {mask} 0 R")
    page.content += [page.draw(page.picture(PAPER)), page.draw(dark)]


def picture_under_stamp(page: PdfPage) -> None:
    page.content.append(page.draw(page.picture(PAPER)))
    shown, place = page.form(TEXT), f"/Rect [0 0 {WIDTH} {HEIGHT}]"
    stamp = page.add(f"<< /Type /Annot /Subtype /Stamp {place} /AP << /N {shown} 0 R >> >>")
    page.annotations.append(stamp)


def nothing_but_text(page: PdfPage) -> None:
    page.content.append(TEXT)


def small_picture(page: PdfPage) -> None:
    page.content.append(page.draw(page.picture(PAPER), (50, 0, 0, 50, 0, 0)))


@pytest.mark.parametrize(
    "draw",
    [
        *(paper_under_text, paper_under_outlines, paper_under_text_in_a_form),
        *(mask_finer_than_its_picture, picture_under_stamp, nothing_but_text, small_picture),
    ],
)
def test_a_page_on_which_more_is_drawn_is_as_fine_as_configured(
    tmp_path: Path, draw: Callable[[PdfPage], None]
) -> None:
    page = PdfPage(WIDTH, HEIGHT)
    draw(page)
    assert width_of(page, tmp_path) == 1650
    assert width_of(page, tmp_path, dpi=200) == 1100


def test_images_on_each_other_have_200_dpi_at_least(tmp_path: Path) -> None:
    page = PdfPage(WIDTH, HEIGHT)
    page.content += [page.draw(page.picture(PAPER)), page.draw(page.picture(PAPER.rotate(180)))]
    assert width_of(page, tmp_path) == 1100


@pytest.mark.parametrize("packed", [False, True])
def test_a_pages_unit_is_counted(tmp_path: Path, packed: bool) -> None:
    page = PdfPage(WIDTH / 2, HEIGHT / 2, "" if packed else "/UserUnit 2.0")
    page.content.append(OUTLINES)
    if packed:  # as programs write page dictionaries since PDF 1.5
        page.add("<< /Type /ObjStm /N 1 /First 4 >>", zlib.compress(b"9 0 << /UserUnit 2 >>"))
    assert width_of(page, tmp_path) == 1650


# Forms


def with_field(page: PdfPage, *, appearance: bool = True, kind: str = "/Tx") -> str:
    """A page with a filled field; returns what the catalog says of it."""
    page.content.append("BT /F 14 Tf 100 430 Td (Name of school) Tj ET")
    said = "/Tx BMC q BT /F 14 Tf 0 g 2 5 Td (Ashgrove College) Tj ET Q EMC"
    shown = page.form(said, size=(200, 20))
    looks = f"/AP << /N {shown} 0 R >>" if appearance else ""
    field = page.add(
        f"<< /Type /Annot /Subtype /Widget /FT {kind} /T (a) /V (Ashgrove College) "
        f"/Rect [100 400 300 420] /F 4 /DA (/F 14 Tf 0 g) {looks} >>"
    )
    page.annotations.append(field)
    return (
        f"/AcroForm << /Fields [{field} 0 R] /NeedAppearances {str(not appearance).lower()} "
        f"/DR << /Font << /F {page.font} 0 R >> >> /DA (/F 14 Tf 0 g) >>"
    )


def dark_rows(image: Image.Image, top: int, bottom: int) -> int:
    """Dark pixels between two heights, in points from the page's lower edge."""
    grey = np.asarray(image.convert("L"))
    scale = image.height / HEIGHT
    return int((grey[round((HEIGHT - top) * scale) : round((HEIGHT - bottom) * scale)] < 100).sum())


@pytest.mark.parametrize("appearance", [True, False])
def test_a_filled_field_is_drawn(tmp_path: Path, appearance: bool) -> None:
    page = PdfPage(WIDTH, HEIGHT)
    catalog = with_field(page, appearance=appearance)
    image = pdf.render(page.write(tmp_path / "1.pdf", catalog), 1, 150, None)
    assert dark_rows(image, 445, 425) > 200  # the caption
    assert dark_rows(image, 420, 400) > 200  # the field
    assert dark_rows(image, 390, 0) == 0


def test_a_field_on_a_coarse_scan_is_drawn_finely(tmp_path: Path) -> None:
    page = PdfPage(WIDTH, HEIGHT)
    page.content.append(page.draw(page.picture(PAPER)))
    path = page.write(tmp_path / "1.pdf", with_field(page))
    assert pdf.render(path, 1, DPI, None).width == 1650


def test_a_turned_page_keeps_its_pixels(tmp_path: Path) -> None:
    page = PdfPage(WIDTH, HEIGHT)
    one_scan(page)
    document = pypdfium2.PdfDocument(page.write(tmp_path / "straight.pdf"))
    document[0].set_rotation(90)
    document.save(tmp_path / "turned.pdf")
    assert pdf.render(tmp_path / "turned.pdf", 1, DPI, None).size == SCAN.size[::-1]


@pytest.mark.parametrize(
    ("dpi", "entries", "mode"),
    [
        (72, "/Interpolate false", "L"),
        (72, "/Decode [1 0]", "L"),
        (DPI, "/Interpolate false", "RGBX"),  # drawn as ever
        (72, "/ColorSpace [/Indexed /DeviceRGB 1 <C00000FFFFFF>]", "RGBX"),
        (72, "/ImageMask true", "RGBX"),  # painted with any colour
    ],
)
def test_a_scan_of_black_and_white_that_is_finer_than_asked_for_is_grey_if_it_has_no_colour(
    tmp_path: Path, dpi: int, entries: str, mode: str
) -> None:
    page = PdfPage(WIDTH, HEIGHT)
    scan = page_of("scan", (1650, 2580)).convert("1")
    page.content += ["0.8 0 0 rg", page.draw(page.picture(scan, entries))]
    path = page.write(tmp_path / "1.pdf")
    image = pdf.render(path, 1, dpi, 1290)
    assert image.mode == mode
    with pypdfium2.PdfDocument(path) as document:
        drawn = document[0].render(scale=1289.5 / HEIGHT).to_pil()
    shown = np.asarray(drawn.convert("RGB"), float)
    assert np.abs(shown - np.asarray(image.convert("RGB"), float)).max() <= 2
