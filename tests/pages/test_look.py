"""What is seen of a picture before it is paid for."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers.library import REPO
from helpers.pdf_files import PdfPage
from helpers.scan_files import page_of, save
from pagewave.config.settings import load_settings
from pagewave.pages.dataset import Book, scan
from pagewave.pages.ink import share_of_print
from pagewave.pages.look import Look, coarse, doubts_of, glance, look_at, plausible_dpi, torn
from pagewave.pages.prepared import PreparedImages
from pagewave.pages.scan_files import leaves

PAGE = page_of("look", (600, 1000))


def flags(path: Path) -> list[str]:
    """Flags of a file that is sent as it is."""
    width, height = Image.open(path).size
    doubts = [doubt.what for doubt in doubts_of(look_at(path), path.stat().st_size, width * height)]
    return doubts + [doubt.what for leaf in leaves(path, 300) for doubt in leaf.doubts]


def cut(path: Path, share: float) -> Path:
    """A JPEG of which the end is missing, but for its mark."""
    data = path.read_bytes()
    path.write_bytes(data[: round(len(data) * share)] + b"\xff\xd9")
    return path


def test_a_page_of_print_is_not_doubted(tmp_path: Path) -> None:
    for number, options in enumerate(({}, {"progressive": True}, {"quality": 20})):
        assert flags(save(tmp_path / f"{number}.jpg", [PAGE], **options)) == []
    assert flags(save(tmp_path / "1.png", [PAGE])) == []
    found = look_at(save(tmp_path / "2.png", [PAGE]))
    assert found.median > 200 and found.spread > 150


def test_a_dark_picture_is_flagged(tmp_path: Path) -> None:
    dark = PAGE.point([value // 15 for value in range(256)] * 3)
    negative = PAGE.point([255 - value for value in range(256)] * 3)
    for picture in (dark, negative):
        assert flags(save(tmp_path / "1.png", [picture])) == ["dark_picture"]


def test_an_empty_picture_is_flagged_where_its_file_is_not_empty(tmp_path: Path) -> None:
    white = Image.new("RGB", PAGE.size, "white")
    assert flags(save(tmp_path / "1.png", [white])) == []
    for suffix in (".png", ".webp"):
        noise = Image.merge("RGB", [Image.effect_noise(PAGE.size, 50)] * 3)
        noise.putalpha(0)
        path = save(tmp_path / f"2{suffix}", [noise], exact=True, lossless=True)
        assert flags(path) == ["empty_picture"]


@pytest.mark.parametrize("share", [0.3, 0.5, 0.8])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_jpeg_that_was_cut_and_ends_properly_is_flagged(
    tmp_path: Path, mode: str, share: float
) -> None:
    path = cut(save(tmp_path / "1.jpg", [PAGE.convert(mode)], quality=80), share)
    assert "cut_picture" in flags(path)


def test_a_progressive_jpeg_that_lacks_scans_is_flagged(tmp_path: Path) -> None:
    noise = Image.merge("RGB", [Image.effect_noise((300, 500), 50)] * 3)
    path = save(tmp_path / "1.jpg", [noise], progressive=True)
    whole = path.read_bytes()
    assert flags(path) == []
    assert len(whole) > 20_000
    assert "cut_picture" in flags(cut(path, 0.5))


@pytest.mark.parametrize("missing", [8, 2_000])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"progressive": True},
        {"progressive": True, "restart_marker_rows": 4},
        {"optimize": True},
    ],
)
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_a_jpeg_that_was_cut_anywhere_is_flagged(
    tmp_path: Path, mode: str, options: dict[str, object], missing: int
) -> None:
    """In the last scan of a progressive one, and so near its end that nothing is to be seen."""
    path = save(tmp_path / "1.jpg", [PAGE.convert(mode)], quality=90, **options)
    assert torn(path) is None
    path.write_bytes(path.read_bytes()[:-missing].rstrip(b"\xff") + b"\xff\xd9")
    assert torn(path) or leaves(path, 300)[0].doubts  # or a whole scan is missing


def test_a_jpeg_that_was_cut_is_told_of_its_page_once(tmp_path: Path) -> None:
    for number, missing in enumerate((2, 30, 20_000), start=1):
        path = save(tmp_path / f"images/Ohio/Elm/1850/{number}.jpg", [PAGE], progressive=True)
        path.write_bytes(path.read_bytes()[:-missing].rstrip(b"\xff") + b"\xff\xd9")
    prepared, (book,) = of_book(tmp_path)
    found = [[*prepared.doubts(page), *prepared.doubts_of(page, page.scan)] for page in book.pages]
    assert [[doubt.what for doubt in each] for each in found] == [
        [],
        ["cut_picture"],
        ["cut_picture"],
    ]


@pytest.mark.parametrize(
    ("dpi", "share", "left"),
    [(300, 1, 0), (300, 0.3, 90), (0, 1, 0), (0, 0.2, 60), (72, 1, 72), (600, 0.2, 0)],
)
def test_too_few_pixels_an_inch_are_told(dpi: float, share: float, left: int) -> None:
    doubt = coarse(dpi, share)
    assert (doubt is not None) is (left > 0)
    assert doubt is None or f"about {left} pixels an inch" in doubt.message


def test_a_resolution_that_no_page_has_is_not_believed() -> None:
    assert plausible_dpi(72, 3508) == 0.0 and plausible_dpi(72, 800) == 72.0
    assert plausible_dpi(0, 800) == 0.0


def of_book(folder: Path, **images: object) -> tuple[PreparedImages, Sequence[Book]]:
    """A folder of scans."""
    config = {
        "paths": {"image_source_dir": str(folder / "images")},
        "filters": {"labels": "all"},
        "images": images,
    }
    settings = load_settings(config, folder)
    return PreparedImages(settings), scan(settings).books


def doubts_of_book(folder: Path, **images: object) -> list[str]:
    """What headers tell of a folder of scans."""
    prepared, (book,) = of_book(folder, **images)
    return [doubt.what for page in book.pages for doubt in prepared.doubts(page)]


def test_a_long_sheet_is_told_from_its_header(tmp_path: Path) -> None:
    page = PdfPage(234, 14_295)
    page.content.append("BT /F 12 Tf 50 300 Td (Ashgrove College) Tj ET")
    path = page.write(tmp_path / "images/Ohio/A/1859/1.pdf")
    assert doubts_of_book(tmp_path) == ["coarse_picture"]
    path.unlink()
    save(path.with_suffix(".png"), [Image.new("L", (300, 12_000), 200)])
    assert doubts_of_book(tmp_path) == ["coarse_picture"]
    assert doubts_of_book(tmp_path, longest_side=None) == []


def test_a_portfolio_and_a_form_that_others_cannot_show_are_told(tmp_path: Path) -> None:
    page = PdfPage(300, 400)
    page.content.append("BT /F 12 Tf 50 300 Td (Please wait...) Tj ET")
    inside = page.add("<< /Type /EmbeddedFile >>", b"scan")
    spec = page.add(f"<< /Type /Filespec /F (scan.pdf) /EF << /F {inside} 0 R >> >>")
    names = f"/Names << /EmbeddedFiles << /Names [(scan.pdf) {spec} 0 R] >> >>"
    wrapped = page.write(tmp_path / "1.pdf", f"{names} /Collection << /View /D >>")
    (leaf,) = leaves(wrapped, 300)
    assert [doubt.what for doubt in leaf.doubts] == ["portfolio"]
    attached = PdfPage(300, 400).write(tmp_path / "2.pdf", "")
    assert leaves(attached, 300)[0].doubts == ()
    form = PdfPage(300, 400)
    template = form.add("<< >>", b"<xdp:xdp xmlns:xdp='http://ns.adobe.com/xdp/'></xdp:xdp>")
    waiting = form.write(
        tmp_path / "3.pdf", f"/NeedsRendering true /AcroForm << /Fields [] /XFA {template} 0 R >>"
    )
    assert [doubt.what for doubt in leaves(waiting, 300)[0].doubts] == ["please_wait"]


def test_a_look_is_at_what_is_seen(tmp_path: Path) -> None:
    black = Image.new("L", PAGE.size)
    black.putalpha(Image.fromarray(255 - np.array(PAGE.convert("L"))))
    path = save(tmp_path / "1.png", [black])
    plain = look_at(save(tmp_path / "2.png", [PAGE]))
    assert look_at(path).median == pytest.approx(plain.median, abs=1)
    assert isinstance(plain, Look)


def test_a_glance_tells_of_pages_of_print_what_a_look_does() -> None:
    sample = sorted((REPO / "resources" / "sample" / "images").rglob("*.jpg"))
    assert len(sample) > 10
    for path in sample:
        seen = glance(path)
        assert seen and seen.is_sound
        assert seen.share_of_print == pytest.approx(share_of_print(path), rel=0.05)


def test_what_a_glance_is_not_sure_of_takes_a_look(tmp_path: Path) -> None:
    dark = PAGE.point([value // 15 for value in range(256)] * 3)
    half_grey = PAGE.copy()
    half_grey.paste((128, 128, 128), (0, 800, *PAGE.size))
    for number, picture in enumerate((dark, Image.new("RGB", PAGE.size, "white"), half_grey)):
        seen = glance(save(tmp_path / f"{number}.jpg", [picture]))
        assert seen and not seen.is_sound
    assert glance(save(tmp_path / "1.png", [PAGE])) is None
    for options in ({}, {"progressive": True}):
        assert glance(cut(save(tmp_path / "4.jpg", [PAGE], **options), 0.7)) is None
    plain = glance(save(tmp_path / "5.jpg", [PAGE]))
    assert plain and plain.is_sound
    assert glance(save(tmp_path / "6.jpg", [PAGE.convert("CMYK")])) is None
