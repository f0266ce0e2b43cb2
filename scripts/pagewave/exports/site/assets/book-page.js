"use strict";
// A book: page after page, the scan beside what was read of it.

const { room, top: up } = document.body.dataset;
const NONE = new Set();
let book = null;
let numbers = [];
let current = 0;
let finder = null;
let words = NONE;
let turn = 0;

const entryOf = (number) => book.pages[numbers.indexOf(number)];
const pageFile = (entry) => `pages/${entry.n}.js?${entry.hash}`;
const pictureOf = (image) => `images/${image[0]}.webp`;

// The rail of pages

function showRail() {
  const q = byId("query").value.trim();
  const toLookAt = worthy(book.worth);
  const items = book.pages.map((entry) => {
    const said = [`Page ${entry.n}`];
    if (entry.label && entry.label !== String(entry.n)) said.push(`printed ${entry.label}`);
    const marks = [];
    if (entry.flags) marks.push(["flag", "in doubt"]);
    else if (toLookAt.has(entry.n)) marks.push(["flag", "worth a look"]);
    if (entry.corrected) marks.push(["corrected", "corrected"]);
    if (entry.missing) marks.push(["missing", "not read"]);
    if (entry.waiting) marks.push(["waiting", "not read yet"]);
    const picture = entry.image
      ? el("img", {
          src: `images/${entry.image[0]}-small.webp`,
          alt: "",
          loading: "lazy",
          width: entry.image[1],
          height: entry.image[2],
        })
      : el("span", { className: "no-picture", "aria-hidden": "true" });
    return el(
      "li",
      { "data-page": entry.n },
      el(
        "a",
        { href: hashOf({ page: entry.n, q }), title: said.join(", ") },
        picture,
        el("span", { className: "number" }, el("span", { className: "hidden" }, "Page "), entry.n),
        marks.map(([kind, what]) => [
          el("span", { className: `dot ${kind}`, title: what }, el("span", { className: "hidden" }, what)),
        ]),
      ),
    );
  });
  byId("pages").replaceChildren(...items);
}

function markRail() {
  for (const item of byId("pages").children) {
    const isHere = Number(item.dataset.page) === current;
    if (isHere) {
      item.firstChild.setAttribute("aria-current", "page");
      const rail = byId("pages");
      const across = rail.scrollWidth > rail.clientWidth;
      if (across) rail.scrollLeft = item.offsetLeft - rail.clientWidth / 2 + item.clientWidth / 2;
      else rail.scrollTop = item.offsetTop - rail.offsetTop - rail.clientHeight / 2 + item.clientHeight / 2;
    } else item.firstChild.removeAttribute("aria-current");
  }
}

// A page

async function showPage() {
  const asked = Number(wanted().get("page"));
  const number = numbers.includes(asked) ? asked : numbers[0];
  const mine = ++turn;
  const entry = entryOf(number);
  current = number;
  const q = byId("query").value.trim();
  showTurn(number, numbers, (other) => hashOf({ page: other, q }), entry.label);
  document.title = `Page ${number} · ${[book.name, ...book.beside].join(", ")} · ${book.site}`;
  markRail();
  showScan(entry);
  let content;
  try {
    content = entry.waiting ? { waiting: true } : await load(pageFile(entry));
  } catch (problem) {
    content = { missing: problem.message };
  }
  if (mine !== turn) return;
  showText(content);
  document.body.dataset.shown = number;
  const after = book.pages[numbers.indexOf(number) + 1];
  if (after && !after.waiting) {
    load(pageFile(after)).catch(() => {});
    if (after.image) new Image().src = pictureOf(after.image);
  }
}

function showScan(entry) {
  const alt = `Scan of page ${entry.n}`;
  if (!entry.image) {
    showForZoom(null);
    const why = entry.waiting ? "Its picture comes with its text." : "There is no picture of this page.";
    byId("scan").replaceChildren(el("p", { className: "quiet" }, why));
  } else {
    const [, width, height] = entry.image;
    const src = pictureOf(entry.image);
    byId("scan").replaceChildren(el("img", { src, alt, width, height, draggable: false }));
    showForZoom({ src, alt });
  }
  document.querySelector(".tools").hidden = !entry.image;
}

function showText(content) {
  showContent(content, book.tables, {
    lines: (text) => markedLines(text, words),
    words: (text) => marked(text, words),
  });
  byId("notes").append(...notesOf(book.worth, current));
  document.querySelector(".reading").scrollTop = 0;
}

// Searching the book

async function search() {
  const q = byId("query").value.trim();
  const mine = ++searched;
  if (q !== (wanted().get("q") ?? "")) {
    history.replaceState(null, "", hashOf({ page: current || numbers[0], q }));
  }
  let places = null;
  let told = "";
  words = NONE;
  if (q) {
    try {
      const found = await (await theFinder()).find(q);
      if (mine !== searched) return;
      places = new Set(found.hits.map((hit) => numbers[hit.place]));
      words = found.words;
      told = toldOf(found, q);
    } catch (problem) {
      told = `The search does not work: ${problem.message}`;
    }
  }
  byId("found").textContent = told;
  byId("all").hidden = !q;
  showRail();
  if (places?.size) for (const item of byId("pages").children) item.hidden = !places.has(Number(item.dataset.page));
  await showPage();
}
let searched = 0;

async function theFinder() {
  if (!finder) {
    const index = await load(`search.js?${book.search}`);
    const pages = index.pages.split(" ").map((each) => `0:${each}`);
    finder = new Finder([{ words: index.words.split(" "), load: async () => pages }], [numbers.length]);
  }
  return finder;
}

// Beginning

byId("search").addEventListener("submit", (event) => {
  event.preventDefault();
  const first = byId("pages").querySelector("li:not([hidden]) a");
  if (byId("query").value.trim() && first) first.click();
});
byId("query").addEventListener("input", soon(search));
byId("all").addEventListener("click", () => {
  byId("query").value = "";
  search();
  byId("query").focus();
});
byId("go").addEventListener("submit", (event) => {
  event.preventDefault();
  const typed = byId("number").value.trim();
  const entry = book.pages.find((each) => String(each.n) === typed) ?? book.pages.find((each) => each.label === typed);
  byId("number").setAttribute("aria-invalid", String(!entry));
  if (entry) location.hash = hashOf({ page: entry.n, q: byId("query").value.trim() });
});
byId("skip").addEventListener("click", (event) => {
  event.preventDefault();
  byId("text-title").focus();
});
addEventListener("hashchange", () => {
  const q = wanted().get("q") ?? "";
  if (q === byId("query").value.trim()) showPage();
  else {
    byId("query").value = q;
    search();
  }
});
addEventListener("keydown", (event) => {
  if (event.key === "Escape") closeZoom();
});
turnByKeys((step) => {
  const place = numbers.indexOf(Number(wanted().get("page"))); // -1: the first, which no address names
  const other = numbers[Math.max(place, 0) + step];
  return other && hashOf({ page: other, q: byId("query").value.trim() });
});

load(document.body.dataset.book).then(
  (value) => {
    book = value;
    numbers = book.pages.map((entry) => entry.n);
    offerWorth(book.worth);
    byId("query").value = wanted().get("q") ?? "";
    return search();
  },
  () => {
    byId("where").textContent = "This book’s data is missing: make the reading room anew.";
  },
);
