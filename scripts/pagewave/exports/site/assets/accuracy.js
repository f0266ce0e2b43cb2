"use strict";
// How accurate all books are, by the certificate of an audit; `accuracy.py` says what there is.

/** Shows the certificate, where there is one. */
function showAccuracy(accuracy) {
  byId("accurate").hidden = !accuracy;
  byId("accuracy").hidden = !accuracy;
  if (!accuracy) return;
  const { figures, lines, pages, without, changed, made_at, method } = accuracy;
  const [[, share, interval, judged]] = figures; // the first is that of characters
  const value = share.replace("%", "\u00a0%");
  const link = el("button", { type: "button", className: "link" }, "How accurate it is");
  link.addEventListener("click", () => {
    byId("accuracy").scrollIntoView();
    byId("accuracy").focus({ preventScroll: true });
  });
  byId("accurate").replaceChildren(`${value} of characters wrong (95 % interval ${interval}) \u00b7 `, link);
  const heads = ["Figure", "Value", "95 % interval, %", "Judged", "What it is"];
  const rows = figures.map(([name, ...cells]) =>
    el("tr", {}, el("th", { scope: "row" }, name), cells.map((cell) => el("td", {}, typeof cell === "number" ? cell.toLocaleString("en") : cell))),
  );
  const said = [`It stands for ${count(lines, "line")} on ${count(pages, "page")}, as they were when the sample was drawn.`];
  if (changed) said.push(`${count(changed, "page")} changed since.`);
  if (without) said.push(`Of ${count(without, "page")} that ${without === 1 ? "was" : "were"} read it says nothing.`);
  byId("accuracy").replaceChildren(
    el("h2", { id: "accuracy-title" }, "How accurate it is"),
    el("p", {}, `People compared ${count(judged, "line")}, drawn at random, with the scans. Of all characters ${value} are wrong, with 95 % certainty ${interval} %, lines that were left out or made up included.`),
    el("div", { className: "scroll", tabIndex: 0, role: "region", "aria-labelledby": "accuracy-title" },
      el("table", {}, el("thead", {}, el("tr", {}, heads.map((head) => el("th", { scope: "col" }, head)))), el("tbody", {}, rows))),
    el("p", { className: "quiet small" }, said.join(" "), ` Certified ${made_at.slice(0, 10)}. ${method}`),
  );
}
