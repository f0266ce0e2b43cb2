// The books as rows, each page of them a cell that says how it stands; and what needs a person.

import { byId, copyable, el, number, setText, showShares } from "./dom.js";

/** How a page stands, by the letter that the server uses, in the order of the bar. */
const STANDS = {
  d: ["done", "done"],
  f: ["flagged", "flagged"],
  i: ["in-flight", "in flight"],
  x: ["failed", "failed"],
  w: ["waiting", "waiting"],
};
const CHOICES = ["", "x", "f", "i", "w", "d"];
const AT_ONCE = 30; // rows whose cells are made before the first paint
const rows = new Map();
let chosen = "";

const later = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (!isIntersecting) continue;
    later.unobserve(target);
    fillStrip(rows.get(target.dataset.book));
  }
}, { rootMargin: "600px" });

byId("choose").addEventListener("submit", (event) => event.preventDefault());
byId("book-text").addEventListener("input", filter);
byId("shelf").addEventListener("keydown", move);
byId("shows").append(...CHOICES.map((letter) =>
  el("button", { type: "button", "data-letter": letter, "aria-pressed": String(letter === ""), on: { click: () => choose(letter) } },
    letter ? el("i", { class: STANDS[letter][0] }) : null, el("span"))));

const keyOf = (book, page) => [...book.folders, page].join(":");
const nameOf = (book) => book.folders.join("/");
const linkTo = (book, page) => `#page=${encodeURIComponent(keyOf(book, page))}`;

/** The book of a page and the page's place in it; null where it is of no book that is known. */
export function findPage(key) {
  const at = key.lastIndexOf(":");
  const row = rows.get(key.slice(0, at));
  const place = row ? row.book.pages.indexOf(Number(key.slice(at + 1))) : -1;
  return place < 0 ? null : { book: row.book, place, key: (page) => keyOf(row.book, page) };
}

/** Take in books that changed; `anew`: they are all there are. */
export function takeBooks(books, anew) {
  if (anew) {
    for (const { node } of rows.values()) node.remove();
    rows.clear();
  }
  for (const book of books) {
    const name = keyOf(book, "").slice(0, -1);
    const row = rows.get(name);
    if (row) changeRow(row, book);
    else rows.set(name, makeRow(name, book));
  }
  if (books.length || anew) {
    order();
    showTotals();
    filter();
  }
}

function makeRow(name, book) {
  const strip = el("div", { class: "strip", role: "group", "aria-label": `Pages of ${nameOf(book)}` });
  const tally = el("p", { class: "tally" });
  const node = el("li", { class: "book", "data-book": name },
    el("div", { class: "name" },
      el("a", { href: linkTo(book, book.pages[0]) }, book.name),
      el("span", { class: "quiet" }, book.beside.join(" · "))),
    strip, tally);
  const row = { book, node, strip, tally, isFilled: false };
  showTally(row);
  return row;
}

function changeRow(row, book) {
  const samePages = book.pages.join() === row.book.pages.join();
  const before = row.book.stand;
  row.book = book;
  showTally(row);
  if (!row.isFilled) return;
  if (!samePages) fillStrip(row);
  else [...book.stand].forEach((letter, place) => {
    if (letter !== before[place]) mark(row.strip.children[place], book.pages[place], letter);
  });
}

function showTally({ book, tally }) {
  const has = tallyOf(book.stand);
  tally.replaceChildren(
    el("b", {}, number(has.d + has.f)), ` of ${number(book.pages.length)}`,
    ...["x", "f"].filter((letter) => has[letter]).flatMap((letter) =>
      [el("br"), el("span", { class: STANDS[letter][0] }, `${number(has[letter])} ${STANDS[letter][1]}`)]));
}

function tallyOf(stand) {
  const found = { d: 0, f: 0, i: 0, x: 0, w: 0 };
  for (const letter of stand) found[letter] += 1;
  return found;
}

/** The cells of a row; only the first is reached by Tab, the others by the arrow keys. */
function fillStrip(row) {
  const { book, strip } = row;
  row.isFilled = true;
  strip.style.minHeight = "";
  strip.replaceChildren(...book.pages.map((page, place) => {
    const cell = el("a", { href: linkTo(book, page), tabindex: place ? -1 : 0 });
    mark(cell, page, book.stand[place]);
    return cell;
  }));
}

function mark(cell, page, letter) {
  const [kind, words] = STANDS[letter];
  cell.className = `cell ${kind}`;
  cell.title = `Page ${page}: ${words}`;
  cell.setAttribute("aria-label", cell.title);
}

function move(event) {
  const cell = event.target.closest(".cell");
  const to = { ArrowLeft: cell?.previousElementSibling, ArrowRight: cell?.nextElementSibling }[event.key];
  if (!to) return;
  event.preventDefault();
  cell.tabIndex = -1;
  to.tabIndex = 0;
  to.focus();
}

/** What needs a person comes first: books with pages that failed, then those with flagged ones. */
function order() {
  const rank = ({ book }) => (book.stand.includes("x") ? 0 : book.stand.includes("f") ? 1 : 2);
  const isNumber = (text) => /^\d+$/.test(text);
  const two = (a, b) => (isNumber(a) && isNumber(b) ? a - b : a < b ? -1 : a > b ? 1 : 0);
  const by = (a, b) => a.map((folder, level) => two(folder, b[level])).find(Boolean) ?? 0;
  const sorted = [...rows.values()].sort((a, b) => rank(a) - rank(b) || by(a.book.folders, b.book.folders));
  const shelf = byId("shelf");
  if (sorted.some((row, place) => shelf.children[place] !== row.node)) shelf.append(...sorted.map((row) => row.node));
  const empty = sorted.filter((row, place) => !row.isFilled && place >= AT_ONCE);
  sorted.slice(0, AT_ONCE).filter((row) => !row.isFilled).forEach(fillStrip);
  if (empty.length) reserve(empty);
  for (const { node } of empty) later.observe(node);
}

/** The height that strips will need, so that nothing jumps when their cells are made. */
function reserve(empty) {
  const style = getComputedStyle(document.documentElement);
  const size = parseFloat(style.getPropertyValue("--cell")) + parseFloat(style.getPropertyValue("--gap"));
  const width = Math.max(size, empty[0].strip.clientWidth);
  for (const { book, strip } of empty) {
    strip.style.minHeight = `${Math.ceil((book.pages.length * size) / width) * size}px`;
  }
}

function showTotals() {
  const sums = { d: 0, f: 0, i: 0, x: 0, w: 0 };
  const books = { d: 0, f: 0, i: 0, x: 0, w: 0 };
  let pages = 0;
  for (const { book } of rows.values()) {
    pages += book.pages.length;
    for (const [letter, has] of Object.entries(tallyOf(book.stand))) {
      sums[letter] += has;
      books[letter] += has > 0;
    }
  }
  setText(byId("pages-done"), pages ? `${number(sums.d + sums.f)} of ${number(pages)} pages` : "");
  byId("bar").hidden = !pages;
  showShares(byId("bar"), Object.entries(STANDS).map(([letter, [kind, words]]) => [kind, words, sums[letter]]));
  setText(byId("book-count"), number(rows.size));
  for (const button of byId("shows").children) {
    const { letter } = button.dataset;
    const text = letter ? `${STANDS[letter][1]} ${number(sums[letter])}` : "all";
    setText(button.querySelector("span"), text);
    button.hidden = letter !== "" && letter !== chosen && !books[letter];
  }
}

/** Show only books that have such pages (a letter of STANDS; none: all books). */
export function choose(letter) {
  chosen = letter;
  for (const button of byId("shows").children) {
    button.setAttribute("aria-pressed", String(button.dataset.letter === letter));
  }
  filter();
}

function filter() {
  const text = byId("book-text").value.trim().toLowerCase();
  let shown = 0;
  for (const { book, node } of rows.values()) {
    node.hidden = !(nameOf(book).toLowerCase().includes(text) && book.stand.includes(chosen));
    shown += !node.hidden;
  }
  const none = rows.size ? "No such book." : "No books are known yet.";
  setText(byId("shelf-note"), shown ? "" : none);
}

/** What a person should do, with the commands that do it. */
export function showNeeds(needs) {
  const list = byId("needs-list");
  const wanted = JSON.stringify(needs);
  if (list.dataset.told === wanted) return;
  list.dataset.told = wanted;
  byId("needs").hidden = needs.length === 0;
  list.replaceChildren(...needs.map((need) =>
    el("li", { class: need.is_bad ? "bad" : null },
      el("p", {}, need.text), need.command ? copyable(need.command) : null, look(need))));
}

function look({ view }) {
  if (view === "failures") return el("p", {}, el("a", { href: "#failures" }, "See why"));
  if (view !== "flagged") return null;
  const show = () => {
    choose("f");
    byId("shelf-title").scrollIntoView();
  };
  return el("p", {}, el("button", { type: "button", on: { click: show } }, "Show their books"));
}

