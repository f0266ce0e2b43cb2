"""Images on disk, whole and broken."""

from __future__ import annotations

import hashlib
import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image

from pagewave.errors import DataError
from pagewave.pages.image_files import ImageFacts, content, dimensions, inspect


def write(path: Path, size: tuple[int, int] = (60, 40), format: str | None = None) -> Path:
    Image.new("L", size, 200).save(path, format)
    return path


def png_without_pixels(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds no pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n"
    for chunk in (b"IHDR" + header, b"IDAT", b"IEND"):
        data += struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return data


@pytest.mark.parametrize(
    ("name", "mime_type"),
    [("1.jpg", "image/jpeg"), ("1.png", "image/png"), ("1.webp", "image/webp")],
)
def test_facts(tmp_path: Path, name: str, mime_type: str) -> None:
    path = write(tmp_path / name)
    data = path.read_bytes()
    assert inspect(path) == ImageFacts(
        hashlib.sha256(data).hexdigest(), 60, 40, mime_type, len(data), path.stat().st_mtime_ns
    )
    assert dimensions(path) == (60, 40)


def test_any_file_can_be_hashed(tmp_path: Path) -> None:
    path = tmp_path / "scan.pdf"
    path.write_bytes(b"%PDF")
    expected = (4, path.stat().st_mtime_ns, hashlib.sha256(b"%PDF").hexdigest())
    assert content(path) == expected
    with pytest.raises(DataError, match=r"gone\.pdf: there is no such image"):
        content(tmp_path / "gone.pdf")


def test_the_content_decides_not_the_suffix(tmp_path: Path) -> None:
    path = write(tmp_path / "1.jpg", format="PNG")
    assert inspect(path).mime_type == "image/png"


def test_no_pixel_is_decoded(tmp_path: Path) -> None:
    path = tmp_path / "1.png"
    path.write_bytes(png_without_pixels(5000, 7000))
    assert dimensions(path) == (5000, 7000)
    assert inspect(path).size_bytes == 57


def broken_files(folder: Path) -> dict[str, Path]:
    """One file for each reason to refuse it, by a part of the reason."""
    (folder / "empty.jpg").touch()
    (folder / "text.jpg").write_text("no image at all")
    (folder / "cut.jpg").write_bytes(write(folder / "whole.jpg").read_bytes()[:40])
    (folder / "bomb.png").write_bytes(png_without_pixels(60_000, 60_000))
    (folder / "folder.jpg").mkdir()
    write(folder / "scan.tif")
    return {
        "there is no such image": folder / "gone.jpg",
        "is empty": folder / "empty.jpg",
        "is no image": folder / "text.jpg",
        "put the scan there again": folder / "cut.jpg",
        "pixels; scale it down": folder / "bomb.png",
        "Is a directory": folder / "folder.jpg",
        "is TIFF, which Gemini does not read; make it JPEG or PNG": folder / "scan.tif",
    }


def test_each_broken_file_is_named_with_its_reason(tmp_path: Path) -> None:
    files = broken_files(tmp_path)
    assert len(files) == 7
    for reason, path in files.items():
        for look in (inspect, dimensions):
            with pytest.raises(DataError) as caught:
                look(path)
            assert str(caught.value).startswith(f"{path}: ")
            assert reason in str(caught.value)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_a_file_that_was_cut_off_is_named(tmp_path: Path, suffix: str) -> None:
    whole = tmp_path / f"whole{suffix}"
    Image.effect_noise((300, 200), 60).convert("RGB").save(whole)
    data = whole.read_bytes()
    cut = tmp_path / f"cut{suffix}"
    cut.write_bytes(data[: len(data) * 2 // 3])
    padded = tmp_path / f"padded{suffix}"
    padded.write_bytes(data + bytes(8192))
    assert dimensions(whole) == dimensions(padded) == (300, 200)
    with pytest.raises(DataError, match="put the scan there again"):
        dimensions(cut)
