// Run by run: what was found, and what gives it again; filled when somebody opens it.

const detailed = new Map();

function setUpDetails() {
  byId("runs-said").hidden = !runs.length;
  byId("run-list").replaceChildren(...runs.map(runDetails));
  on("list", showListed);
  addEventListener("hashchange", openLinked);
  // A second click on the same link changes no address.
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href^='#run-']");
    if (link && link.getAttribute("href") === location.hash) openLinked();
  });
  openLinked();
}

function runDetails(run) {
  const value = number(run, metric.name);
  const said =
    run.status === "completed" && value.mean !== null
      ? `${metric.title} ${alone(value.mean)}`
      : run.status;
  const summary = make(
    "summary",
    {},
    make("span", { class: "place" }, String(run.place)),
    make(
      "span",
      {},
      make("span", { class: "name" }, short(run.label || run.name, 160)),
      " ",
      make(
        "span",
        { class: "quiet" },
        [said, ...run.kinds.map((kind) => short(kindInWords(kind), 40))].join(" · "),
      ),
    ),
  );
  const details = make("details", { id: `run-${run.id}`, class: "run" }, summary);
  details.addEventListener("toggle", () => {
    if (details.open && details.children.length === 1) details.append(runBody(run));
  });
  detailed.set(run.id, details);
  return details;
}

function runBody(run) {
  const { command, config } = detail(run);
  const said = (what) => (isAlone ? what : `${what} of run ${run.place}`);
  const findings = run.verdicts.map((verdict) =>
    make("li", {}, make("b", {}, kindInWords(verdict.kind)), " ", verdict.words),
  );
  const found = [
    make("h3", {}, "Verdicts"),
    findings.length ? make("ul", {}, findings) : make("p", {}, "None was given."),
  ];
  return make(
    "div",
    { class: "run-body" },
    run.reason ? make("p", { class: "warning" }, `${run.status}: ${run.reason}`) : null,
    isAlone ? [] : found,
    make("h3", {}, "Command"),
    copyable(said("command"), command ?? ""),
    make("h3", {}, "Configuration"),
    copyable(said("configuration"), config ?? ""),
    isAlone ? [] : [make("h3", {}, "Numbers"), numbersOf(run)],
    make("h3", {}, "Directory"),
    copyable(said("directory"), run.directory),
  );
}

function numbersOf(run) {
  const head = ["quantity", "mean", `${run.each}s`].map((name, n) =>
    make("th", { scope: "col", class: n ? "number" : "text" }, name),
  );
  const first = isAlone && detail(run).results?.length ? 1 : 0; // it stands in another table
  const known = content.numbers
    .slice(first)
    .filter(({ name }) => !isAlone || number(run, name).mean !== null);
  const rows = known.map((column) => {
    const value = number(run, column.name);
    const format = numberFormat([value.mean], [half(value)]);
    const cells = [meanCell(value, format), column.over_seeds ? String(value.n) : ""];
    return make(
      "tr",
      {},
      make("th", { scope: "row" }, heading(column)),
      cells.map((cell) => make("td", { class: "number" }, cell)),
    );
  });
  const table = make("table", {}, make("thead", {}, make("tr", {}, head)), make("tbody", {}, rows));
  return make(
    "div",
    {
      class: "scroller",
      role: "region",
      tabindex: "0",
      "aria-label": `numbers of run ${run.place}`,
    },
    table,
  );
}

function showListed() {
  const ids = new Set(listed().map((run) => run.id));
  for (const [id, details] of detailed) details.hidden = !ids.has(id);
}

/** The run that the address names, opened and in sight. */
function openLinked() {
  const id = /^#run-(\d+)$/.exec(location.hash)?.[1];
  const details = detailed.get(Number(id));
  if (!id || !details) return;
  details.hidden = false;
  details.open = true;
  details.scrollIntoView({ block: "start" });
  details.firstElementChild.focus({ preventScroll: true });
}
