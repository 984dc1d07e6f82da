// The ranking: a table that is sorted, filtered and ticked, a page at a time.

const ranking = { columns: rankingColumns(), rows: new Map() };

const classOf = (column) =>
  [
    column.kind,
    column.chief ? "chief" : "",
    ["place", "seeds"].includes(column.key) ? column.key : "",
  ]
    .join(" ")
    .trim();

/** The listed runs in the order of the sorted column; those without a value last. */
function sorted() {
  const { column, descending } = view.sort;
  const value = ranking.columns.find((one) => one.key === column).value;
  const compare = (a, b) => {
    if (typeof a === "number" && typeof b === "number") return a - b;
    return String(a).localeCompare(String(b), "en", { numeric: true });
  };
  return [...listed()].sort((one, other) => {
    const [a, b] = [value(one), value(other)];
    if (a === null || b === null) return (a === null) - (b === null) || one.place - other.place;
    return (descending ? -1 : 1) * compare(a, b) || one.place - other.place;
  });
}

function showHead() {
  const cells = ranking.columns.map((column) => {
    const button = make(
      "button",
      { type: "button", onclick: () => sortBy(column.key) },
      make("span", {}, column.title),
    );
    return make("th", { scope: "col", class: classOf(column), "data-column": column.key }, button);
  });
  const tick = make(
    "th",
    { scope: "col", class: "tick" },
    make("span", { class: "unseen" }, "drawn"),
  );
  byId("ranking-table").tHead.replaceChildren(make("tr", {}, tick, ...cells));
}

function sortBy(column) {
  const again = view.sort.column === column;
  view.sort = { column, descending: again && !view.sort.descending };
  view.page = 0;
  changed("order");
}

function showSorting() {
  for (const cell of byId("ranking-table").tHead.rows[0].cells) {
    const sorting = cell.dataset.column === view.sort.column;
    if (sorting) cell.setAttribute("aria-sort", view.sort.descending ? "descending" : "ascending");
    else cell.removeAttribute("aria-sort");
  }
}

function showRows() {
  const all = sorted();
  const pages = Math.max(1, Math.ceil(all.length / view.pageSize));
  view.page = Math.min(view.page, pages - 1);
  const first = view.page * view.pageSize;
  const page = all.slice(first, first + view.pageSize);
  ranking.rows = new Map(page.map((run) => [run.id, rowOf(run)]));
  const none = make(
    "tr",
    {},
    make(
      "td",
      { colspan: ranking.columns.length + 1, class: "none" },
      runs.length ? "No run passes the filters." : "There are no runs.",
    ),
  );
  byId("ranking-table").tBodies[0].replaceChildren(
    ...(page.length ? ranking.rows.values() : [none]),
  );
  showSorting();
  showPager(all.length, first, pages);
  showTicks();
}

function rowOf(run) {
  const box = make("input", {
    type: "checkbox",
    "aria-label": `Draw ${run.nickname}`,
    onchange: () => tick(run, box.checked),
  });
  const cells = ranking.columns.map((column) => {
    const place = column.key === "place";
    return make(
      place ? "th" : "td",
      { scope: place ? "row" : null, class: classOf(column) },
      column.cell(run),
    );
  });
  const row = make("tr", {
    class: run.id === content.baseline ? "baseline" : "",
    "data-run": run.id,
  });
  row.append(make("td", { class: "tick" }, box, make("span", { class: "mini" })), ...cells);
  return row;
}

function tick(run, chosen) {
  const ids = new Set(ticked().map((one) => one.id));
  if (chosen) ids.add(run.id);
  else ids.delete(run.id);
  view.ticked = ids;
  changed("ticks");
}

/** Boxes and swatches of the rows that stand there, and what is drawn in words. */
function showTicks() {
  const chosen = ticked();
  const places = new Map(drawn().map((run, n) => [run.id, n]));
  const ids = new Set(chosen.map((run) => run.id));
  for (const [id, row] of ranking.rows) {
    row.querySelector("input").checked = ids.has(id);
    row
      .querySelector(".mini")
      .replaceChildren(...(places.has(id) ? [swatch(look(places.get(id)), false)] : []));
  }
  const how =
    view.ticked === null
      ? `, ${chosen.length < listed().length ? "from the best to the worst of those" : "all that are"} listed`
      : "";
  const most =
    chosen.length > MOST_DRAWN ? `; the charts draw the first ${MOST_DRAWN}, no more at once` : "";
  const said = `${count(chosen.length, "run")} of ${runs.length} ticked${how}${most}.`;
  if (byId("ticked").textContent !== said) byId("ticked").textContent = said;
}

function showPager(total, first, pages) {
  const last = Math.min(first + view.pageSize, total);
  const turn = (by) => () => {
    view.page += by;
    changed("order");
    byId(by < 0 ? "page-before" : "page-after").focus();
  };
  const pager = byId("pager");
  const before = make(
    "button",
    { type: "button", id: "page-before", "aria-disabled": String(view.page === 0) },
    "previous",
  );
  const after = make(
    "button",
    { type: "button", id: "page-after", "aria-disabled": String(view.page >= pages - 1) },
    "next",
  );
  if (view.page > 0) before.addEventListener("click", turn(-1));
  if (view.page < pages - 1) after.addEventListener("click", turn(1));
  const where = make(
    "span",
    { role: "status" },
    total ? `${first + 1}–${last} of ${count(total, "run")}` : "no run",
  );
  const size = select(
    "rows a page",
    [10, 25, 50, 100, 200].map((n) => [n, String(n)]),
    view.pageSize,
    (chosen) => {
      view.pageSize = Number(chosen);
      view.page = 0;
      changed("order");
      pager.querySelector("select").focus();
    },
  );
  const columns = make(
    "button",
    { type: "button", id: "all-columns", "aria-pressed": String(view.allColumns) },
    "all columns",
  );
  columns.addEventListener("click", () => {
    view.allColumns = !view.allColumns;
    ranking.columns = rankingColumns();
    if (!ranking.columns.some((one) => one.key === view.sort.column)) {
      view.sort = { column: "place", descending: false };
    }
    showHead();
    changed("order");
    byId("all-columns").focus();
  });
  pager.replaceChildren(before, where, after, columns, size);
}

function setUpRanking() {
  const order = metric.title + (better === "lower" ? ", lowest first" : ", highest first");
  const value = (run) => number(run, metric.name).mean;
  const lost = runs.some((run) => run.status === "completed" && run.n_lost);
  const first = lost ? "the share of seeds that diverged, failed or learnt too little, then by " : "";
  const lacking = runs.some((run) => run.status === "completed" && value(run) === null);
  const ranked = `Runs by ${first}${order}; ${lacking ? "then those without it, " : ""}then those that diverged, then those that did not end.`;
  const compared = runs.some((run) => run.against)
    ? " p is Holm's, of the paired difference to the baseline."
    : "";
  const rest = `${ranked} ± is half of the 95 % interval over seeds, brackets are its ends.${compared} A heading sorts; the number of a run leads to its details.`;
  byId("ranking-caption").append(make("b", {}, axes.length > 1 ? "Table 2." : "Table 1."), ` ${rest}`);
  byId("ranking").append(termsOf());
  showHead();
  byId("tick-evenly").addEventListener("click", () => {
    view.ticked = null;
    changed("ticks");
  });
  byId("tick-best").addEventListener("click", () => {
    view.ticked = new Set(
      listed()
        .slice(0, FEW)
        .map((run) => run.id),
    );
    changed("ticks");
  });
  byId("tick-all").addEventListener("click", () => {
    view.ticked = new Set(listed().map((run) => run.id));
    changed("ticks");
  });
  byId("tick-none").addEventListener("click", () => {
    view.ticked = new Set();
    changed("ticks");
  });
  on("list", () => {
    view.page = 0;
    showRows();
  });
  on("order", showRows);
  on("ticks", showTicks);
  showRows();
}
