// The look of a run: it is told apart by two of colour, marker and dash.

// Apart for normal, red-blind, green-blind and blue-blind eyes, and three to one against the paper.
const LIGHT = [
  "#0f69a5",
  "#c94a00",
  "#004d2e",
  "#c8749f",
  "#2f2466",
  "#8c8a5a",
  "#8778f5",
  "#8a1fd0",
];
const DARK = [
  "#5ab4f0",
  "#f0874b",
  "#d6f2b0",
  "#b05fa0",
  "#f2e65a",
  "#4f78e0",
  "#f6b6cf",
  "#2fae8e",
];
const MARKERS = [
  "circle",
  "square",
  "diamond",
  "triangle-up",
  "x",
  "triangle-down",
  "cross",
  "star",
];
const OUTLINES = {
  // in a square of 10, for the key
  circle: "M5 1.2A3.8 3.8 0 1 1 4.99 1.2Z",
  square: "M1.6 1.6H8.4V8.4H1.6Z",
  diamond: "M5 0L10 5L5 10L0 5Z",
  "triangle-up": "M5 .8L9.6 8.6H.4Z",
  "triangle-down": "M5 9.2L9.6 1.4H.4Z",
  x: "M2.6 .8L5 3.2L7.4 .8L9.2 2.6L6.8 5L9.2 7.4L7.4 9.2L5 6.8L2.6 9.2L.8 7.4L3.2 5L.8 2.6Z",
  cross: "M3.6 .4H6.4V3.6H9.6V6.4H6.4V9.6H3.6V6.4H.4V3.6H3.6Z",
  star: "M5 0L6.2 3.6H10L6.9 5.8L8.1 9.5L5 7.2L1.9 9.5L3.1 5.8L0 3.6H3.8Z",
};
const DASHES = ["solid", "longdash", "dot"];
const DASH_ARRAYS = { solid: null, dash: "5 3", longdash: "7 3", dot: "1.5 3" };

/** The look of the n-th of several things. */
function look(n) {
  const round = Math.floor(n / MARKERS.length);
  const place = n % MARKERS.length;
  const shape = MARKERS[(place + (round === 2 ? 3 : 0)) % MARKERS.length];
  return {
    color: (isDark() ? DARK : LIGHT)[place],
    shape,
    open: round % 2 === 1,
    symbol: shape + (round % 2 === 1 ? "-open" : ""),
    dash: DASHES[round % DASHES.length],
  };
}

/** The first and the second of a pair: start and end, training and validation. */
const ofPair = (n) => ({ ...look(n), dash: n ? "dash" : "solid" });

/** A swatch of a look, for a key or a row: a line with its marker, or the marker alone. */
function swatch(how, line = true) {
  const width = line ? 30 : 12;
  const picture = draw("svg", {
    class: "swatch",
    width,
    height: 12,
    viewBox: `0 0 ${width} 12`,
    "aria-hidden": "true",
  });
  if (line) {
    const dash = DASH_ARRAYS[how.dash ?? "solid"];
    picture.append(
      draw("path", {
        d: "M0 6H30",
        stroke: how.color,
        "stroke-width": 2,
        "stroke-dasharray": dash,
        fill: "none",
      }),
    );
  }
  picture.append(
    draw("path", {
      d: OUTLINES[how.shape],
      transform: `translate(${width / 2 - 5} 1)`,
      fill: how.open ? ink("paper") : how.color,
      stroke: how.color,
      "stroke-width": how.open ? 1.6 : 0.5,
    }),
  );
  return picture;
}
