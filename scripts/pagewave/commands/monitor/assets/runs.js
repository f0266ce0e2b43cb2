// All runs of the ledger, and a batch opened to its records.

import { age, ask, byId, copyable, dollars, el, moment, number, pageLink, setText, showTable } from "./dom.js";

let asked = 0;

/** Ask for the list of runs and show it. */
export async function showRuns() {
  const mine = ++asked;
  const place = byId("run-list");
  let runs;
  try {
    runs = await ask("/runs");
  } catch (error) {
    place.replaceChildren(el("p", { class: "note" }, error.message));
    return;
  }
  if (mine !== asked) return;
  showTable(
    place, ["=run", "began", ">took", "what", ">pages", ">USD", "outcome"],
    runs.map((run) => [
      el("a", { href: `#run=${encodeURIComponent(run.id)}` }, run.id),
      moment(run.started_at), run.ended_at ? age(run.ended_at - run.started_at) : "",
      `${run.purpose === "workflow" ? "" : `${run.purpose}, `}${run.engine === "gemini" ? run.model : "embedded reader"}`,
      pagesOf(run), dollars(run.usd),
      run.dead ? `${run.outcome} (${number(run.dead)} for good)` : run.outcome,
    ]),
    "No run yet.");
}

function pagesOf(run) {
  const done = run.read + run.free;
  return done === run.pages ? number(done) : `${number(done)} of ${number(run.pages)}`;
}

/** Ask for a batch by its number and show what became of its records. */
export async function showBatch(id) {
  const mine = ++asked;
  let batch;
  try {
    batch = await ask("/batch", { id });
  } catch (error) {
    setText(byId("batch-title"), error.message);
    byId("batch-facts").replaceChildren();
    byId("batch-records").replaceChildren();
    return;
  }
  if (mine !== asked) return;
  const what = batch.is_call ? "Call" : "Batch";
  setText(byId("batch-title"), `${what} of lane ${batch.lane}, wave ${batch.wave}`);
  const facts = [
    ["run", el("a", { href: `#run=${encodeURIComponent(batch.run_id)}` }, batch.run_id)],
    ["state", batch.state ?? batch.status],
    ["error", batch.error],
    ["sent", moment(batch.submitted_at ?? batch.intent_at)],
    ["collected", batch.collected_at ? `${moment(batch.collected_at)}, after ${age(batch.collected_at - batch.intent_at)}` : ""],
    ["records", `${number(batch.records)}, ${number(batch.answered)} answered, ${number(batch.valid)} valid`],
    ["USD", dollars(batch.usd)],
    ["name", batch.name ? copyable(batch.name) : ""],
    ["display name", copyable(batch.display_name)],
  ].filter(([, value]) => value);
  byId("batch-facts").replaceChildren(...facts.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
  byId("batch-records").replaceChildren();
  showTable(
    byId("batch-records"), ["=page", ">attempt", "outcome", "why", ">USD"],
    batch.members.map((record) => [
      pageLink(record.key), record.attempt, record.outcome, record.reason, record.usd === null ? "" : dollars(record.usd),
    ]),
    "No records.");
}
