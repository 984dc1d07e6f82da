// The columns of the ranking: what sorts a run there, and what its cell shows.

const FEW_SEEDS = 3; // in common; with fewer, hardly any difference can be told from chance

/** Numbers that are shown when all are asked for. */
const EXTRA = /^number:(\w+_end|theory_error|wall_seconds)$/;

const STATES = ["completed", "diverged", "failed"];

/** The columns in order. */
function rankingColumns() {
  const swept = axes.map((axis) => ({
    key: `axis:${axis.name}`,
    title: axis.name,
    kind: axis.values.every((value) => typeof value === "number") ? "number" : "text",
    value: (run) => run.axes[axis.name] ?? null,
    cell: (run) => (axis.name in run.axes ? short(words(run.axes[axis.name]), 80) : NO_VALUE),
  }));
  const label = {
    key: "label",
    title: "run",
    kind: "text",
    value: (run) => run.label,
    cell: (run) => short(run.label || run.name, 120),
  };
  const [first, ...others] = content.numbers.map(numberColumn);
  return [
    { key: "place", title: "#", kind: "number", value: (run) => run.place, cell: placeCell },
    ...(swept.length ? swept : [label]),
    ...(first ? [{ ...first, chief: true }] : []),
    ...(runs.some((run) => run.against) ? [differenceColumn(), probabilityColumn()] : []),
    {
      key: "status",
      title: "status",
      kind: "text",
      extra: runs.every((run) => run.status === "completed" && !run.n_diverged && !run.reason),
      value: (run) => run.status,
      cell: statusCell,
    },
    {
      key: "kinds",
      title: "verdicts",
      kind: "text",
      value: (run) => run.kinds.join(", "),
      cell: verdictCell,
    },
    {
      key: "seeds",
      title: `${runs[0]?.each ?? "seed"}s`,
      extra: new Set(runs.map((run) => run.n_seeds)).size === 1,
      kind: "number",
      value: (run) => run.n_seeds,
      cell: (run) => String(run.n_seeds),
    },
    ...others.map((column) => ({ ...column, extra: EXTRA.test(column.key) })),
  ].filter((column) => view.allColumns || !column.extra);
}

function numberColumn(column) {
  const all = runs.map((run) => number(run, column.name));
  const halves = all.map(half);
  const format = numberFormat(
    all.map((one) => one.mean),
    halves,
  );
  const uneven = all.some(isUneven);
  const texts = all.map((one) => intervalText(one, format, uneven));
  const longest = Math.max(0, ...texts.map((text) => text.length));
  return {
    key: `number:${column.name}`,
    title: heading(column),
    kind: "number",
    value: (run) => number(run, column.name).mean,
    cell: (run) => {
      const n = run.place - 1;
      return [
        format(all[n].mean, halves[n]),
        longest ? halfOf(texts[n].padStart(longest, FIGURE_SPACE)) : null,
        column.over_seeds ? someSeeds(run, column.name, all[n]) : null,
        all[n].alike ? below(`all ${run.each}s alike`) : null,
      ];
    },
  };
}

/** Of how many seeds a number is, or why of none, if some of its run's have none. */
function someSeeds(run, name, { mean, n }) {
  const [, moment] = /^(?:vanishing_index|decay_rate)_(start|end)$/.exec(name) ?? [];
  const zero = run.n_zero?.[moment] ?? 0;
  const going = run.n_seeds - (moment === "end" ? run.n_diverged : 0);
  if (zero) return below(`δ is 0 in ${zero} of ${count(going, run.each)}`);
  return mean !== null && n < run.n_seeds
    ? below(`${n} of ${count(run.n_seeds, run.each)}`)
    : null;
}

/** A mean with its interval. */
const meanCell = (value, format) => [
  format(value.mean, half(value)),
  halfOf(intervalText(value, format, isUneven(value))),
];

const below = (text) => make("span", { class: "below" }, text);

const halfOf = (text) => make("span", { class: "half" }, ` ${text}`);

function differenceColumn() {
  const all = runs.map((run) => run.against?.difference ?? null);
  const halves = runs.map((run) => half(run.against));
  const format = signedFormat(all, halves);
  const plainly = numberFormat(all, halves);
  return {
    key: "difference",
    title: "difference to the baseline",
    kind: "number",
    value: (run) => (run.id === content.baseline ? 0 : (run.against?.difference ?? null)),
    cell: (run) => {
      if (run.id === content.baseline) return make("span", { class: "mark" }, "baseline");
      if (!run.against) return NO_VALUE;
      const width = half(run.against);
      return [
        format(run.against.difference, width),
        width === null ? null : halfOf(`± ${plainly(width)}`),
      ];
    },
  };
}

const probabilityColumn = () => ({
  key: "p",
  title: "p (Holm)",
  kind: "number",
  value: (run) => run.against?.p_holm ?? null,
  cell: (run) => [probability(run.against?.p_holm), fewInCommon(run)],
});

/** What a test of very few seeds says is next to nothing; where all have one, there is none. */
function fewInCommon({ against, each }) {
  if (!against || against.n >= FEW_SEEDS) return null;
  if (runs.every((run) => (run.against?.n ?? 1) === 1)) return null;
  return below(`only ${count(against.n, each)} in common`);
}

function placeCell(run) {
  const link = { href: `#run-${run.id}`, "aria-label": `${run.place}, details of ${run.nickname}` };
  return make("a", link, String(run.place));
}

function statusCell(run) {
  const part = run.n_diverged && run.status !== "diverged";
  const reason = part
    ? [`${run.n_diverged} of ${count(run.n_seeds, run.each)} diverged`, run.reason]
        .filter(Boolean)
        .join("; ")
    : run.reason;
  const state = make(
    "span",
    { class: `state ${STATES.includes(run.status) ? run.status : "other"}` },
    run.status,
  );
  return [
    state,
    reason ? make("span", { class: "reason", title: reason }, short(reason, 120)) : null,
  ];
}

function verdictCell(run) {
  if (!run.kinds.length) return NO_VALUE;
  const title = run.verdicts.map((verdict) => verdict.words).join("\n");
  return make(
    "span",
    { class: run.kinds.every((kind) => kind === "healthy") ? "quiet" : "", title },
    short(run.kinds.map(kindInWords).join(", "), 80),
  );
}
