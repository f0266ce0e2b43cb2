"use strict";
// The scan under the words: a picture with a box for each, of which a part is shown.

const SVG = "http://www.w3.org/2000/svg";
const scan = { svg: null, whole: null, shown: null, boxes: new Map() };

/** A new element of a picture. */
function drawn(tag, attributes = {}) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

/** Shows the scan of a page; `view` is what the server told of it, `choose` is called with items. */
function showScan(view, items, choose) {
  const isSame = scan.svg?.dataset.key === view.key;
  if (!isSame) {
    scan.svg = drawn("svg", { role: "img", "aria-label": `Scan of page ${view.number}` });
    scan.svg.dataset.key = view.key;
    const href = `/image?key=${encodeURIComponent(view.key)}`;
    scan.svg.append(drawn("image", { id: "leaf", href, width: view.width, height: view.height, preserveAspectRatio: "none" }));
    scan.svg.append(drawn("g"));
    scan.whole = { x: 0, y: 0, w: view.width, h: view.height };
    byId("scan").replaceChildren(scan.svg);
    showPart(acrossAt(0));
  }
  scan.boxes.clear();
  const boxes = items.filter((item) => item.box).map((item) => {
    const [left, top, right, bottom] = item.box;
    const pad = Math.max(2, (bottom - top) / 8);
    const box = drawn("rect", { x: left - pad, y: top - pad, width: right - left + 2 * pad, height: bottom - top + 2 * pad, rx: pad, class: item.kind });
    box.addEventListener("pointerenter", () => light(item.id, true));
    box.addEventListener("pointerleave", () => light(item.id, false));
    box.addEventListener("click", () => choose(item.id));
    scan.boxes.set(item.id, box);
    return box;
  });
  scan.svg.querySelector("g").replaceChildren(...boxes);
}

/** Lights a word, in the scan and in the text. */
function light(id, on) {
  scan.boxes.get(id)?.classList.toggle("lit", on);
  document.querySelector(`[data-id="${id}"]`)?.classList.toggle("lit", on);
}

function showPart(part) {
  scan.shown = part;
  scan.svg.setAttribute("viewBox", `${part.x} ${part.y} ${part.w} ${part.h}`);
}

/** The part that is as wide as the scan, with this height of it in the middle. */
function acrossAt(y) {
  const { clientWidth, clientHeight } = byId("scan");
  const { w, h } = scan.whole;
  const high = Math.min(h, (w * Math.max(1, clientHeight)) / Math.max(1, clientWidth));
  return { x: 0, y: Math.min(Math.max(0, y - high / 2), h - high), w, h: high };
}

/** Brings a box into the part that is shown, and into the picture of the place, with more around it
    where it is only near to what is looked for. */
function bringIntoSight(box, isNear = false) {
  byId("crop").toggleAttribute("hidden", !box);
  if (!box || !scan.svg) return;
  const [left, top, right, bottom] = box;
  const high = Math.max(8, bottom - top);
  const around = (isNear ? 2.5 : 1) * high;
  byId("crop").setAttribute("viewBox", `${left - 2 * around} ${top - around} ${right - left + 4 * around} ${high + 2 * around}`);
  const { x, y, w, h } = scan.shown;
  const [middle, height] = [(left + right) / 2, (top + bottom) / 2];
  if (w >= scan.whole.w) {
    if (h < scan.whole.h) showPart(acrossAt(height));
  } else if (left < x || right > x + w || top < y || bottom > y + h) {
    showPart({ x: middle - w / 2, y: height - h / 2, w, h });
  }
}

function zoomBy(factor) {
  if (!scan.svg) return;
  const { x, y, w, h } = scan.shown;
  const wide = Math.min(scan.whole.w, w / factor);
  const high = (h * wide) / w;
  if (wide >= scan.whole.w) showPart(acrossAt(y + h / 2));
  else showPart({ x: x + (w - wide) / 2, y: y + (h - high) / 2, w: wide, h: high });
}

byId("closer").addEventListener("click", () => zoomBy(1.6));
byId("farther").addEventListener("click", () => zoomBy(1 / 1.6));
byId("whole").addEventListener("click", () => scan.svg && showPart(scan.whole));
addEventListener("resize", () => {
  if (scan.svg && scan.shown.w >= scan.whole.w) showPart(acrossAt(scan.shown.y + scan.shown.h / 2));
});
byId("scan").addEventListener("wheel", (event) => {
  if (!scan.svg || innerWidth < 900) return; // there the wheel scrolls the page
  event.preventDefault();
  if (event.ctrlKey) zoomBy(event.deltaY < 0 ? 1.2 : 1 / 1.2);
  else moveBy(event.deltaX, event.deltaY);
}, { passive: false });

/** Moves the part by so many pixels of the screen, no further than the scan goes. */
function moveBy(across, down) {
  const { x, y, w, h } = scan.shown;
  const scale = Math.max(w / byId("scan").clientWidth, h / byId("scan").clientHeight);
  const within = (at, size, whole) => Math.min(Math.max(at, Math.min(0, whole - size)), Math.max(0, whole - size));
  showPart({ x: within(x + across * scale, w, scan.whole.w), y: within(y + down * scale, h, scan.whole.h), w, h });
}

byId("scan").addEventListener("pointermove", (event) => {
  if (scan.svg && event.buttons === 1 && event.pointerType === "mouse") moveBy(-event.movementX, -event.movementY);
});
