// The page: listens to the server, keeps what it was told, and shows the part that is asked for.

import { byId, decoded, number, setText } from "./dom.js";
import { showFailures } from "./failures.js";
import { showPage } from "./history.js";
import { figuresOf, showRun } from "./run.js";
import { showBatch, showRuns } from "./runs.js";
import { showNeeds, takeBooks } from "./shelf.js";

const TICK_MS = 1000;
const TICKS_A_DRAWING = 5;
const VIEWS = ["books", "runs", "run", "batch", "failures", "page"];
const TAB_OF = { run: "runs", batch: "runs", page: "books" };

/** All that is known: the last message, the run's waves and batches by id, the clocks' difference. */
const known = { message: null, waves: new Map(), batches: new Map(), clockAhead: 0 };

// The token is in a cookie by now; it need not stay in the address, the history and screenshots.
if (location.search) history.replaceState(null, "", `/${location.hash}`);

function listen() {
  const source = new EventSource("/events");
  source.onopen = () => showConnection("live", "live");
  source.onerror = () => showConnection("lost", "no connection: has pagewave monitor ended?");
  source.onmessage = (event) => take(JSON.parse(event.data));
}

function take(message) {
  const failuresBefore = JSON.stringify(known.message?.failures);
  known.message = message;
  known.clockAhead = Date.now() / 1000 - message.now;
  if (message.anew) {
    known.waves.clear();
    known.batches.clear();
  }
  for (const wave of message.waves) known.waves.set(wave.id, wave);
  for (const batch of message.batches) known.batches.set(batch.id, batch);
  takeBooks(message.books, message.books_anew);
  showNeeds(message.needs);
  show();
  const { view, id } = route();
  if (view === "failures" && failuresBefore !== JSON.stringify(message.failures)) showFailures();
  if (view === "runs") showRuns();
  if (view === "page" && message.books_anew) showPage(id);
  performance.mark("shown");
  if (message.books_anew) requestAnimationFrame(() => requestAnimationFrame(() => performance.mark("books-painted")));
}

function showConnection(is, text) {
  byId("connection").dataset.is = is;
  setText(byId("connection"), text);
}

/** Which part of the page the address asks for, and of which page, run or batch. */
function route() {
  const [view, id] = location.hash.slice(1).split("=", 2);
  return { view: VIEWS.includes(view) ? view : "books", id: decoded(id ?? "") };
}

function show(drawn = false) {
  const { message } = known;
  if (!message) return;
  const { run, problem, state, failures } = message;
  byId("problem").hidden = !problem;
  setText(byId("problem"), problem ?? "");
  byId("no-run").hidden = Boolean(run) || Boolean(problem);
  setText(byId("failure-count"), failures.uncleared ? `(${number(failures.uncleared)})` : "");
  setText(byId("headline"), run ? `Run ${run.id}, engine ${run.engine}: ${state}.` : "");
  setText(byId("figures"), run ? figuresOf(message) : "");
  byId("run-link").hidden = !run;
  if (run) byId("run-link").href = `#run=${encodeURIComponent(run.id)}`;
  const done = byId("pages-done").textContent.replace(" of ", "/").replace(" pages", "");
  document.title = done ? `${done} pagewave` : "pagewave";
  const { view, id } = route();
  if (view === "run") showRun(id, known, Date.now() / 1000 - known.clockAhead, drawn);
}

function go() {
  const { view, id } = route();
  for (const main of document.querySelectorAll("main")) main.hidden = main.id !== view;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash.slice(1) === (TAB_OF[view] ?? view)) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (view === "failures") showFailures();
  else if (view === "page") showPage(id);
  else if (view === "runs") showRuns();
  else if (view === "batch") showBatch(id);
  else show();
}

addEventListener("hashchange", go);
addEventListener("resize", () => show());
let ticks = 0;
setInterval(() => {
  ticks += 1;
  if (known.message?.goes_on && !document.hidden) show(ticks % TICKS_A_DRAWING !== 0);
}, TICK_MS);
go();
listen();
