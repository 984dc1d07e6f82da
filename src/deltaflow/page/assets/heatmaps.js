// Layer × step: a panel a run, one colour scale for all.

function setUpHeatmaps() {
  new Chart("heatmaps", buildHeatmaps);
}

function buildHeatmaps() {
  const all = drawn().map((run) => ({ run, heatmap: detail(run).heatmap }));
  const shown = all.filter(({ heatmap }) =>
    heatmap?.values.some((row) => row.some((value) => value !== null)),
  );
  const values = shown
    .flatMap(({ heatmap }) => heatmap.values.flat())
    .filter((value) => value !== null);
  const low = values.reduce((a, b) => Math.min(a, b), Infinity);
  const high = values.reduce((a, b) => Math.max(a, b), -Infinity);
  const legend = shown.length ? scaleLegend(SEQUENTIAL, low, high, "log₁₀ of the δ norm") : [];
  document.querySelector("#heatmaps .scale").replaceChildren(...legend);
  return {
    panels: shown.map(({ run, heatmap }) => heatPanel(run, heatmap, low, high)),
    small: !isAlone,
    said: drawnInWords(shown.length, all.length - shown.length),
    empty: all.length
      ? "None of the ticked runs was measured layer by layer."
      : "No run is ticked in the ranking.",
    numbers: shown.length ? () => heatNumbers(shown) : null,
  };
}

function heatPanel(run, { layers, steps, values }, low, high) {
  const hover = values.map((row, l) =>
    row.map(
      (value, s) =>
        `${plain(run.nickname)}<br>layer ${layers[l]}, step ${steps[s]}: ${value === null ? "0 or not finite" : plain(alone(value))}`,
    ),
  );
  const trace = {
    type: "heatmap",
    x: steps.length > 1 ? steps : steps.map(String),
    y: layers,
    z: values,
    hovertext: hover,
    hoverinfo: "text",
    colorscale: SEQUENTIAL.map((color, n) => [n / (SEQUENTIAL.length - 1), color]),
    zmin: low,
    zmax: high > low ? high : low + 1e-6,
    showscale: false,
  };
  const layout = {
    margin: { l: 34, r: 8, t: 4, b: 36 },
    plot_bgcolor: ink("hole"),
    xaxis: { title: { text: "step", standoff: 4 }, showgrid: false, nticks: 5 },
    yaxis: {
      title: { text: "layer", standoff: 4 },
      showgrid: false,
      dtick: [1, 2, 5, 10, 20, 50].find((step) => layers.length / step <= 7) ?? 100,
      tick0: layers.length > 7 ? 0 : 1,
    },
  };
  const about = `δ norm by layer and step of run ${run.place}, ${run.nickname}`;
  return {
    title: isAlone ? "" : runTitle(run),
    traces: [trace],
    layout,
    height: isAlone ? 340 : 210,
    about,
  };
}

/** The first, a middle and the last measured step of each layer. */
function heatNumbers(shown) {
  const columns = [
    "run",
    "layer",
    "first step",
    "log₁₀ δ norm",
    "middle step",
    "log₁₀ δ norm",
    "last step",
    "log₁₀ δ norm",
  ];
  const rows = shown.flatMap(({ run, heatmap: { layers, steps, values } }) =>
    layers.map((layer, l) => {
      const last = steps.length - 1;
      return [
        `${run.place} ${run.nickname}`,
        layer,
        ...[0, Math.floor(last / 2), last].flatMap((s) => [steps[s], values[l][s]]),
      ];
    }),
  );
  return { columns, rows };
}
