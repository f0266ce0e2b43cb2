// The run as it stands: what status.py says, and its course in charts.

import { showSteps, showTimeline } from "./charts.js";
import { age, byId, dollars, el, moment, number, setText, showTable } from "./dom.js";

const ENDED_BATCHES = 20;

/**
 * Show all that is known of the run, at the server's time `now`. `drawn`: the charts may stay as
 * they are, so that a hint beside the pointer stays too.
 */
export function showRun({ message, waves, batches }, now, drawn = false) {
  const { run, budget } = message;
  byId("no-run").hidden = Boolean(run) || Boolean(message.problem);
  byId("run-body").hidden = !run;
  if (!run) return;
  showBar(run);
  showTiles(run, budget);
  setText(byId("over-budget"), run.over_budget ?? "");
  if (!drawn) showCharts(message, [...waves.values()], [...batches.values()], now);
  showOpenBatches(run, now - message.now);
  showRoads(run);
  showLanes(run);
  showEndedBatches([...batches.values()]);
}

function showCharts({ run, budget, goes_on: goesOn }, waves, batches, now) {
  // Of a run that broke off, time ends with what it did last.
  const times = [...waves.map((wave) => wave.ended_at), ...batches.flatMap((b) => [b.intent_at, b.collected_at ?? 0])];
  const end = run.ended_at ?? (goesOn ? now : Math.max(run.started_at, ...times));
  showPages(run, waves, end);
  showSpend(run, budget, batches, end);
  showTimeline(byId("timeline"), run, waves, batches.filter((batch) => batch.transport === "batch"), end);
}

function showBar(run) {
  const dead = run.dead_letters;
  const shares = [
    ["read", "read", run.pages_read],
    ["free", "from stored answers", run.pages_free],
    ["dead", "dead letters", dead],
    ["blocked", "blocked by them", run.pages_blocked],
    ["left", "left", run.pages_left],
  ];
  const done = run.pages_read + run.pages_free;
  setText(byId("pages-done"), `${number(done)} of ${number(run.pages)} pages`);
  const bar = byId("bar");
  bar.setAttribute("aria-label", shares.map(([, words, pages]) => `${pages} ${words}`).join(", "));
  if (!bar.children.length) {
    bar.append(...shares.map(([name]) => el("i", { class: name })));
    byId("bar-legend").append(...shares.map(([name, words]) =>
      el("li", {}, el("i", { class: name }), el("b", { id: `pages-${name}` }), ` ${words}`)));
  }
  shares.forEach(([name, , pages], place) => {
    bar.children[place].style.flexGrow = pages;
    bar.children[place].hidden = pages === 0;
    setText(byId(`pages-${name}`), number(pages));
  });
}

function showTiles(run, budget) {
  const { records, spent, spent_in_all: all } = run;
  const left = run.ended_at ? `took ${age(run.ended_at - run.started_at)}`
    : run.eta_seconds === null ? "unknown until the first wave ended"
    : `about ${age(run.eta_seconds)}`;
  const waves = run.lanes.reduce((sum, lane) => sum + lane.waves_left, 0);
  const of = (limit) => (limit === null ? "" : ` of ${limit}`);
  const tiles = [
    ["records", "records sent", number(records.sent), `${number(records.answered)} answered`],
    ["answers", "valid answers", number(records.valid), `${number(records.failed)} failed`],
    ["blocked", "chains blocked", number(run.chains_blocked), `${number(run.dead_letters)} dead letters`],
    ["spent", "USD in this run", dollars(spent.usd) + of(budget.run), `${dollars(all.usd)}${of(budget.all)} in all`],
    ["tokens", "tokens out", number(spent.output_tokens), `${number(spent.input_tokens)} in`],
    ["left", run.ended_at ? "run" : "time left", left,
      run.ended_at || run.seconds_a_wave === null ? "" : `${number(waves)} waves to go, ${age(run.seconds_a_wave)} each`],
  ];
  const place = byId("tiles");
  if (!place.children.length) {
    place.append(...tiles.map(([id]) => el("div", { id: `tile-${id}` }, el("dt"), el("dd"), el("dd"))));
  }
  for (const [id, name, value, more] of tiles) {
    const parts = byId(`tile-${id}`).children;
    [name, value, more].forEach((text, part) => setText(parts[part], text));
  }
}

function showPages(run, waves, end) {
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

function showOpenBatches(run, passed) {
  const rows = run.batches.map((batch) => [
    batch.lane, batch.wave, batch.name ?? batch.display_name, batch.state ?? batch.status,
    age(batch.age_seconds + passed), number(batch.records),
    batch.done === null ? "" : number(batch.done),
  ]);
  showTable(byId("open-batches"), [">lane", ">wave", "batch", "state", ">age", ">records", ">done"], rows, "None.");
}

function showRoads(run) {
  const rows = run.roads.map((road) => [
    road.is_this ? `${road.road} (this run)` : road.road, dollars(road.usd), age(road.seconds), road.why,
  ]);
  const none = run.ended_at ? "Nothing." : "Not known until the first answer.";
  showTable(byId("roads"), ["road", ">USD", ">time", "why"], rows, none);
}

function showLanes(run) {
  const rows = run.lanes.map((lane) => [
    lane.lane, lane.chains, lane.chains_blocked, lane.waves_ended, lane.waves_left, number(lane.pages_left),
  ]);
  const columns = [">lane", ">chains", ">blocked", ">waves ended", ">waves left", ">pages left"];
  showTable(byId("lanes"), columns, rows, "None.");
  const more = run.lanes_in_all - run.lanes.length;
  if (more) setText(byId("lanes").querySelector("p"), `${number(more)} more are shorter.`);
}

function showEndedBatches(batches) {
  const ended = batches.filter((batch) => !batch.open && batch.transport === "batch").sort((a, b) => b.id - a.id);
  const rows = ended.slice(0, ENDED_BATCHES).map((batch) => [
    batch.lane, batch.wave, batch.name ?? batch.display_name, batch.state ?? batch.status,
    moment(batch.collected_at), batch.collected_at ? age(batch.collected_at - batch.intent_at) : "",
    number(batch.records), number(batch.answered), number(batch.valid),
    number(batch.answered - batch.valid), dollars(batch.usd),
  ]);
  showTable(
    byId("ended-batches"),
    [">lane", ">wave", "batch", "state", "collected", ">took", ">records", ">answered", ">valid", ">failed", ">USD"],
    rows, "None yet.");
}
