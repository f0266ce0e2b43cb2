"use strict";
// The shelf: all books, and the search over them.

const { room, top: up } = document.body.dataset;
const AT_ONCE = 20;
const FEW_BOOKS = 3;
let books = [];
let named = false;
let finder = null;
let shown = { hits: [], words: new Set(), upTo: 0, query: "" };
let turn = 0;

const address = (id, page, q) => `${up}${folderOf(id)}/index.html${page ? hashOf({ page, q }) : ""}`;

const idOf = (book) => book.folders.join("/");

function card(book) {
  const id = idOf(book);
  // Under the heading of its first folder that is not said again.
  const beside = !named && book.beside[0] === book.folders[0] ? book.beside.slice(1) : book.beside;
  const notes = [];
  const unread = book.pages - book.read;
  if (book.flagged) notes.push(el("li", { className: "flag" }, `${book.flagged} in doubt`));
  if (book.worth) notes.push(el("li", { className: "flag" }, `${book.worth} worth a look`));
  if (book.corrected) notes.push(el("li", { className: "corrected" }, `${book.corrected} corrected`));
  if (book.finished && unread) notes.push(el("li", { className: "missing" }, `${unread} not read`));
  if (!book.finished) notes.push(el("li", { className: "waiting" }, "being read"));
  const cover = book.cover
    ? el("img", {
        src: `${up}${folderOf(id)}/images/${book.cover[0]}-small.webp`,
        alt: "",
        loading: "lazy",
        width: book.cover[1],
        height: book.cover[2],
      })
    : el("span", { className: "no-cover", "aria-hidden": "true" }, book.name);
  const name = book.opens
    ? el("a", { href: address(id) }, book.name)
    : el("span", {}, book.name);
  return el(
    "li",
    { className: `book${book.finished ? "" : " unfinished"}${book.opens ? "" : " closed"}` },
    el("div", { className: "cover" }, cover),
    el(
      "div",
      { className: "facts" },
      el("h3", {}, name),
      named && beside.length ? el("p", { className: "quiet" }, beside.join(" · ")) : null,
      el("p", { className: "quiet" }, [...(named ? [] : beside), count(book.pages, "page")].join(" · ")),
      book.finished
        ? null
        : [
            el("progress", {
              value: book.read,
              max: book.pages,
              "aria-label": `${[book.name, ...beside].join(" ")}: pages read`,
            }),
            el("p", { className: "quiet small" }, `${book.read} of ${book.pages} pages so far`),
          ],
      notes.length ? el("ul", { className: "badges" }, notes) : null,
    ),
  );
}

function showShelf(shelf) {
  books = shelf.books;
  const groups = new Map(); // by the outermost folder
  for (const book of books) groups.set(book.folders[0], [...(groups.get(book.folders[0]) ?? []), book]);
  if (books.length < FEW_BOOKS * groups.size) {
    groups.clear(); // a heading over each book or two would be more than they are
    groups.set("Books", books);
    named = true;
  }
  const sections = [...groups].map(([first, ofGroup], number) =>
    el(
      "section",
      { "aria-labelledby": `group-${number}` },
      el("h2", { id: `group-${number}` }, first),
      el("ul", { className: "books" }, ofGroup.map(card)),
    ),
  );
  byId("shelf").replaceChildren(...sections);
  const pages = books.reduce((sum, book) => sum + book.pages, 0);
  const read = books.reduce((sum, book) => sum + book.read, 0);
  const parts = [count(books.length, "book"), count(pages, "page")];
  if (read < pages) parts.push(`${read.toLocaleString("en")} of them read`);
  byId("summary").textContent = parts.join(" · ");
  if (!shelf.whole) {
    byId("hint").textContent = shelf.search
      ? "Books are being read: the newest can’t be found here until all are done, but each can be searched by itself."
      : "Books are being read: all can be searched here once they are done, and each by itself now.";
  }
  byId("query").disabled = !shelf.search;
  showAccuracy(shelf.accuracy);
  return shelf;
}

async function theFinder() {
  if (finder) return finder;
  const shelf = await ready;
  const index = await load(`${room}/search.js?${shelf.search}`);
  const numbers = index.books.map(([, ranges]) => numbersOf(ranges));
  const shards = index.shards.map(([name, words]) => {
    let pieces = null;
    const ofShard = words.split(" ");
    const read = async () => {
      pieces ??= load(`${room}/search/${name}.js`).then((text) => piecesOf(text, ofShard.length));
      return pieces;
    };
    return { words: ofShard, load: read };
  });
  finder = new Finder(shards, numbers.map((each) => each.length));
  finder.books = index.books.map(([id]) => id);
  finder.numbers = numbers;
  return finder;
}

async function search() {
  const query = byId("query").value.trim();
  const mine = ++turn;
  if (query !== (wanted().get("q") ?? "")) {
    history.replaceState(null, "", query ? hashOf({ q: query }) : location.pathname);
  }
  // Typed, and then Enter: who has moved on to a hit meanwhile stays there.
  if (query && query === shown.query && !byId("found").hidden) return;
  byId("found").hidden = !query;
  byId("shelf").hidden = Boolean(query);
  if (!query) return;
  try {
    const began = performance.now();
    const found = await (await theFinder()).find(query);
    if (mine !== turn) return;
    document.body.dataset.took = performance.now() - began;
    byId("found-title").textContent = toldOf(found, query);
    byId("hits").replaceChildren();
    shown = { ...found, upTo: 0, query };
    await showMore();
  } catch (problem) {
    shown.query = "";
    byId("found-title").textContent = `The search does not work: ${problem.message}`;
  }
}

async function showMore() {
  const some = shown.hits.slice(shown.upTo, shown.upTo + AT_ONCE);
  shown.upTo += some.length;
  byId("more").hidden = shown.upTo >= shown.hits.length;
  const { words, query } = shown;
  const items = some.map((hit) => {
    const id = finder.books[hit.book];
    const page = finder.numbers[hit.book][hit.place];
    const { name, beside } = books.find((book) => idOf(book) === id) ?? { name: id, beside: [] };
    const item = el(
      "li",
      {},
      el("div", { className: "thumb" }),
      el(
        "div",
        {},
        el(
          "p",
          { className: "place" },
          el("a", { href: address(id, page, query) }, [name, ...beside.slice(1), `page ${page}`].join(", ")),
          el("span", { className: "quiet" }, ` ${beside[0] ?? ""}`),
        ),
        el("p", { className: "snippet" }),
      ),
    );
    load(`${up}${folderOf(id)}/pages/${page}.js`).then(
      (content) => fill(item, id, content, words),
      () => item.classList.add("bare"),
    );
    return item;
  });
  byId("hits").append(...items);
}

/** Puts the picture and the words around the first place into a hit. */
function fill(item, id, content, words) {
  if (content.image) {
    const [name, width, height] = content.image;
    const src = `${up}${folderOf(id)}/images/${name}-small.webp`;
    item.firstChild.append(el("img", { src, alt: "", loading: "lazy", width, height }));
  }
  const cells = [...content.fields, ...content.lists.flat(2)].filter((cell) => typeof cell === "string");
  const texts = [content.text, ...cells];
  const text = texts.find((each) => placesOf(each, words).length) ?? content.text;
  const [[at] = [0]] = placesOf(text, words);
  const from = at < 90 ? 0 : text.indexOf(" ", at - 90) + 1;
  const end = text.length <= at + 200 ? text.length : text.lastIndexOf(" ", at + 200);
  const to = Math.max(end, at);
  item
    .querySelector(".snippet")
    .replaceChildren(from ? "… " : "", ...marked(text, words, from, to), to < text.length ? " …" : "");
}

const ready = load(`${room}/shelf.js`).then(showShelf, () => {
  byId("summary").textContent = "The list of books is missing: make the reading room anew.";
  return { search: "" };
});

byId("search").addEventListener("submit", (event) => {
  event.preventDefault();
  search();
});
byId("query").addEventListener("input", soon(search));
byId("query").addEventListener("focus", () => ready.then((shelf) => shelf.search && theFinder()), {
  once: true,
});
byId("more").addEventListener("click", async () => {
  const next = byId("hits").children.length;
  await showMore();
  byId("hits").children[next]?.querySelector("a").focus();
});
addEventListener("hashchange", () => {
  byId("query").value = wanted().get("q") ?? "";
  search();
});
if (wanted().get("q")) {
  byId("query").value = wanted().get("q");
  search();
}
