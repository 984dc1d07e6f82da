// What all runs say together: measured against predicted decay, and the effect of each axis.

const MOST_BARS = 200, MOST_KINDS = 8, LONGEST_TICK = 22;

const grouping = { axis: null };

function setUpDecay() {
  const chart = new Chart("decay", buildDecay);
  const few = axes.filter((axis) => axis.values.length <= MOST_KINDS);
  grouping.axis = few[0] ?? null;
  if (!few.length) return;
  const options = [["", "nothing"], ...few.map((axis, n) => [String(n), axis.name])];
  const form = document.querySelector("#decay form");
  form.append(select("colour and marker by", options, "0", (chosen) => { grouping.axis = few[chosen] ?? null; chart.outdate(); }));
  form.addEventListener("submit", (event) => event.preventDefault());
}

function decayPoints() {
  const points = listed().map((run) => ({ run, x: number(run, "predicted_decay_rate").mean, measured: number(run, "decay_rate_start") }));
  return points.filter(({ x, measured }) => x !== null && measured.mean !== null);
}

function buildDecay() {
  const points = decayPoints(), { axis } = grouping;
  const groups = axis ? axis.values.map((value, n) => ({ value, how: look(n), some: points.filter(({ run }) => keyOf(run.axes[axis.name]) === keyOf(value)) })) : [{ how: look(0), some: points }];
  const met = groups.filter(({ some }) => some.length);
  const lacking = listed().length - points.length;
  return {
    panels: points.length ? [decayPanel(points, met)] : [],
    key: axis ? met.map(({ value, how }) => keyEntry(swatch(how, false), words(value))) : [],
    said: lacking ? `${count(lacking, "listed run")} ${lacking === 1 ? "has" : "have"} no decay rate to compare.` : "",
    empty: "None of the listed runs has both a measured and a predicted decay rate: it takes two hidden layers.",
    numbers: points.length ? () => decayNumbers(points) : null,
  };
}

function decayPanel(points, groups) {
  const all = points.flatMap(({ x, measured }) => [x, measured.mean, measured.low ?? measured.mean, measured.high ?? measured.mean]);
  let [low, high] = [Math.min(...all), Math.max(...all)];
  const room = Math.max(0.05 * (high - low), 0.05 - (high - low) / 2, 0.01);
  [low, high] = [low - room, high + room];
  const dtick = roundStep((high - low) / 8);
  const diagonal = {
    type: "scatter", mode: "lines", x: [low, high], y: [low, high], hoverinfo: "skip", line: { color: ink("quiet"), width: 1.2, dash: "dash" },
  };
  const traces = groups.map(({ how, some }) => decayTrace(how, some, points.length <= MOST_BARS));
  const layout = {
    margin: { l: 62, r: 14, t: 10, b: 50 },
    xaxis: { title: { text: "predicted decay rate" }, range: [low, high], dtick, constrain: "domain" },
    yaxis: { title: { text: "measured decay rate" }, range: [low, high], dtick, scaleanchor: "x", scaleratio: 1, constrain: "domain" },
  };
  const about = `Measured against predicted decay rate of ${count(points.length, "run")}; the numbers are in the table below.`;
  return { traces: [diagonal, ...traces], layout, height: (width) => Math.min(width, 480), about };
}

/** 1, 2 or 5 times a power of ten, not below a size. */
function roundStep(size) {
  const power = 10 ** Math.floor(Math.log10(size));
  return power * [1, 2, 5, 10].find((digit) => digit * power >= size * (1 - 1e-9));
}

function decayTrace(how, some, bars) {
  const trace = {
    type: "scatter", mode: "markers", x: some.map(({ x }) => x), y: some.map(({ measured }) => measured.mean), hoverinfo: "text",
    hovertext: some.map(({ run, x, measured }) => `${run.place} ${plain(run.nickname)}<br>measured ${plain(alone(measured.mean))}, predicted ${plain(alone(x))}`),
    marker: { color: seeThrough(how.color, 0.85), symbol: how.symbol, size: 8, line: { color: ink("paper"), width: 0.6 } },
  };
  if (bars && some.some(({ measured }) => half(measured) !== null)) {
    trace.error_y = { type: "data", array: some.map(({ measured }) => half(measured) ?? 0), color: seeThrough(how.color, 0.5), thickness: 1, width: 0 };
  }
  return trace;
}

function decayNumbers(points) {
  const rows = points.map(({ run, x, measured }) => [`${run.place} ${run.nickname}`, x, measured.mean, measured.low, measured.high]);
  return { columns: ["run", "predicted", "measured", "low", "high"], rows };
}

function setUpEffects() {
  new Chart("effects", buildEffects);
}

function buildEffects() {
  const names = [...new Set(digest.effects.map((effect) => effect.axis))];
  const all = digest.effects.flatMap(({ mean, low, high }) => [mean, low, high]).filter((value) => value !== null);
  const margin = 0.04 * (Math.max(...all) - Math.min(...all)) || 0.05;
  const range = [Math.min(...all) - margin, Math.max(...all) + margin];
  const longest = Math.max(...digest.effects.map(({ value }) => Math.min(words(value).length, LONGEST_TICK)));
  const room = 22 + 6.8 * longest; // the same for all panels, so that they line up
  return {
    panels: names.map((name) => effectPanel(name, digest.effects.filter((effect) => effect.axis === name), range, room)),
    said: `Mean of ${heading(metric)} over all runs with that value, averaged over the other axes; bar: 95 % interval. One scale for all panels, whatever the filters.`,
    empty: "No effect can be given: no axis has more than one value, or no run has a result.",
    numbers: digest.effects.length ? () => ({
      columns: ["axis", "value", "mean", "low", "high", "n"],
      rows: digest.effects.map(({ axis, value, mean, low, high, n }) => [axis, words(value), mean, low, high, n]),
    }) : null,
  };
}

function effectPanel(name, effects, range, room) {
  const how = look(0), places = effects.map((effect, n) => n);
  const trace = {
    type: "scatter", mode: "markers", x: effects.map((effect) => effect.mean), y: places, hoverinfo: "text",
    hovertext: effects.map(({ value, mean, low, high, n }) => `${plain(name)} ${plain(words(value))}<br>${plain(alone(mean))}${low === null ? "" : ` (${plain(alone(low))} to ${plain(alone(high))})`}, n = ${n}`),
    marker: { color: how.color, symbol: "circle", size: 8 },
    error_x: { type: "data", array: effects.map((effect) => half(effect) ?? 0), color: how.color, thickness: 1.6, width: 4 },
  };
  const layout = {
    margin: { l: room, r: 14, t: 4, b: 44 },
    xaxis: { title: { text: plain(heading(metric)) }, range },
    yaxis: {
      tickvals: places, ticktext: effects.map((effect) => plain(words(effect.value), LONGEST_TICK)), range: [effects.length - 0.4, -0.6], automargin: false,
      tickfont: { size: effects.length > 40 ? 8 : 12, color: ink("ink") },
    },
  };
  const height = 64 + Math.max(2, effects.length) * (effects.length > 40 ? 11 : 26);
  const about = `Mean of ${metric.title} for each value of ${name}; the numbers are in the table below.`;
  return { title: short(name, 70), traces: [trace], layout, height, about };
}
