// Depth profiles of δ: all panels on one logarithmic scale.

const MOMENTS = [
  ["start", "At the start of training"],
  ["end", "At the end of training"],
];

const arrangement = { by: axes.length === 1 ? "moment" : "run" };

function setUpProfiles() {
  const chart = new Chart("profiles", buildProfiles);
  const options = [
    ["run", "one for each run"],
    ["moment", "start and end, means alone"],
  ];
  const form = document.querySelector("#profiles form");
  form.append(
    select("panels", options, arrangement.by, (by) => {
      arrangement.by = by;
      chart.outdate();
    }),
  );
  form.addEventListener("submit", (event) => event.preventDefault());
}

function buildProfiles() {
  const all = drawn().map((run, n) => ({ run, how: look(n), profile: detail(run).profile }));
  const shown = all.filter(({ profile }) => profile && (profile.start || profile.end));
  const scale = sharedScale(shown.map(({ profile }) => profile));
  const byRun = arrangement.by === "run";
  return {
    panels: byRun
      ? shown.map((one) => runPanel(one, scale))
      : MOMENTS.map(([moment, title]) => momentPanel(moment, title, shown, scale)).filter(Boolean),
    small: byRun && !isAlone,
    key: byRun
      ? [...momentKey(), ...spreadKey(shown.flatMap(({ profile }) => [profile.start, profile.end]))]
      : [...runKey(), theoryEntry()],
    said: drawnInWords(shown.length, all.length - shown.length),
    empty: all.length
      ? "None of the ticked runs has a profile: it takes a hidden layer and a measured step."
      : "No run is ticked in the ranking.",
    numbers: shown.length ? () => profileNumbers(shown) : null,
  };
}

/** The exponents that every panel spans: a decade at least, or small wiggles look like flow. */
function sharedScale(profiles) {
  const series = profiles.flatMap(({ theory, start, end }) => [
    theory,
    ...[start, end].flatMap((one) => (one ? [extent(one)] : [])),
  ]);
  const logs = series
    .flatMap((values) => values ?? [])
    .filter((value) => value > 0)
    .map(Math.log10);
  const low = logs.reduce((a, b) => Math.min(a, b), Infinity);
  const high = logs.reduce((a, b) => Math.max(a, b), -Infinity);
  if (!logs.length) return [-1, 0];
  const room = Math.max(0.04 * (high - low), (1 - (high - low)) / 2, 0.02);
  return [low - room, high + room];
}

/** Nothing below zero can stand on a logarithmic scale. */
const positive = (values) => values?.map((value) => (value > 0 ? value : null)) ?? null;

function momentLine(profile, moment, how, name) {
  const means = positive(profile[moment].mean);
  const hover = means.map(
    (mean, n) => `${plain(name)}<br>layer ${profile.layers[n]}: δ norm ${plain(alone(mean))}`,
  );
  return line(profile.layers, means, how, hover);
}

function theoryTrace(profile, color, name) {
  if (!profile.theory) return [];
  const values = positive(profile.theory);
  const hover = values.map(
    (value, n) =>
      `theory, ${plain(name)}<br>layer ${profile.layers[n]}: δ norm ${plain(alone(value))}`,
  );
  return [
    {
      type: "scatter",
      mode: "lines",
      x: profile.layers,
      y: values,
      hovertext: hover,
      hoverinfo: "text",
      line: { color, width: 1.6, dash: "dot" },
    },
  ];
}

function momentPanel(moment, title, shown, scale) {
  const some = shown.filter(({ profile }) => profile[moment]);
  if (!some.length) return null;
  const traces = some.flatMap(({ run, how, profile }) => [
    ...(moment === "start" ? theoryTrace(profile, how.color, run.nickname) : []),
    momentLine(profile, moment, how, run.nickname),
  ]);
  const depth = Math.max(...some.map(({ profile }) => profile.layers.length));
  const about = `${title}: δ norm by layer for ${count(some.length, "run")}`;
  return { title, traces, layout: profileLayout(scale, depth), height: 380, about };
}

function runPanel({ run, profile }, scale) {
  const traces = MOMENTS.filter(([moment]) => profile[moment]).flatMap(([moment], n) => [
    ...spread(profile.layers, changedBand(profile[moment], positive), ofPair(n).color),
    momentLine(profile, moment, ofPair(n), `${moment}, ${run.nickname}`),
  ]);
  const about = `δ norm by layer of run ${run.place}, ${run.nickname}`;
  return {
    title: isAlone ? "" : runTitle(run),
    traces: [...theoryTrace(profile, ink("ink"), run.nickname), ...traces],
    layout: profileLayout(scale, profile.layers.length),
    height: isAlone ? 340 : 230,
    about,
  };
}

function profileLayout([low, high], depth) {
  const decades = high - low;
  return {
    xaxis: {
      title: { text: "layer" },
      range: [0.6, depth + 0.4],
      dtick: [1, 2, 5, 10, 20, 50].find((step) => depth / step <= 10) ?? 100,
      tick0: 0,
    },
    yaxis: {
      title: { text: "δ norm" },
      type: "log",
      range: [low, high],
      dtick: decades < 2.2 ? "D2" : ([1, 2, 5, 10, 20].find((step) => decades / step <= 8) ?? 50),
    },
  };
}

const momentKey = () => [
  keyEntry(swatch(ofPair(0)), "start"),
  keyEntry(swatch(ofPair(1)), "end"),
  theoryEntry(),
];

const theoryEntry = () => strokeEntry("theory, at the start", ink("ink"), 1.8, "2 3");

function profileNumbers(shown) {
  const columns = [
    "run",
    "layer",
    "theory",
    "start",
    "start, low",
    "start, high",
    "end",
    "end, low",
    "end, high",
  ];
  const rows = shown.flatMap(({ run, profile }) =>
    profile.layers.map((layer, n) => [
      `${run.place} ${run.nickname}`,
      layer,
      profile.theory?.[n] ?? null,
      ...["start", "end"].flatMap((moment) =>
        ["mean", "low", "high"].map((part) => profile[moment]?.[part]?.[n] ?? null),
      ),
    ]),
  );
  return { columns, rows };
}
