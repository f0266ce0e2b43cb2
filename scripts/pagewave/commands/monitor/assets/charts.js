// Small charts in SVG: a quantity that grows in steps, and waves and batches over time.

import { age, byId, el, moment, number, svg } from "./dom.js";

const HEIGHT = 190;
const LEFT = 52, RIGHT = 12, TOP = 14, BOTTOM = 24;
const ROW = 22, BAR = 12;
const LANE_LEFT = 60;
const MOST_POINTS = 1000;
const TIME_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400];

/**
 * A line that grows in steps: [Unix seconds, sum so far], oldest first. `limit` is drawn as a line
 * with `limitWords`, null where there is none; `words` writes a sum.
 */
export function showSteps(place, { name, steps, start, end, limit, limitWords, words }) {
  const width = place.clientWidth;
  if (!width) return;
  const last = steps.length ? steps.at(-1)[1] : 0;
  const top = Math.max(limit ?? 0, last) || 1;
  const span = Math.max(1, end - start);
  const x = (time) => LEFT + ((width - LEFT - RIGHT) * Math.min(span, Math.max(0, time - start))) / span;
  const y = (value) => HEIGHT - BOTTOM - ((HEIGHT - TOP - BOTTOM) * value) / (top * 1.05);
  const chart = svg("svg", {
    width, height: HEIGHT, role: "img", "aria-label": `${words(last)} ${name}`,
  });
  for (const value of ticks(top)) {
    chart.append(
      svg("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: y(value), y2: y(value) }),
      svg("text", { class: "tick", x: LEFT - 6, y: y(value) + 4, "text-anchor": "end" }, shortly(value)));
  }
  chart.append(...timeAxis(x, start, span, width, LEFT, HEIGHT - BOTTOM));
  if (limit !== null) {
    chart.append(
      svg("line", { class: "limit", x1: LEFT, x2: width - RIGHT, y1: y(limit), y2: y(limit) }),
      svg("text", { class: "tick", x: LEFT + 4, y: y(limit) - 4 }, limitWords));
  }
  const drawn = thin(steps);
  let path = `M${x(start)},${y(0)}`;
  for (const [time, value] of drawn) path += `H${x(time).toFixed(1)}V${y(value).toFixed(1)}`;
  path += `H${x(end)}`;
  chart.append(
    svg("path", { class: "area", d: `${path}V${y(0)}H${x(start)}Z` }),
    svg("path", { class: "line", d: path }),
    svg("circle", { class: "dot", cx: x(end), cy: y(last), r: 4 }));
  const cross = svg("line", { class: "cross", y1: TOP, y2: HEIGHT - BOTTOM, visibility: "hidden" });
  chart.append(cross, svg("rect", {
    class: "surface", x: LEFT, y: TOP, width: Math.max(0, width - LEFT - RIGHT), height: HEIGHT - TOP - BOTTOM,
    on: {
      pointermove: (event) => {
        const at = start + (span * (event.offsetX - LEFT)) / (width - LEFT - RIGHT);
        const sum = steps.findLast(([time]) => time <= at)?.[1] ?? 0;
        for (const end of ["x1", "x2"]) cross.setAttribute(end, event.offsetX);
        cross.setAttribute("visibility", "visible");
        hint(event, [`${words(sum)} ${name}`, moment(at)]);
      },
      pointerleave: () => {
        cross.setAttribute("visibility", "hidden");
        hideHint();
      },
    },
  }));
  place.replaceChildren(chart);
}

/** Waves that ended and batches, a row a lane, to scale. */
export function showTimeline(place, run, waves, batches, end) {
  const width = place.clientWidth;
  if (!width) return;
  // Batches that an earlier run left may have begun before this one.
  const start = Math.min(run.started_at, ...waves.map((wave) => wave.started_at), ...batches.map((b) => b.intent_at));
  const span = Math.max(1, end - start);
  const x = (time) => LANE_LEFT + ((width - LANE_LEFT - RIGHT) * (time - start)) / span;
  const lanes = [...new Set([...waves, ...batches].map((one) => one.lane))].sort((a, b) => a - b);
  const bottom = TOP + lanes.length * ROW;
  const chart = svg("svg", { width, height: bottom + BOTTOM, role: "img", "aria-label": `${waves.length} waves ended` });
  chart.append(...timeAxis(x, start, span, width, LANE_LEFT, bottom));
  const row = new Map(lanes.map((lane, place) => [lane, TOP + place * ROW]));
  for (const lane of lanes) {
    chart.append(svg("text", { class: "tick", x: LANE_LEFT - 8, y: row.get(lane) + ROW / 2 + 4, "text-anchor": "end" }, `lane ${lane}`));
  }
  const bar = (one, from, to, kind, inset, lines) => svg("rect", {
    class: kind, x: x(from), y: row.get(one.lane) + (ROW - BAR) / 2 + inset,
    width: Math.max(2, x(to) - x(from) - 1), height: BAR - 2 * inset, rx: 2,
    on: { pointermove: (event) => hint(event, lines()), pointerleave: hideHint },
  });
  for (const wave of waves) {
    chart.append(bar(wave, wave.started_at, wave.ended_at, "wave", -3, () => [
      `lane ${wave.lane}, wave ${wave.number}: ${age(wave.ended_at - wave.started_at)}`,
      `${wave.read} read, ${wave.free} from stored answers`,
      `${wave.failed} failed, ${wave.dead} dead letters`,
    ]));
  }
  for (const batch of batches) {
    const kind = batch.open ? "open" : batch.status === "collected" && succeeded(batch) ? "collected" : "troubled";
    const until = batch.open ? end : batch.collected_at ?? batch.submitted_at ?? batch.intent_at;
    chart.append(bar(batch, batch.intent_at, Math.max(until, batch.intent_at), kind, 0, () => [
      `lane ${batch.lane}, wave ${batch.wave}: ${batch.state ?? batch.status}, ${age(until - batch.intent_at)}`,
      batch.name ?? batch.display_name,
      `${batch.records} records, ${batch.open && batch.done !== null ? `${batch.done} done` : `${batch.answered} answered, ${batch.valid} valid`}`,
      ...(batch.error ? [batch.error] : []),
    ]));
  }
  place.replaceChildren(lanes.length ? chart : el("p", { class: "note" }, "None yet."));
}

function succeeded(batch) {
  return batch.state === "SUCCEEDED" || batch.state === "PARTIALLY_SUCCEEDED";
}

// Axes

function timeAxis(x, start, span, width, left, y) {
  const room = Math.max(2, Math.floor((width - left) / 90));
  const step = TIME_STEPS.find((size) => span / size <= room) ?? 86400 * Math.ceil(span / 86400 / room);
  const marks = [];
  for (let time = Math.ceil(start / step) * step; time <= start + span; time += step) {
    const iso = new Date(time * 1000).toISOString();
    const text = step >= 86400 ? iso.slice(5, 10) : step >= 60 ? iso.slice(11, 16) : iso.slice(11, 19);
    marks.push(
      svg("line", { class: "grid", x1: x(time), x2: x(time), y1: y, y2: y + 4 }),
      // The last one must not be cut off.
      svg("text", { class: "tick", x: Math.min(x(time), width - 28), y: y + 16, "text-anchor": "middle" }, text));
  }
  return [svg("line", { class: "axis", x1: left, x2: width - RIGHT, y1: y, y2: y }), ...marks];
}

/** Some round values up to `top`. */
function ticks(top) {
  const rough = top / 4;
  const size = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * size).find((value) => value >= rough);
  const found = [];
  for (let value = 0; value <= top * 1.001; value += step) found.push(value);
  return found;
}

function shortly(value) {
  return value >= 1 || value === 0 ? number(Number(value.toFixed(2))) : value.toPrecision(2).replace(/0+$/, "");
}

/** So many steps that no line has more points than a screen. The last one always stays. */
function thin(steps) {
  const every = Math.ceil(steps.length / MOST_POINTS);
  return steps.filter((_, place) => place % every === 0 || place === steps.length - 1);
}

// The hint beside the pointer

function hint(event, lines) {
  const box = byId("hint");
  box.replaceChildren(...lines.map((line) => el("div", {}, line)));
  box.hidden = false;
  const left = Math.min(event.clientX + 14, document.documentElement.clientWidth - box.offsetWidth - 8);
  box.style.left = `${Math.max(8, left)}px`;
  box.style.top = `${event.clientY + 16}px`;
}

function hideHint() {
  byId("hint").hidden = true;
}
