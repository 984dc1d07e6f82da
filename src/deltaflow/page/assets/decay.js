// Measured against predicted decay: a point for each listed run, and the diagonal.

const MOST_BARS = 200; // beyond, intervals would hide the points
const MOST_KINDS = 8; // values of an axis that can be told apart

const grouping = { axis: null };

function setUpDecay() {
  const chart = new Chart("decay", buildDecay);
  const few = axes.filter((axis) => axis.values.length <= MOST_KINDS);
  grouping.axis = few[0] ?? null;
  if (!few.length) return;
  const options = [["", "nothing"], ...few.map((axis, n) => [String(n), axis.name])];
  const form = document.querySelector("#decay form");
  form.append(
    select("colour and marker by", options, "0", (chosen) => {
      grouping.axis = few[chosen] ?? null;
      chart.outdate();
    }),
  );
  form.addEventListener("submit", (event) => event.preventDefault());
}

function decayPoints() {
  const points = listed().map((run) => ({
    run,
    x: number(run, "predicted_decay_rate").mean,
    measured: number(run, "decay_rate_start"),
  }));
  return points.filter(({ x, measured }) => x !== null && measured.mean !== null);
}

function buildDecay() {
  const points = decayPoints();
  const { axis } = grouping;
  const groups = axis
    ? axis.values.map((value, n) => ({
        value,
        how: look(n),
        some: points.filter(({ run }) => keyOf(run.axes[axis.name]) === keyOf(value)),
      }))
    : [{ how: look(0), some: points }];
  const met = groups.filter(({ some }) => some.length);
  const lacking = listed().length - points.length;
  return {
    panels: points.length ? [decayPanel(points, met)] : [],
    key: axis ? met.map(({ value, how }) => keyEntry(swatch(how, false), words(value))) : [],
    said: lacking
      ? `${count(lacking, "listed run")} ${lacking === 1 ? "has" : "have"} no decay rate to compare.`
      : "",
    empty:
      "None of the listed runs has both a measured and a predicted decay rate: it takes two hidden layers.",
    numbers: points.length ? () => decayNumbers(points) : null,
  };
}

function decayPanel(points, groups) {
  const all = points.flatMap(({ x, measured }) => [
    x,
    measured.mean,
    measured.low ?? measured.mean,
    measured.high ?? measured.mean,
  ]);
  let [low, high] = [Math.min(...all), Math.max(...all)];
  const room = Math.max(0.05 * (high - low), 0.05 - (high - low) / 2, 0.01);
  [low, high] = [low - room, high + room];
  const dtick = roundStep((high - low) / 8);
  const diagonal = {
    type: "scatter",
    mode: "lines",
    x: [low, high],
    y: [low, high],
    hoverinfo: "skip",
    line: { color: ink("quiet"), width: 1.2, dash: "dash" },
  };
  const traces = groups.map(({ how, some }) => decayTrace(how, some, points.length <= MOST_BARS));
  const layout = {
    margin: { l: 62, r: 14, t: 10, b: 50 },
    xaxis: {
      title: { text: "predicted decay rate" },
      range: [low, high],
      dtick,
      constrain: "domain",
    },
    yaxis: {
      title: { text: "measured decay rate" },
      range: [low, high],
      dtick,
      scaleanchor: "x",
      scaleratio: 1,
      constrain: "domain",
    },
  };
  const about = `Measured against predicted decay rate of ${count(points.length, "run")}`;
  return { traces: [diagonal, ...traces], layout, height: (width) => Math.min(width, 480), about };
}

/** 1, 2 or 5 times a power of ten, not below a size. */
function roundStep(size) {
  const power = 10 ** Math.floor(Math.log10(size));
  return power * [1, 2, 5, 10].find((digit) => digit * power >= size * (1 - 1e-9));
}

function decayTrace(how, some, bars) {
  const trace = {
    type: "scatter",
    mode: "markers",
    x: some.map(({ x }) => x),
    y: some.map(({ measured }) => measured.mean),
    hoverinfo: "text",
    hovertext: some.map(
      ({ run, x, measured }) =>
        `${run.place} ${plain(run.nickname)}<br>measured ${plain(alone(measured.mean))}, predicted ${plain(alone(x))}`,
    ),
    marker: {
      color: seeThrough(how.color, 0.85),
      symbol: how.symbol,
      size: 8,
      line: { color: ink("paper"), width: 0.6 },
    },
  };
  if (bars && some.some(({ measured }) => half(measured) !== null)) {
    const style = { color: seeThrough(how.color, 0.5), thickness: 1, width: 0 };
    trace.error_y = errorBars(
      some.map(({ measured }) => measured),
      style,
    );
  }
  return trace;
}

function decayNumbers(points) {
  const rows = points.map(({ run, x, measured }) => [
    `${run.place} ${run.nickname}`,
    x,
    measured.mean,
    measured.low,
    measured.high,
  ]);
  return { columns: ["run", "predicted", "measured", "low", "high"], rows };
}
