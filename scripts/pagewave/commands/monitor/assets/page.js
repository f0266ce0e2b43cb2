// The page: listens to the server, keeps what it was told, and shows the part that is asked for.

import { byId, number, setText } from "./dom.js";
import { showFailures } from "./failures.js";
import { showHistory } from "./history.js";
import { showRun } from "./run.js";

const TICK_MS = 1000;
const TICKS_A_DRAWING = 5;

/** All that is known: the last message, the run's waves and batches by id, the clocks' difference. */
const known = { message: null, waves: new Map(), batches: new Map(), clockAhead: 0 };

// The token is in a cookie by now; it need not stay in the address, the history and screenshots.
if (location.search) history.replaceState(null, "", `/${location.hash}`);

function listen() {
  const source = new EventSource("/events");
  source.onopen = () => showConnection("live", "live");
  source.onerror = () => showConnection("lost", "no connection: has scripts/monitor.py ended?");
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
  show();
  if (route().view === "failures" && failuresBefore !== JSON.stringify(message.failures)) showFailures();
  performance.mark("shown");
}

function showConnection(is, text) {
  byId("connection").dataset.is = is;
  setText(byId("connection"), text);
}

/** Which part of the page the address asks for, and of which page of a book. */
function route() {
  const [view, key] = location.hash.slice(1).split("=", 2);
  return { view: view === "failures" || view === "page" ? view : "run", key: decoded(key ?? "") };
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // somebody typed it
  }
}

function show(drawn = false) {
  const { message } = known;
  if (!message) return;
  const { run, problem, state } = message;
  setText(byId("headline"), run ? `run ${run.id}, engine ${run.engine}: ${state}` : "");
  byId("problem").hidden = !problem;
  setText(byId("problem"), problem ?? "");
  const failures = message.failures.all;
  setText(byId("failure-count"), failures ? `(${number(failures)})` : "");
  document.title = run ? `${run.pages_read + run.pages_free}/${run.pages} pagewave` : "pagewave";
  if (route().view === "run") showRun(known, Date.now() / 1000 - known.clockAhead, drawn);
}

function go() {
  const { view, key } = route();
  for (const main of document.querySelectorAll("main")) main.hidden = main.id !== view;
  for (const link of document.querySelectorAll("nav a")) {
    const current = link.hash.slice(1).split("=")[0] === view;
    link.toggleAttribute("aria-current", current);
  }
  if (view === "failures") showFailures();
  else if (view === "page") showHistory(key);
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
