// What is looked at: the runs of the content, those that are listed, and those that are drawn.

const MOST_DRAWN = 24;
const FEW = 6;

const content = JSON.parse(byId("content").textContent);
const runs = content.runs;
const axes = content.axes;
const metric = content.numbers[0] ?? { name: "", title: "metric", unit: "" };
const noNumber = { mean: null, low: null, high: null, n: 0 };
const better = content.metric?.higher_is_better === false ? "lower" : "higher";

/** Whether there is one run, and nothing to compare it with. */
const isAlone = content.kind === "run";

/** A number of a run; without a value if it has none. */
const number = (run, name) => run.numbers[name] ?? noNumber;

/** The value of an axis as a key that tells 1 from "1". */
const keyOf = (value) => JSON.stringify(value ?? null);

/** What a run is called where space is short: the values of its axes. */
function nickname(run) {
  const parts = axes
    .filter((axis) => axis.name in run.axes)
    .map((axis) => {
      const value = run.axes[axis.name];
      const name = axis.name.split(".").at(-1);
      return typeof value === "string" ? short(value, 40) : `${short(name, 24)} ${words(value)}`;
    });
  return parts.join(", ") || run.label || run.name;
}

/** A run as a panel's title. */
const runTitle = (run) => `${run.place} ${short(run.nickname, 70)}`;

/** The large part of a run, parsed when somebody asks for it. */
const parsed = new Map();
function detail(run) {
  if (!parsed.has(run.id)) {
    const block = byId(`detail-${run.id}`);
    parsed.set(run.id, block ? JSON.parse(block.textContent) : {});
  }
  return parsed.get(run.id);
}

runs.forEach((run, index) => {
  run.place = index + 1;
  run.nickname = nickname(run);
  run.kinds = run.verdicts.map((verdict) => verdict.kind);
  const values = Object.values(run.axes).map(words);
  const kinds = run.kinds.map(kindInWords);
  const lost = run.n_diverged ? "diverged" : ""; // of some of its seeds, too
  const all = [run.label, run.name, run.status, run.reason ?? "", lost, ...values, ...kinds];
  run.haystack = all.join("\n").toLowerCase();
});

const view = {
  query: "",
  values: new Map(), // axis → key of the value that is asked for
  status: "",
  kind: "",
  sort: { column: "place", descending: false },
  page: 0,
  pageSize: 25,
  allColumns: false, // or those that say most
  ticked: null, // ids; null for a few of those listed, from the best to the worst
};

function isListed(run) {
  if (view.status && run.status !== view.status) return false;
  if (view.kind && !run.kinds.includes(view.kind.slice(1))) return false;
  for (const [axis, key] of view.values) {
    if (key && keyOf(run.axes[axis]) !== key) return false;
  }
  return view.query
    .toLowerCase()
    .split(/\s+/)
    .every((word) => run.haystack.includes(word));
}

/** The runs that pass the filters, best first. */
function listed() {
  listed.found ??= runs.filter(isListed);
  return listed.found;
}

/** A few of the runs that ended: the best, the worst, and evenly between. */
function evenly(found) {
  const ended = found.filter((run) => run.status === "completed");
  const from = ended.length ? ended : found;
  if (from.length <= FEW) return from;
  const step = (from.length - 1) / (FEW - 1);
  return Array.from({ length: FEW }, (_, n) => from[Math.round(n * step)]);
}

/** The runs that are ticked, best first. */
function ticked() {
  if (view.ticked === null) return evenly(listed());
  return runs.filter((run) => view.ticked.has(run.id));
}

/** The runs that the charts draw. */
const drawn = () => ticked().slice(0, MOST_DRAWN);

// Who wants to know: "list" when filters changed, "order" when sorting or paging did, "ticks".
const wanting = { list: [], order: [], ticks: [] };
const on = (event, then) => wanting[event].push(then);

function changed(event) {
  if (event === "list") listed.found = null;
  wanting[event].forEach((then) => then());
  if (event === "list") wanting.ticks.forEach((then) => then());
}
