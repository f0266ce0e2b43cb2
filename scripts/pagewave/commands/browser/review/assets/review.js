"use strict";
// Which page is shown, from the pile of pages; and what happens when something is saved or refused.

const review = { pages: [], key: "", asked: 0 };

const addressOf = (key) => `#page=${encodeURIComponent(key)}`;
const placeOf = (key) => key.split(":");

function tell(what) {
  byId("problem").textContent = what;
  byId("problem").hidden = !what;
}

async function ask(address) {
  let reply;
  try {
    reply = await fetch(address);
  } catch {
    throw new Error("The server can't be reached. What you typed is kept in this browser.");
  }
  const answer = await reply.json().catch(() => ({}));
  if (!reply.ok) throw new Error(answer.problem ?? "Open the address that the server printed, with its token.");
  return answer;
}

async function showPile() {
  const { by, project, pages } = await ask("/pages");
  review.pages = pages.map(([key, doubt, left, findings]) => ({ key, doubt, left, findings }));
  byId("by").textContent = `as ${by}`;
  if (!saving.onSaved) beginSaving(project, by, saved, refused);
  if (location.hash) return;
  review.key = "";
  const open = review.pages.filter((page) => page.left);
  const left = open.reduce((sum, page) => sum + page.left, 0);
  byId("pile-note").textContent = left
    ? `${left.toLocaleString("en")} places to look at on ${open.length} of ${pages.length} pages.`
    : `Nothing in doubt is left on ${pages.length} pages.`;
  byId("pages").replaceChildren(...review.pages.map(pileRow));
  byId("page").hidden = true;
  byId("pile").hidden = false;
  byId("pages").querySelector("a")?.focus();
}

function pileRow({ key, doubt, left, findings }) {
  const folders = placeOf(key);
  const number = folders.pop();
  return el("li", { className: left ? "" : "done" },
    el("a", { href: addressOf(key) }, el("span", { className: "book" }, folders.join(" · ")), ` page ${number}`),
    el("span", { className: "figure" }, left ? `${left} to look at` : "nothing in doubt"),
    el("span", { className: "figure quiet" }, `${(100 * doubt).toFixed(1)} % in doubt`),
    el("span", { className: "figure flag" }, findings.join(", ")));
}

async function showPage(key) {
  const turn = ++review.asked;
  const view = await ask(`/page?key=${encodeURIComponent(key)}`);
  if (turn !== review.asked) return;
  const isNew = review.key !== key;
  review.key = key;
  byId("pile").hidden = true;
  byId("page").hidden = false;
  if (isNew) Object.assign(bench, { chosen: null, mode: "", draft: null, undos: 0 });
  show(view);
  if (!isNew) return;
  scrollTo(0, 0);
  const draft = draftsOf(key).at(-1);
  if (draft && goOnWith(draft)) return;
  if (bench.items.some((item) => item.isOpen)) nextDoubt(1);
  else byId("where").focus();
}

/** What was typed before the tab was closed, or refused: to be gone on with. */
function goOnWith(draft) {
  const item = itemOf(draft.from);
  const was = draft.mode === "line" ? bench.view.lines[item?.line]?.text : item?.text;
  if (!item) {
    tell(`Typed for a place that is not here any more, in place of “${draft.was}”: “${draft.typed}”.`);
    return false;
  }
  focusOn(item.id);
  edit(draft.mode);
  const changed = was === draft.was ? "" : ` It was “${draft.was}” then, and is “${was}” now.`;
  tell(`You typed “${draft.typed}”, which is not saved.${changed} Enter saves it.`);
  return true;
}

function show(view) {
  const at = document.activeElement?.dataset?.id;
  const isOpen = byId("about").open;
  let items = itemsOf(view);
  const [first, ...others] = placeOf(view.key).slice(0, -1);
  const content = { ...view.content, text: view.lines.length ? "text" : "" };
  showContent(content, view.tables, { lines: () => linesOf(view, choose), words: (text) => [text] });
  byId("about").open = isOpen;
  byId("notes").append(...findingNotes(items, choose));
  if (view.problem) byId("notes").prepend(note("flag", "Places", view.problem));
  items = [...items, ...fieldItems(view, choose)];
  showScan(view, items, focusOn);
  byId("where").replaceChildren(`Page ${view.number}`, el("span", { className: "quiet" }, ` · ${view.left} in doubt`));
  byId("of-book").textContent = [...others, first].join(", ");
  for (const [id, step] of [["previous", -1], ["next", 1]]) {
    const other = neighbour(step, false);
    if (other) byId(id).href = addressOf(other.key);
    else byId(id).removeAttribute("href");
  }
  // What is on its way is not in what was told.
  for (const each of kept("outbox")) {
    const item = each.key === view.key && items.find((one) => one.id === `${each.is_finding ? "finding" : "word"}-${each.number}`);
    if (item && each.do !== "line") item.isOpen = false;
  }
  layOut(view, items, goOn);
  if (at) elementOf(at)?.focus({ preventScroll: true });
  if (bench.chosen) mark(bench.chosen, true);
  new Image().src = neighbour(1, true) ? `/image?key=${encodeURIComponent(neighbour(1, true).key)}` : "/icon.svg";
}

/** The page so many further on the pile; `isDoubtful`: the next that has something to look at. */
function neighbour(step, isDoubtful) {
  const here = review.pages.findIndex((page) => page.key === review.key);
  const rest = step > 0 ? review.pages.slice(here + 1) : review.pages.slice(0, Math.max(0, here)).reverse();
  return isDoubtful ? rest.find((page) => page.left) : rest[0];
}

/** To the next page, where a person wants it or nothing is left here. */
function goOn(isWanted, step = 1) {
  const next = neighbour(step, step > 0) ?? (isWanted ? neighbour(step, false) : undefined);
  if (next && isWanted) location.hash = addressOf(next.key);
  else byId("what").textContent = next ? "Nothing in doubt is left on this page: ] goes to the next." : "Nothing in doubt is left, here and on the pages behind it.";
}

function saved(asked, view) {
  const page = review.pages.find((each) => each.key === asked.key);
  if (page) Object.assign(page, { left: view.left, doubt: view.doubt });
  if (asked.key === review.key) {
    if (byId("problem").dataset.of === asked.key) tell("");
    show(view);
  }
}

/** The page was changed by somebody else, or does not take it: what was typed is kept. */
function refused(asked, answer, draft) {
  const since = (answer.since ?? []).filter((each) => each.changes).map((each) => `${each.by} made “${each.now}” of “${each.was}”`);
  const what = since.length ? ` ${since.join("; ")}.` : "";
  const of = asked.key === review.key ? "" : `${asked.key}: `;
  if (answer.page && asked.key === review.key) {
    leaveInput();
    show(answer.page);
    if (draft) goOnWith(draft);
  }
  const keptToo = draft ? ` What you typed is kept: “${draft.typed}”. Look, then save it again.` : "";
  tell(`${of}Not saved. ${answer.problem ?? ""}${what}${keptToo}`);
  byId("problem").dataset.of = asked.key;
}

async function route() {
  tell("");
  const key = new URLSearchParams(location.hash.slice(1)).get("page");
  try {
    if (!review.pages.length || !key) await showPile();
    if (key) await showPage(key);
  } catch (error) {
    tell(error.message);
  }
}

if (location.search) history.replaceState(null, "", `/${location.hash}`); // the cookie has the token
addEventListener("hashchange", route);
route();
