// Learning curves: a quantity over the epochs, of training and of validation.

const PARTS = [
  ["train", "Training"],
  ["validation", "Validation"],
];

const learning = { by: "run", quantity: null, part: "both", log: false };

function setUpCurves() {
  const chart = new Chart("curves", buildCurves);
  const form = document.querySelector("#curves form");
  const names = curveNames();
  learning.quantity = names.includes(metric.name) ? metric.name : (names[0] ?? null);
  if (!names.length) return;
  const choose = (name, value) => {
    learning[name] = value;
    chart.outdate();
  };
  form.append(
    select(
      "panels",
      [
        ["run", "one for each run"],
        ["part", "one for each part, means alone"],
      ],
      learning.by,
      (value) => choose("by", value),
    ),
    select(
      "quantity",
      names.map((name) => [name, name]),
      learning.quantity,
      (value) => choose("quantity", value),
    ),
    select(
      "part of the data",
      [
        ["both", "training and validation"],
        ...PARTS.map(([part, title]) => [part, title.toLowerCase()]),
      ],
      "both",
      (value) => choose("part", value),
    ),
    select(
      "scale",
      [
        ["", "linear"],
        ["log", "logarithmic"],
      ],
      "",
      (value) => choose("log", Boolean(value)),
    ),
  );
  form.addEventListener("submit", (event) => event.preventDefault());
}

/** The quantities that curves were kept of: all runs of a sweep share a loss and its metrics. */
function curveNames() {
  const names = new Set();
  for (const run of runs) {
    const { curves } = detail(run);
    for (const [part] of PARTS)
      Object.keys(curves?.[part] ?? {}).forEach((name) => names.add(name));
    if (names.size > 1) break;
  }
  names.delete("epochs");
  return [...names];
}

function buildCurves() {
  const names = isAlone ? curveNames() : [learning.quantity];
  const all = drawn().map((run, n) => ({ run, how: look(n), curves: detail(run).curves ?? {} }));
  const parts = PARTS.filter(([part]) => learning.part === "both" || learning.part === part);
  const shown = all.filter(({ curves }) => parts.some(([part]) => curves[part]?.[names[0]]));
  const byRun = learning.by === "run";
  const panels = names.flatMap((name) => {
    const range = curveRange(shown, parts, name);
    return byRun
      ? shown.map((one) => runCurves(one, parts, name, range))
      : parts.map((part) => partCurves(part, shown, name, range));
  });
  const bands = shown.flatMap(({ curves }) => parts.map(([part]) => curves[part]?.[names[0]]));
  const partKey = parts.map(([part, title]) => keyEntry(swatch(partLook(part)), title.toLowerCase()));
  return {
    panels: panels.filter((panel) => panel.traces.length),
    small: byRun && !isAlone,
    key: byRun ? [...partKey, ...spreadKey(bands)] : runKey(),
    said: drawnInWords(shown.length, all.length - shown.length),
    empty: all.length
      ? "None of the ticked runs has such a curve."
      : "No run is ticked in the ranking.",
    numbers: shown.length ? () => curveNumbers(shown, parts) : null,
  };
}

/** One scale for both parts, or a gap between them could not be seen. */
function curveRange(shown, parts, quantity) {
  let low = Infinity,
    high = -Infinity;
  for (const { curves } of shown) {
    for (const [part] of parts) {
      const band = curves[part]?.[quantity];
      for (const value of band ? extent(band) : []) {
        if (value == null || (learning.log && value <= 0)) continue;
        const at = learning.log ? Math.log10(value) : value;
        [low, high] = [Math.min(low, at), Math.max(high, at)];
      }
    }
  }
  const room = 0.04 * (high - low) || 0.5;
  return Number.isFinite(low) ? [low - room, high + room] : undefined;
}

const partLook = (part) => ofPair(part === "train" ? 0 : 1);

/** A run's mean, and what lies about it where the run has the panel for itself. */
function curveTraces(run, curve, quantity, how, isLoneRun) {
  const band = learning.log ? changedBand(curve[quantity], positive) : curve[quantity];
  const hover = band.mean.map(
    (value, n) =>
      `${plain(run.nickname)}<br>epoch ${curve.epochs[n]}: ${plain(quantity)} ${plain(alone(value))}`,
  );
  const mean = line(curve.epochs, band.mean, how, hover);
  return [...(isLoneRun ? spread(curve.epochs, band, how.color) : []), mean];
}

function runCurves({ run, curves }, parts, quantity, range) {
  const some = parts.filter(([part]) => curves[part]?.[quantity]);
  const traces = some.flatMap(([part]) =>
    curveTraces(run, curves[part], quantity, partLook(part), true),
  );
  const title = isAlone ? capital(quantity) : runTitle(run);
  return curvePanel(title, traces, quantity, range, isAlone ? 300 : 210);
}

function partCurves([part, title], shown, quantity, range) {
  const some = shown.filter(({ curves }) => curves[part]?.[quantity]);
  const traces = some.flatMap(({ run, how, curves }) =>
    curveTraces(run, curves[part], quantity, how, false),
  );
  return curvePanel(`${title} ${quantity}`, traces, quantity, range, 340);
}

function curvePanel(title, traces, quantity, range, height) {
  const { log } = learning;
  const last = traces.reduce((most, { x }) => Math.max(most, ...x), 1);
  const layout = {
    xaxis: {
      title: { text: "epoch" },
      rangemode: "tozero",
      tick0: 0,
      dtick: Math.max(1, roundStep(last / (height < 300 ? 5 : 8))), // an epoch is whole
    },
    yaxis: {
      title: { text: plain(quantity) },
      type: log ? "log" : "linear",
      range,
      dtick: log && range && range[1] - range[0] > 1 ? 1 : undefined,
    },
  };
  return { title, traces, layout, height, about: `${title}: ${quantity} by epoch` };
}

function curveNumbers(shown, parts) {
  const columns = ["run", "part", "epoch", learning.quantity, "low", "high"];
  const rows = shown.flatMap(({ run, curves }) =>
    parts.flatMap(([part]) => {
      const band = curves[part]?.[learning.quantity];
      return (band ? curves[part].epochs : []).map((epoch, n) => [
        `${run.place} ${run.nickname}`,
        part,
        epoch,
        band.mean[n],
        band.low?.[n] ?? null,
        band.high?.[n] ?? null,
      ]);
    }),
  );
  return { columns, rows };
}
