"""PDF files for tests, object by object: what lies on a page, in which order, how finely."""

import io
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image


class PdfPage:
    """One page, of so many points; `write` makes a file of it.

    What it shows is drawn by `content`, which names pictures and forms as they were added.
    """

    def __init__(self, width: float, height: float, entries: str = "") -> None:
        self._objects: list[bytes] = []
        self._names: list[str] = []
        self._size, self._entries = (width, height), entries
        self.content: list[str] = []
        self.annotations: list[int] = []
        self.font = self.add("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")

    def add(self, dictionary: str, stream: bytes | None = None) -> int:
        """An object; returns its number."""
        body = dictionary.encode()
        if stream is not None:
            body = body.rstrip().removesuffix(b">>") + b"/Length %d >>" % len(stream)
            body += b"\nstream\n" + stream + b"\nendstream"
        self._objects.append(body)
        return len(self._objects)

    def picture(self, image: Image.Image, entries: str = "") -> int:
        """An image, of which nothing is drawn yet; one of 1 bit is not compressed by JPEG."""
        width, height = image.size
        if image.mode == "1":
            data, how = zlib.compress(image.tobytes()), "/Filter /FlateDecode /BitsPerComponent 1"
        else:
            target = io.BytesIO()
            image.save(target, "JPEG", quality=90)
            data, how = target.getvalue(), "/Filter /DCTDecode /BitsPerComponent 8"
        space = "/DeviceRGB" if image.mode == "RGB" else "/DeviceGray"
        return self.add(
            f"<< /Type /XObject /Subtype /Image /Width {width} /Height {height} "
            f"/ColorSpace {space} {how} {entries} >>",
            data,
        )

    def form(
        self,
        content: str,
        matrix: Sequence[float] = (1, 0, 0, 1, 0, 0),
        size: Sequence[float] = (9999, 9999),
    ) -> int:
        """A form of such a size, of which nothing is drawn yet."""
        numbers, box = " ".join(map(str, matrix)), " ".join(map(str, size))
        return self.add(
            f"<< /Type /XObject /Subtype /Form /BBox [0 0 {box}] /Matrix [{numbers}] "
            f"/Resources << /XObject << {self._xobjects()} >> /Font << /F {self.font} 0 R >> >> >>",
            content.encode(),
        )

    def draw(self, number: int, matrix: Sequence[float] | None = None) -> str:
        """The words that draw a picture (by default over the whole page) or a form."""
        width, height = self._size
        numbers = " ".join(map(str, matrix or (width, 0, 0, height, 0, 0)))
        return f"q {numbers} cm /X{number} Do Q"

    def write(self, path: Path, catalog: str = "") -> Path:
        """The file."""
        content = self.add("<< >>", "\n".join(self.content).encode())
        width, height = self._size
        notes = " ".join(f"{number} 0 R" for number in self.annotations)
        page = self.add(
            f"<< /Type /Page /Parent {len(self._objects) + 2} 0 R /MediaBox [0 0 {width} {height}] "
            f"/Contents {content} 0 R /Annots [{notes}] {self._entries} "
            f"/Resources << /XObject << {self._xobjects()} >> /Font << /F {self.font} 0 R >> >> >>"
        )
        pages = self.add(f"<< /Type /Pages /Count 1 /Kids [{page} 0 R] >>")
        root = self.add(f"<< /Type /Catalog /Pages {pages} 0 R {catalog} >>")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self._file({"Root": f"{root} 0 R"}))
        return path

    def _xobjects(self) -> str:
        numbers = [n for n, body in enumerate(self._objects, 1) if b"/XObject /Subtype" in body]
        return " ".join(f"/X{number} {number} 0 R" for number in numbers)

    def _file(self, trailer: Mapping[str, str]) -> bytes:
        data, places = b"%PDF-1.7\n", []
        for number, body in enumerate(self._objects, 1):
            places.append(len(data))
            data += b"%d 0 obj\n%b\nendobj\n" % (number, body)
        start = len(data)
        data += b"xref\n0 %d\n0000000000 65535 f \n" % (len(places) + 1)
        data += b"".join(b"%010d 00000 n \n" % place for place in places)
        entries = " ".join(f"/{name} {value}" for name, value in trailer.items())
        data += f"trailer\n<< /Size {len(places) + 1} {entries} >>\n".encode()
        return data + b"startxref\n%d\n%%%%EOF\n" % start
