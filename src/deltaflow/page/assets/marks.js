// What figures are made of: lines, bands, and the key that names them.

/** A line with its markers; the hover says where, in words that cannot be markup. */
function line(x, y, how, hover) {
  return {
    type: "scatter",
    mode: "lines+markers",
    x,
    y,
    hovertext: hover,
    hoverinfo: "text",
    connectgaps: false,
    line: { color: how.color, width: 1.8, dash: "solid" },
    marker: {
      color: how.color,
      symbol: how.symbol,
      size: 6.5,
      maxdisplayed: 12,
      line: { color: how.color, width: how.open ? 1.4 : 0 },
    },
  };
}

/** How much of a band shows: less where many lie on each other. */
const thinness = () => (isDark() ? 0.2 : 0.15) * Math.min(1, 6 / Math.max(1, drawn().length));

/** The areas between low and high, one for each stretch without a gap; none without an interval. */
function bands(x, low, high, color) {
  const stretches = [[]];
  x.forEach((at, n) => {
    if (low?.[n] == null || high?.[n] == null) stretches.push([]);
    else stretches.at(-1).push(n);
  });
  return stretches
    .filter((stretch) => stretch.length > 1)
    .map((stretch) => {
      const back = [...stretch].reverse();
      return {
        type: "scatter",
        mode: "lines",
        fill: "toself",
        hoverinfo: "skip",
        fillcolor: seeThrough(color, thinness()),
        line: { width: 0 },
        x: [...stretch, ...back].map((n) => x[n]),
        y: [...stretch.map((n) => high[n]), ...back.map((n) => low[n])],
      };
    });
}

/** A key's entry: a swatch and a name, leading to the run's details if it is one. */
function keyEntry(picture, name, run = null) {
  return make(
    "li",
    {},
    picture,
    run
      ? make("a", { href: `#run-${run.id}` }, `${run.place} ${short(name, 70)}`)
      : make("span", {}, short(name, 70)),
  );
}

const runKey = () => drawn().map((run, n) => keyEntry(swatch(look(n)), run.nickname, run));

/** Which runs a figure shows, and which it cannot. */
function drawnInWords(shown, lacking) {
  const more = ticked().length - drawn().length;
  return [
    `${count(shown, "run")} drawn, as ticked in the ranking`,
    lacking
      ? `; ${count(lacking, "other ticked run")} ${lacking === 1 ? "has" : "have"} nothing to draw here`
      : "",
    more > 0 ? `; ${more} more ticked, but at most ${MOST_DRAWN} are drawn at once` : "",
    ".",
  ].join("");
}
