// Learning curves: a quantity over the epochs, of training and of validation.

const PARTS = [
  ["train", "Training"],
  ["validation", "Validation"],
];

const learning = { quantity: null, part: "both", log: false };

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
  const { quantity } = learning;
  const all = drawn().map((run, n) => ({ run, how: look(n), curves: detail(run).curves ?? {} }));
  const parts = PARTS.filter(([part]) => learning.part === "both" || learning.part === part);
  const shown = all.filter(({ curves }) => parts.some(([part]) => curves[part]?.[quantity]));
  const range = curveRange(shown, parts);
  const panels = parts.map(([part, title]) =>
    curvePanel(
      part,
      title,
      shown.filter(({ curves }) => curves[part]?.[quantity]),
      range,
    ),
  );
  return {
    panels: panels.filter((panel) => panel.traces.length),
    key: runKey(),
    said: drawnInWords(shown.length, all.length - shown.length),
    empty: all.length
      ? "None of the ticked runs has such a curve."
      : "No run is ticked in the ranking.",
    numbers: shown.length ? () => curveNumbers(shown, parts) : null,
  };
}

/** One scale for both parts, or a gap between them could not be seen. */
function curveRange(shown, parts) {
  let low = Infinity,
    high = -Infinity;
  for (const { curves } of shown) {
    for (const [part] of parts) {
      const band = curves[part]?.[learning.quantity];
      for (const value of [...(band?.mean ?? []), ...(band?.low ?? []), ...(band?.high ?? [])]) {
        if (value == null || (learning.log && value <= 0)) continue;
        const at = learning.log ? Math.log10(value) : value;
        [low, high] = [Math.min(low, at), Math.max(high, at)];
      }
    }
  }
  const room = 0.04 * (high - low) || 0.5;
  return Number.isFinite(low) ? [low - room, high + room] : undefined;
}

function curvePanel(part, title, some, range) {
  const { quantity, log } = learning;
  const traces = some.flatMap(({ run, how, curves }) => {
    const { epochs } = curves[part];
    const { mean, low, high } = curves[part][quantity];
    const [means, lows, highs] = log ? [mean, low, high].map(positive) : [mean, low, high];
    const hover = means.map(
      (value, n) =>
        `${plain(run.nickname)}<br>epoch ${epochs[n]}: ${plain(quantity)} ${plain(alone(value))}`,
    );
    const curve = line(epochs, means, how, hover);
    curve.line.dash = how.dash;
    return [...bands(epochs, lows, highs, how.color), curve];
  });
  const last = some.reduce((most, { curves }) => Math.max(most, ...curves[part].epochs), 1);
  const layout = {
    xaxis: {
      title: { text: "epoch" },
      rangemode: "tozero",
      tick0: 0,
      dtick: Math.max(1, roundStep(last / 8)), // an epoch is whole
    },
    yaxis: {
      title: { text: plain(quantity) },
      type: log ? "log" : "linear",
      range,
      dtick: log && range && range[1] - range[0] > 1 ? 1 : undefined,
    },
  };
  const about = `${title}: ${quantity} by epoch for ${count(some.length, "run")}`;
  return { title: `${title} ${quantity}`, traces, layout, height: 340, about };
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
