"""The yardstick: the same pages read by a plain asyncio script, as one writes it in an afternoon.

Page after page of each book, a hundred books a batch, images inside of the requests, three tries a
page. It keeps nothing but the page files: a crash pays again for what is in flight, an answer that
comes late or twice is not noticed, no budget holds, nothing tells what an answer came from.
overhead.py runs it beside pagewave.

    python benchmarks/plain.py LABELS IMAGES OUTPUT ADDRESS        key: PAGEWAVE_EMBEDDED_TOKEN
"""

import asyncio
import base64
import json
import os
import sys
from pathlib import Path
from typing import Any

import jinja2
from google import genai

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "prompts" / "page_ocr")]
from page import Page  # noqa: E402  the shape of an answer

from pagewave.prompts.schema import response_schema  # noqa: E402

MODEL = "gemini-2.5-flash"
CHAINS_A_BATCH = 100
BATCHES_AT_ONCE = 50
TRIES = 3
POLL_SECONDS = 0.2
ENDS = ("SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED")


class Script:
    """All that the script knows: where things are, and one client."""

    def __init__(self, labels: Path, images: Path, output: Path, address: str, key: str) -> None:
        self.labels, self.images, self.output = labels, images, output
        self.client = genai.Client(api_key=key, http_options={"base_url": address}).aio
        template = (ROOT / "prompts/page_ocr/v1.1.jinja").read_text()
        self.template = jinja2.Template(template)
        self.schema = response_schema(Page)
        self.slots = asyncio.Semaphore(BATCHES_AT_ONCE)
        self.failed: list[str] = []

    async def run(self) -> None:
        """Read all books, those of like length together; exits with 1 where pages failed."""
        books: dict[Path, list[Path]] = {}
        for label in self.labels.rglob("*.json"):
            books.setdefault(label.parent.relative_to(self.labels), []).append(label)
        chains = [
            sorted((book / label.stem for label in labels), key=lambda page: int(page.name))
            for book, labels in books.items()
        ]
        chains.sort(key=len, reverse=True)
        starts = range(0, len(chains), CHAINS_A_BATCH)
        await asyncio.gather(
            *(self.lane(n, chains[at : at + CHAINS_A_BATCH]) for n, at in enumerate(starts))
        )
        for book, labels in books.items():
            self.write_book(book, len(labels))
        if self.failed:
            sys.exit(f"{len(self.failed)} pages failed: {self.failed[:5]}")

    async def lane(self, number: int, chains: list[list[Path]]) -> None:
        """One batch after another: the next page of each chain, until all are read."""
        contexts: dict[Path, str | None] = {chain[0].parent: None for chain in chains}
        tries: dict[Path, int] = {}
        waves = 0
        while chains:
            waves += 1
            async with self.slots:
                answers = await self.batch(
                    f"lane{number}-wave{waves}",
                    {str(chain[0]): contexts[chain[0].parent] for chain in chains},
                )
            for chain in chains:
                page = chain[0]
                try:
                    answer = Page.model_validate_json(answers[str(page)])
                except (KeyError, ValueError):
                    tries[page] = tries.get(page, 0) + 1
                    if tries[page] >= TRIES:
                        self.failed.append(str(page))
                        chain.clear()
                    continue
                path = self.output / page.with_suffix(".json")
                path.parent.mkdir(parents=True, exist_ok=True)
                partial = path.with_suffix(".partial")
                partial.write_text(answer.model_dump_json() + "\n")
                partial.replace(path)
                contexts[page.parent] = answer.context()
                chain.pop(0)
            chains = [chain for chain in chains if chain]

    async def batch(self, name: str, pages: dict[str, str | None]) -> dict[str, str]:
        """The texts that one batch brought, by page."""
        path = self.output / f"{name}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w") as file:
            for page, context in pages.items():
                file.write(json.dumps({"key": page, "request": self.request(page, context)}) + "\n")
        config: Any = {"mime_type": "application/jsonl", "display_name": name}
        sent = await self.client.files.upload(file=path, config=config)
        path.unlink()
        while not (sent.state and sent.state.name == "ACTIVE"):
            await asyncio.sleep(POLL_SECONDS)
            sent = await self.client.files.get(name=sent.name or "")
        job = await self.client.batches.create(
            model=MODEL, src=sent.name or "", config={"display_name": name}
        )
        while not (job.state and job.state.name.removeprefix("JOB_STATE_") in ENDS):
            await asyncio.sleep(POLL_SECONDS)
            job = await self.client.batches.get(name=job.name or "")
        await self.client.files.delete(name=sent.name or "")
        if not (job.dest and job.dest.file_name):
            return {}
        lines = (await self.client.files.download(file=job.dest.file_name)).splitlines()
        texts = {}
        for line in map(json.loads, lines):
            for candidate in line.get("response", {}).get("candidates", [])[:1]:
                texts[line["key"]] = "".join(
                    p.get("text", "") for p in candidate["content"]["parts"]
                )
        return texts

    def request(self, page: str, context: str | None) -> dict[str, Any]:
        """What is asked for a page, with its image inside."""
        image = base64.b64encode((self.images / f"{page}.jpg").read_bytes()).decode()
        return {
            "contents": [
                {
                    "role": "user",
                    "parts": [
                        {"text": self.template.render(previous_context=context)},
                        {"inlineData": {"mimeType": "image/jpeg", "data": image}},
                    ],
                }
            ],
            "generationConfig": {
                "temperature": 0.0,
                "responseMimeType": "application/json",
                "responseSchema": self.schema,
            },
        }

    def write_book(self, book: Path, pages: int) -> None:
        """A book's pages in one file."""
        files = [self.output / book / f"{number}.json" for number in range(1, pages + 1)]
        content = [json.loads(file.read_text()) for file in files if file.exists()]
        (self.output / book / "book.json").write_text(json.dumps(content))


def main() -> None:
    """Read what the command line names."""
    labels, images, output, address = sys.argv[1:]
    key = os.environ["PAGEWAVE_EMBEDDED_TOKEN"]
    asyncio.run(Script(Path(labels), Path(images), Path(output), address, key).run())


if __name__ == "__main__":
    main()
