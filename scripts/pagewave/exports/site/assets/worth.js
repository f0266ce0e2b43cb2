"use strict";
// What is worth a look in a book: all of it as a list, and on each page what is about that page.
// `worth.py` says what there is.

const ABOUT_LEAVES = {
  "missing leaf": "A leaf may be missing before it",
  "doubled leaf": "It may be there twice",
  "swapped leaves": "It and the next may have changed places",
  "page number out of sequence": "Its printed number is out of sequence",
  "running head differs": "Its running head differs",
  "course against its heading": "A course does not go with its heading",
};
const ABOUT_TEXT = {
  "left out": "It may lack a line",
  invented: "A line may be made up",
  "past the leaf": "Its text may go on with that of another page",
  "wrong page": "It may be the text of another page",
  doubled: "A line, or the page, may be there twice",
};

/** A link to a page, called by its number. */
const linkTo = (number, name = `page ${number}`) => el("a", { href: hashOf({ page: number, q: byId("query").value.trim() }) }, name);

const beside = (other) => (other ? [" See ", linkTo(other), "."] : []);

const inDoubt = (doubt) => {
  const words = Math.max(1, Math.round(100 * doubt));
  return `About ${count(words, "word")} in 100 may be wrong or missing.`;
};

const ended = (text) => (/[.!?]['"\u2019\u201d]?$/.test(text) ? text : `${text}.`);
const aboutLeaf = ([kind, , other, what]) => [ended(`${ABOUT_LEAVES[kind] ?? kind}: ${what}`), beside(other)];
const aboutText = ([kind, text, other]) => [ended(`${ABOUT_TEXT[kind] ?? kind}: \u201c${text}\u201d`), beside(other)];

/** What is about a page, as notes to stand above its text. */
function notesOf({ findings = [], pages = [], runs_over = [] } = {}, number) {
  const made = (name, ...what) => el("p", { className: "note flag" }, el("strong", {}, `${name}. `), what);
  const onward = (other, text, where) =>
    el("p", { className: "note" }, el("strong", {}, `${where} `), linkTo(other), `: \u201c${text}\u201d`);
  return [
    ...findings.filter(([, page]) => page === number).map((each) => made("Worth a look", aboutLeaf(each))),
    ...pages.filter(([page]) => page === number).map(([, doubt, faults]) =>
      made("Worth a look", inDoubt(doubt), faults.map((fault) => [" ", aboutText(fault)])),
    ),
    ...runs_over.filter(([, other]) => other === number).map(([page, , text]) => onward(page, text, "Goes on from")),
    ...runs_over.filter(([page]) => page === number).map(([, other, text]) => onward(other, text, "Goes on on")),
  ];
}

/** The numbers of the pages that are worth a look. */
const worthy = ({ findings = [], pages = [] } = {}) => new Set([...findings.map(([, page]) => page), ...pages.map(([page]) => page)]);

/** Offers the list, where there is anything on it. */
function offerWorth(worth) {
  const number = worthy(worth).size;
  byId("worth-open").hidden = !worth;
  if (!worth) return;
  const { findings = [], pages = [], runs_over = [] } = worth;
  byId("worth-open").textContent = number ? `${count(number, "page")} worth a look` : "Texts that run over";
  const list = (title, rows) => (rows.length ? el("section", {}, el("h3", {}, title), el("ul", {}, rows.map((row) => el("li", {}, row)))) : "");
  byId("worth-title").textContent = number ? "Worth a look" : "Texts that run over a page";
  byId("worth-list").replaceChildren(
    list("Leaves, heads and courses", findings.map((each) => [linkTo(each[1], `Page ${each[1]}`), ". ", aboutLeaf(each)])),
    list("Pages in doubt, the worst first", pages.map(([page, doubt, faults]) => [
      linkTo(page, `Page ${page}`), `. ${inDoubt(doubt)}`, faults.map((fault) => [" ", aboutText(fault)]),
    ])),
    list("Texts that run over a page", runs_over.map(([page, other, text]) => [
      linkTo(page, `Page ${page}`), " and ", linkTo(other), `: \u201c${text}\u201d`,
    ])),
  );
}

byId("worth-open").addEventListener("click", () => {
  byId("worth").showModal();
  byId("worth-list").scrollTop = 0;
  byId("worth-title").focus();
});
byId("worth-close").addEventListener("click", () => byId("worth").close());
byId("worth").addEventListener("click", (event) => {
  const isBeside = event.target === byId("worth"); // on what is behind it
  if (isBeside || event.target.closest("a")) byId("worth").close();
});
