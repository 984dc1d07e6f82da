// Colours, markers and themes: each run is told apart by two of colour, marker and dash.

// Apart for normal, red-blind, green-blind and blue-blind eyes, and three to one against the paper.
const LIGHT = ["#0f69a5", "#c94a00", "#004d2e", "#c8749f", "#2f2466", "#8c8a5a", "#8778f5", "#8a1fd0"];
const DARK = ["#5ab4f0", "#f0874b", "#d6f2b0", "#b05fa0", "#f2e65a", "#4f78e0", "#f6b6cf", "#2fae8e"];
const MARKERS = ["circle", "square", "diamond", "triangle-up", "x", "triangle-down", "cross", "star"];
const OUTLINES = { // in a square of 10, for the key
  circle: "M5 1.2A3.8 3.8 0 1 1 4.99 1.2Z", square: "M1.6 1.6H8.4V8.4H1.6Z", diamond: "M5 0L10 5L5 10L0 5Z",
  "triangle-up": "M5 .8L9.6 8.6H.4Z", "triangle-down": "M5 9.2L9.6 1.4H.4Z",
  x: "M2.6 .8L5 3.2L7.4 .8L9.2 2.6L6.8 5L9.2 7.4L7.4 9.2L5 6.8L2.6 9.2L.8 7.4L3.2 5L.8 2.6Z",
  cross: "M3.6 .4H6.4V3.6H9.6V6.4H6.4V9.6H3.6V6.4H.4V3.6H3.6Z",
  star: "M5 0L6.2 3.6H10L6.9 5.8L8.1 9.5L5 7.2L1.9 9.5L3.1 5.8L0 3.6H3.8Z",
};
const DASHES = ["solid", "longdash", "dot"];
const DASH_ARRAYS = { solid: null, longdash: "7 3", dot: "1.5 3" };

// Viridis, and a scale with a middle: orange, white, violet. Both keep apart for colour-blind eyes.
const SEQUENTIAL = ["#440154", "#482878", "#3e4989", "#31688e", "#26828e", "#1f9e89", "#35b779", "#6ece58", "#b5de2b", "#fde725"];
const DIVERGING = ["#7f3b08", "#b35806", "#e08214", "#fdb863", "#fee0b6", "#f7f7f7", "#d8daeb", "#b2abd2", "#8073ac", "#542788", "#2d004b"];

const prefersDark = matchMedia("(prefers-color-scheme: dark)");
const root = document.documentElement;
const printing = () => root.classList.contains("printing");

/** Whether the page is dark now. */
function isDark() {
  if (printing()) return false;
  return root.dataset.theme ? root.dataset.theme === "dark" : prefersDark.matches;
}

/** A colour of the style sheet. */
const ink = (name) => getComputedStyle(root).getPropertyValue(`--${name}`).trim();

/** The look of the n-th of several things. */
function look(n) {
  const round = Math.floor(n / MARKERS.length), place = n % MARKERS.length;
  const shape = MARKERS[(place + (round === 2 ? 3 : 0)) % MARKERS.length];
  return {
    color: (isDark() ? DARK : LIGHT)[place],
    shape,
    open: round % 2 === 1,
    symbol: shape + (round % 2 === 1 ? "-open" : ""),
    dash: DASHES[round % DASHES.length],
  };
}

/** A swatch of a look, for a key or a row: a line with its marker, or the marker alone. */
function swatch(how, line = true) {
  const width = line ? 30 : 12;
  const picture = draw("svg", { class: "swatch", width, height: 12, viewBox: `0 0 ${width} 12`, "aria-hidden": "true" });
  if (line) {
    const dash = DASH_ARRAYS[how.dash ?? "solid"];
    picture.append(draw("path", { d: "M0 6H30", stroke: how.color, "stroke-width": 2, "stroke-dasharray": dash, fill: "none" }));
  }
  picture.append(draw("path", {
    d: OUTLINES[how.shape],
    transform: `translate(${width / 2 - 5} 1)`,
    fill: how.open ? ink("paper") : how.color,
    stroke: how.color,
    "stroke-width": how.open ? 1.6 : 0.5,
  }));
  return picture;
}

const channels = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));

/** A colour of a scale, t from 0 to 1. */
function mix(scale, t) {
  const at = Math.min(1, Math.max(0, t)) * (scale.length - 1);
  const below = Math.min(Math.floor(at), scale.length - 2);
  const [a, b] = [channels(scale[below]), channels(scale[below + 1])];
  return a.map((channel, n) => Math.round(channel + (b[n] - channel) * (at - below)));
}

const css = (rgb) => `rgb(${rgb.join(" ")})`;
const seeThrough = (hex, opacity) => `rgba(${channels(hex).join(",")},${opacity})`;

/** Black or white, whichever can be read better on a colour. */
function readableOn(rgb) {
  const [r, g, b] = rgb.map((channel) => {
    const share = channel / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179 ? "#000" : "#fff";
}

/** The legend of a colour scale: a strip and the values along it. */
function scaleLegend(scale, low, high, title, middle = null) {
  const stops = scale.map((color, n) => `${color} ${(100 * n) / (scale.length - 1)}%`);
  const strip = make("span", { class: "strip" });
  strip.style.backgroundImage = `linear-gradient(to right, ${stops.join(", ")})`;
  const values = middle === null ? [low, (low + high) / 2, high] : [low, middle, high];
  const format = numberFormat(values);
  const ticks = make("span", { class: "ticks" }, values.map((value) => make("span", {}, format(value))));
  return [make("span", { class: "legend" }, title), make("span", { class: "bar" }, strip, ticks)];
}

/** The button for the other theme, remembered where the browser remembers. */
function setUpTheme(then) {
  const button = byId("theme");
  const show = () => button.setAttribute("aria-pressed", String(isDark()));
  button.hidden = false;
  show();
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    try { localStorage.setItem("deltaflow-theme", root.dataset.theme); } catch { /* likewise */ }
    show();
    then();
  });
  prefersDark.addEventListener("change", () => { show(); then(); });
}
