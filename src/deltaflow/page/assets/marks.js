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
    line: { color: how.color, width: 1.8, dash: how.dash },
    marker: {
      color: how.color,
      symbol: how.symbol,
      size: 6.5,
      maxdisplayed: 12,
      line: { color: how.color, width: how.open ? 1.4 : 0 },
    },
  };
}

/** How far seeds are spread: a band, or a thin line for each of few. */
function spread(x, { low, high, seeds }, color) {
  if (!seeds?.length) return bands(x, low, high, color);
  const thin = { color: seeThrough(color, 0.6), width: 0.8 };
  return seeds.map((y) => ({ type: "scatter", mode: "lines", x, y, line: thin, hoverinfo: "skip" }));
}

/** All that is drawn of a band. */
const extent = ({ mean, low, high, seeds }) => [
  ...mean,
  ...(seeds?.length ? seeds.flat() : [...(low ?? []), ...(high ?? [])]),
];

/** A band, its numbers changed one by one. */
const changedBand = ({ mean, low, high, seeds }, change) => ({
  mean: change(mean),
  low: change(low),
  high: change(high),
  seeds: seeds?.map(change),
});

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
        fillcolor: seeThrough(color, isDark() ? 0.25 : 0.18),
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

const picture = (...shapes) =>
  draw("svg", { class: "swatch", width: 30, height: 12, viewBox: "0 0 30 12", "aria-hidden": "true" }, ...shapes);

/** A key's entry of a bare line. */
const strokeEntry = (name, color, width, dash = null) =>
  keyEntry(
    picture(
      draw("path", { d: "M0 6H30", stroke: color, "stroke-width": width, "stroke-dasharray": dash }),
    ),
    name,
  );

/** How seeds are spread, as far as these bands show it. */
function spreadKey(some) {
  const lines = some.some((band) => band?.seeds?.length);
  const areas = some.some((band) => !band?.seeds?.length && band?.low?.some((end) => end !== null));
  const area = picture(draw("path", { d: "M0 1H30V11H0Z", fill: seeThrough(ink("quiet"), 0.3) }));
  return [
    areas ? keyEntry(area, "95 % interval of the mean over seeds") : null,
    lines ? strokeEntry("each seed, as they are too few for an interval", ink("quiet"), 0.8) : null,
  ].filter(Boolean);
}

const runKey = () => drawn().map((run, n) => keyEntry(swatch(look(n)), run.nickname, run));

/** Which runs a figure shows, and which it cannot. */
function drawnInWords(shown, lacking) {
  if (isAlone) return "";
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
