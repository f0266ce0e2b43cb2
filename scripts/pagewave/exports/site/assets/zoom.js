"use strict";
// The scan under a glass: OpenSeadragon, loaded when somebody first wants to look closer.

const zoom = { viewer: null, picture: null };

/** From now on this picture is meant: its address and what it shows. */
function showForZoom(picture) {
  closeZoom();
  zoom.picture = picture;
}

/** The viewer over the picture. */
async function openZoom() {
  if (zoom.viewer || !zoom.picture) return zoom.viewer;
  const { assets } = document.body.dataset;
  if (!document.querySelector("style")) {
    // OpenSeadragon adds a style of its own where it finds none; the policy allows an empty one alone.
    document.head.append(el("style", { "data-openseadragon-mobile-css": "true" }));
  }
  await load(`${assets}/openseadragon.min.js`);
  if (zoom.viewer || !zoom.picture) return zoom.viewer;
  const place = byId("viewer");
  place.hidden = false;
  const viewer = OpenSeadragon({
    element: place,
    tileSources: { type: "image", url: zoom.picture.src, crossOriginPolicy: false },
    drawer: "canvas", // pictures from disk are not given to WebGL
    showNavigationControl: false,
    animationTime: matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 0.4,
    visibilityRatio: 0.6,
    maxZoomPixelRatio: 3,
    minZoomImageRatio: 1,
    gestureSettingsMouse: { clickToZoom: false, dblClickToZoom: true },
  });
  zoom.viewer = viewer;
  viewer.canvas.setAttribute("aria-label", `${zoom.picture.alt}. Arrow keys move it, + and − zoom.`);
  viewer.canvas.setAttribute("role", "application");
  viewer.addOnceHandler("tile-drawn", () => byId("scan").classList.add("covered"));
  viewer.addHandler("open-failed", closeZoom);
  return viewer;
}

function closeZoom() {
  zoom.viewer?.destroy();
  zoom.viewer = null;
  byId("viewer").hidden = true;
  byId("scan").classList.remove("covered");
}

async function zoomBy(factor) {
  const viewer = await openZoom();
  if (!viewer) return;
  if (!viewer.isOpen()) await new Promise((resolve) => viewer.addOnceHandler("open", resolve));
  viewer.viewport.zoomBy(factor);
  viewer.viewport.applyConstraints();
}

byId("closer").addEventListener("click", () => zoomBy(1.6));
byId("farther").addEventListener("click", () => zoomBy(1 / 1.6));
byId("whole").addEventListener("click", closeZoom);
byId("scan").addEventListener("dblclick", () => zoomBy(2));
byId("scan").addEventListener(
  "wheel",
  (event) => {
    if (!event.ctrlKey && innerWidth < 900) return; // there the wheel scrolls the page
    event.preventDefault();
    if (event.deltaY < 0) zoomBy(1.4);
  },
  { passive: false },
);
