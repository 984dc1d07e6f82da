// Colour scales: from a number to a colour that can be read, and the legend that says how.

// Viridis, and a scale with a middle: orange, white, violet. Both keep apart for colour-blind eyes.
const SEQUENTIAL = [
  "#440154",
  "#482878",
  "#3e4989",
  "#31688e",
  "#26828e",
  "#1f9e89",
  "#35b779",
  "#6ece58",
  "#b5de2b",
  "#fde725",
];
const DIVERGING = [
  "#7f3b08",
  "#b35806",
  "#e08214",
  "#fdb863",
  "#fee0b6",
  "#f7f7f7",
  "#d8daeb",
  "#b2abd2",
  "#8073ac",
  "#542788",
  "#2d004b",
];

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
  const ticks = make(
    "span",
    { class: "ticks" },
    values.map((value) => make("span", {}, format(value))),
  );
  return [make("span", { class: "legend" }, title), make("span", { class: "bar" }, strip, ticks)];
}
