// A run: how far it is, its course in charts; its batches, lanes and numbers folded.

import { showSteps, showTimeline } from "./charts.js";
import { age, ask, byId, count, dollars, el, moment, number, pageLink, setText, showShares, showTable } from "./dom.js";

let asked = 0;
let opened = null; // a run that is not the newest, as the server told it

for (const fold of document.querySelectorAll("#run-folds details")) {
  fold.addEventListener("toggle", () => redraw());
}
let redraw = () => {};

/** Time left or taken, and money, in a few words. */
export function figuresOf({ run, budget, goes_on: goesOn }) {
  const left = !run.ended_at && !goesOn ? "" : run.ended_at ? `took ${age(run.ended_at - run.started_at)}`
    : run.eta_seconds !== null ? `about ${age(run.eta_seconds)} left`
    : run.seconds_a_wave === null ? "time left unknown until the first wave ended" : "";
  const cap = budget.run === null ? "" : ` of ${budget.run}`;
  const all = run.spent_in_all.usd === run.spent.usd ? "" : `, ${dollars(run.spent_in_all.usd)} in all runs`;
  const money = run.engine === "embedded" ? "" : `${dollars(run.spent.usd)}${cap} USD${all}`;
  return [left, money].filter(Boolean).join(" · ");
}

/** Show a run: the newest as it is `known`, at the server's time `now`; any other as it was. */
export async function showRun(id, known, now, drawn) {
  const live = known.message?.run;
  if (!live) return;
  if (!id || id === live.id) {
    opened = null;
    redraw = () => show(known, now);
    show(known, now, drawn);
    return;
  }
  if (opened?.message.run.id !== id) {
    const mine = ++asked;
    let message;
    try {
      message = await ask("/run", { id });
    } catch (error) {
      setText(byId("run-title"), error.message);
      return;
    }
    if (mine !== asked) return;
    const byNumber = (all) => new Map(all.map((one) => [one.id, one]));
    opened = { message, waves: byNumber(message.waves), batches: byNumber(message.batches) };
    redraw = () => show(opened, message.now);
    redraw();
  }
}

function show({ message, waves, batches }, now, drawn = false) {
  const { run, state, calls = [] } = message;
  setText(byId("run-title"), `Run ${run.id}`);
  setText(byId("run-state"), `${state}. Engine ${run.engine}${run.engine === "gemini" ? `, ${run.model}` : ""}.`);
  setText(byId("run-figures"), figuresOf(message));
  setText(byId("over-budget"), run.over_budget ?? "");
  showPages(run);
  byId("run-charts").hidden = !run.pages;
  byId("calls-fold").hidden = !calls.length;
  if (!drawn) showCharts(message, [...waves.values()], [...batches.values()], now);
  showCalls(calls);
  showOpenBatches(run, now - message.now, batches);
  showRoads(run);
  showLanes(run);
  showEndedBatches([...batches.values()]);
  showNumbers(run);
}

function showPages(run) {
  const shares = [
    ["read", "read", run.pages_read],
    ["free", "from stored answers", run.pages_free],
    ["dead", "failed for good", run.dead_letters],
    ["blocked", "blocked by them", run.pages_blocked],
    ["left", "left", run.pages_left],
  ];
  setText(byId("run-pages"), run.pages ? `${number(run.pages_read + run.pages_free)} of ${number(run.pages)} pages` : "");
  byId("run-bar").hidden = !run.pages;
  showShares(byId("run-bar"), shares);
  byId("run-legend").replaceChildren(...shares.filter(([, , pages]) => pages).map(([kind, words, pages]) =>
    el("li", {}, el("i", { class: kind }), el("b", {}, number(pages)), ` ${words}`)));
}

function showCharts({ run, budget, goes_on: goesOn }, waves, batches, now) {
  // Of a run that broke off, time ends with what it did last.
  const times = [...waves.map((wave) => wave.ended_at), ...batches.flatMap((b) => [b.intent_at, b.collected_at ?? 0])];
  const end = run.ended_at ?? (goesOn ? now : Math.max(run.started_at, ...times));
  showProgress(run, waves, end);
  showSpend(run, budget, batches, end);
  setText(byId("waves-fold").querySelector(".quiet"), `(${number(waves.length)})`);
  byId("waves-fold").hidden = !waves.length && !batches.length;
  showTimeline(byId("timeline"), run, waves, batches.filter((batch) => batch.transport === "batch"), end);
}

function showProgress(run, waves, end) {
  let pages = 0;
  const steps = waves.map((wave) => [wave.ended_at, (pages += wave.read + wave.free)]);
  showSteps(byId("pages-chart"), {
    name: "pages", steps, start: run.started_at, end, words: number,
    limit: run.pages, limitWords: `${number(run.pages)} to read`,
  });
}

function showSpend(run, budget, batches, end) {
  if (run.spent.usd === null) {
    note(byId("spend-chart"), `The price of ${run.model} is unknown.`);
    return;
  }
  if (!run.spent.usd && budget.run === null) {
    note(byId("spend-chart"), run.engine === "embedded" ? "The embedded reader costs nothing." : "Nothing yet.");
    return;
  }
  let usd = 0;
  const steps = batches.filter((batch) => batch.paid_at !== null)
    .sort((a, b) => a.paid_at - b.paid_at)
    .map((batch) => [batch.paid_at, (usd += batch.usd)]);
  showSteps(byId("spend-chart"), {
    name: "USD", steps, start: run.started_at, end, words: dollars,
    limit: budget.run, limitWords: `budget ${budget.run}`,
  });
}

function note(place, text) {
  place.replaceChildren(el("p", { class: "note" }, text));
}

/** A batch by lane and wave: its names are long, and are told where it is opened. */
function batchLink(batch, id) {
  const text = `lane ${batch.lane}, wave ${batch.wave}`;
  return id === undefined ? text : el("a", { href: `#batch=${id}`, title: batch.name ?? batch.display_name }, text);
}

function tell(fold, many) {
  setText(byId(fold).querySelector(".quiet"), many ? `(${number(many)})` : "(none)");
}

function showCalls(calls) {
  tell("calls-fold", calls.length);
  const rows = calls.map((call) => [pageLink(call.key), call.outcome, dollars(call.usd)]);
  showTable(byId("calls"), ["=page", "outcome", ">USD"], rows, "None.");
}

function showOpenBatches(run, passed, batches) {
  tell("open-fold", run.batches.length);
  const ids = new Map([...batches.values()].map((batch) => [batch.display_name, batch.id]));
  const rows = run.batches.map((batch) => [
    batchLink(batch, ids.get(batch.display_name)), batch.state ?? batch.status,
    age(batch.age_seconds + passed), number(batch.records), batch.done === null ? "" : number(batch.done),
  ]);
  showTable(byId("open-batches"), ["=batch", "state", ">age", ">records", ">done"], rows, "None.");
}

function showRoads(run) {
  byId("roads-fold").hidden = !run.roads.length;
  const rows = run.roads.map((road) => [
    road.is_this ? `${road.road} (this run)` : road.road, dollars(road.usd), age(road.seconds), road.why,
  ]);
  showTable(byId("roads"), ["road", ">USD", ">time", "why"], rows, "None.");
}

function showLanes(run) {
  tell("lanes-fold", run.lanes_in_all);
  byId("lanes-fold").hidden = !run.lanes_in_all;
  const rows = run.lanes.map((lane) => [
    lane.lane, lane.chains, lane.chains_blocked, lane.waves_ended, lane.waves_left, number(lane.pages_left),
  ]);
  const columns = [">lane", ">chains", ">blocked", ">waves ended", ">waves left", ">pages left"];
  const more = run.lanes_in_all - run.lanes.length;
  showTable(byId("lanes"), columns, rows, "None.");
  if (more) setText(byId("lanes").querySelector("p"), `${number(more)} more are shorter.`);
}

const SHOWN_BATCHES = 500;

function showEndedBatches(batches) {
  const ended = batches.filter((batch) => !batch.open).sort((a, b) => b.id - a.id);
  tell("ended-fold", ended.length);
  if (!byId("ended-fold").open) return;
  const rows = ended.slice(0, SHOWN_BATCHES).map((batch) => [
    batchLink(batch, batch.id), batch.state ?? batch.status, moment(batch.collected_at),
    batch.collected_at ? age(batch.collected_at - batch.intent_at) : "", number(batch.records),
    number(batch.valid), batch.answered - batch.valid ? number(batch.answered - batch.valid) : "", dollars(batch.usd),
  ]);
  const columns = ["=batch", "state", "collected", ">took", ">records", ">valid", ">failed", ">USD"];
  showTable(byId("ended-batches"), columns, rows, "None yet.");
  const more = ended.length - rows.length;
  if (more > 0) setText(byId("ended-batches").querySelector("p"), `${number(more)} older ones are not shown.`);
}

function showNumbers(run) {
  const { records, spent } = run;
  const waves = run.lanes.reduce((sum, lane) => sum + lane.waves_left, 0);
  const facts = [
    ["began", moment(run.started_at)],
    ["ended", moment(run.ended_at)],
    ["records", `${number(records.sent)} sent, ${number(records.answered)} answered`],
    ["answers", `${number(records.valid)} valid, ${number(records.failed)} failed`],
    ["chains", run.chains_blocked ? `${number(run.chains_blocked)} blocked` : ""],
    ["waves to go", run.ended_at || run.seconds_a_wave === null ? "" : `${count(waves, "wave")}, ${age(run.seconds_a_wave)} each`],
    ["calls in flight", run.calls ? number(run.calls) : ""],
    ["tokens", `${number(spent.input_tokens)} in, ${number(spent.output_tokens)} out`],
  ].filter(([, words]) => words);
  byId("numbers").replaceChildren(...facts.flatMap(([name, words]) => [el("dt", {}, name), el("dd", {}, words)]));
}
