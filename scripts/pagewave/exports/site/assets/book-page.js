"use strict";
// A book: page after page, the scan beside what was read of it.

const { room, top: up } = document.body.dataset;
const NONE = new Set();
const MOST_COLUMNS = 5;
let book = null;
let numbers = [];
let current = 0;
let finder = null;
let words = NONE;
let turn = 0;

const entryOf = (number) => book.pages[numbers.indexOf(number)];
const pageFile = (entry) => `pages/${entry.n}.js?${entry.hash}`;
const pictureOf = (image) => `images/${image[0]}.webp`;
const title = (name) => {
  const text = name.replaceAll("_", " ").trim();
  return text.charAt(0).toUpperCase() + text.slice(1);
};

// The rail of pages

function showRail() {
  const q = byId("query").value.trim();
  const items = book.pages.map((entry) => {
    const said = [`Page ${entry.n}`];
    if (entry.label && entry.label !== String(entry.n)) said.push(`printed ${entry.label}`);
    const marks = [];
    if (entry.flags) marks.push(["flag", "in doubt"]);
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
  const place = numbers.indexOf(number);
  current = number;
  const q = byId("query").value.trim();
  byId("where").replaceChildren(
    `Page ${number}`,
    el("span", { className: "quiet" }, ` of ${numbers.at(-1)}`),
    entry.label ? el("span", { className: "quiet" }, ` · printed ${entry.label}`) : "",
  );
  document.title = `Page ${number} · ${book.school}, ${book.state}, ${book.year} · ${book.site}`;
  for (const [id, other] of [
    ["previous", numbers[place - 1]],
    ["next", numbers[place + 1]],
  ]) {
    if (other) byId(id).href = hashOf({ page: other, q });
    else byId(id).removeAttribute("href");
    byId(id).setAttribute("aria-label", id === "next" ? "Next page" : "Previous page");
  }
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
  const after = book.pages[place + 1];
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
  const notes = [];
  if (content.waiting) {
    notes.push(note("waiting", "Not read yet", ["This book is being read."]));
  } else if (content.missing !== undefined) {
    notes.push(note("missing", "Not read", [content.missing]));
  } else {
    for (const [, meaning] of content.flags) notes.push(note("flag", "In doubt", [meaning]));
    if (content.corrected) notes.push(note("corrected", "Corrected", ["A person put right what was read."]));
  }
  byId("notes").replaceChildren(...notes);
  const text = content.text ?? "";
  const parts = text.trim() ? markedLines(text, words) : [el("span", { className: "quiet" }, hasAnswer(content) ? "No words on this page." : "No text.")];
  byId("text").replaceChildren(...parts);
  const marks = new Set(content.changed ?? []);
  const lists = content.lists ?? [];
  byId("lists").replaceChildren(
    ...lists.flatMap((rows, number) => (rows.length ? [listOf(book.tables[number + 1], rows, marks)] : [])),
  );
  byId("text-title").replaceChildren(
    "Text",
    marks.size ? el("span", { className: "badge corrected" }, "corrected") : "",
  );
  showFacts(content, marks);
  document.querySelector(".reading").scrollTop = 0;
}

const hasAnswer = (content) => content.missing === undefined && !content.waiting;

function note(kind, name, children) {
  return el("p", { className: `note ${kind}` }, el("strong", {}, `${name}. `), ...children);
}

/** A list of the page: a table of the columns that hold anything here, or entries if it is wide. */
function listOf(schema, rows, changed) {
  const columns = schema.columns.map((column, place) => ({ ...column, place }));
  const filled = columns.filter(({ place }) => rows.some((row) => wordsIn(row[place]) !== ""));
  const heading = `list-${schema.name}`;
  const name = el("h3", { id: heading, title: schema.meaning }, title(schema.name));
  name.append(el("span", { className: "quiet" }, ` ${rows.length}`));
  const content = filled.length > MOST_COLUMNS ? entries(filled, rows, changed) : table(filled, rows, changed);
  content.setAttribute("aria-labelledby", heading);
  return el("section", { className: "list", "aria-labelledby": heading }, name, content);
}

function table(columns, rows, changed) {
  const names = columns.map((c) => el("th", { scope: "col", title: c.meaning }, title(c.name)));
  const lines = rows.map((row, number) =>
    el("tr", {}, columns.map((c) => corrected(el("td", {}), row[c.place], c, number, changed))),
  );
  const inside = el("table", {}, el("thead", {}, el("tr", {}, names)), el("tbody", {}, lines));
  return el("div", { className: "scroll", tabIndex: 0, role: "region" }, inside);
}

/** Rows one below the other: the first field stands over the others. */
function entries([first, ...others], rows, changed) {
  const items = rows.map((row, number) => {
    const pairs = others
      .filter((c) => wordsIn(row[c.place]) !== "")
      .map((c) => {
        const value = corrected(el("dd", {}), row[c.place], c, number, changed);
        return el("div", {}, el("dt", { title: c.meaning }, title(c.name)), value);
      });
    const head = corrected(el("h4", {}), row[first.place] ?? "—", first, number, changed);
    return el("li", {}, head, pairs.length ? el("dl", {}, pairs) : null);
  });
  return el("ol", { className: "entries" }, items);
}

/** Puts a value into an element, and says where a person changed it. */
function corrected(element, value, column, number, changed) {
  element.append(...marked(wordsIn(value), words));
  if (isChanged(column, number, changed)) {
    element.className = "changed";
    element.title = "Corrected by a person";
    element.append(el("span", { className: "hidden" }, " (corrected)"));
  }
  return element;
}

/** Did a person change this field, of the row with this number? */
function isChanged(column, number, changed) {
  const place = column.field.replace("[]", `[${number}]`);
  const around = place.slice(0, place.indexOf("]") + 1);
  for (const each of changed) {
    if (each === place || each.startsWith(`${place}.`) || each.startsWith(`${place}[`) || (around && each === around)) {
      return true;
    }
  }
  return false;
}

/** A value in words: lists and objects without brackets. */
function wordsIn(value) {
  if (value === null || value === undefined) return "";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value !== "string") return String(value);
  if (!/^[[{]/.test(value)) return value;
  try {
    return said(JSON.parse(value));
  } catch {
    return value;
  }
}

function said(value) {
  if (Array.isArray(value)) return value.map(said).filter(Boolean).join("; ");
  if (value && typeof value === "object") return Object.values(value).map(said).filter(Boolean).join(", ");
  return value === null ? "" : String(value);
}

/** All else: the page's further fields, and how it was read. */
function showFacts(content, changed) {
  const pairs = [];
  (content.fields ?? []).forEach((value, place) => {
    const column = book.tables[0].columns[place];
    if (wordsIn(value) === "") return;
    pairs.push(
      el("dt", { title: column.meaning }, title(column.name)),
      corrected(el("dd", {}), value, column, 0, changed),
    );
  });
  const how = (content.about ?? []).flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, when(value))]);
  byId("facts").replaceChildren(
    pairs.length ? el("dl", {}, pairs) : "",
    how.length ? el("h4", {}, "How it was read") : "",
    how.length ? el("dl", {}, how) : "",
  );
  byId("about").hidden = !pairs.length && !how.length;
}

/** A moment without its fractions of a second. */
const when = (value) => value.replace(/^(\d{4}-\d\d-\d\d)T(\d\d:\d\d).*$/, "$1 $2 UTC");

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
  if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || event.defaultPrevented) return;
  if (event.key === "Escape") closeZoom();
  const at = event.target;
  if (at.closest("input, textarea, select, .scroll, #viewer:not([hidden])")) return;
  const id = { ArrowLeft: "previous", ArrowRight: "next" }[event.key];
  if (id && byId(id).hasAttribute("href")) {
    event.preventDefault();
    location.hash = byId(id).getAttribute("href");
  }
});

load(document.body.dataset.book).then(
  (value) => {
    book = value;
    numbers = book.pages.map((entry) => entry.n);
    byId("query").value = wanted().get("q") ?? "";
    return search();
  },
  () => {
    byId("where").textContent = "This book’s data is missing: make the reading room anew.";
  },
);
