// Any two axes against each other: the mean of a quantity in each cell, coloured by it.
// A third axis of few values gives a matrix for each of them.

const MOST_CELLS = 60; // values along one side
const MOST_PANELS = 6; // matrices side by side
const MOST_BESIDE = 6; // columns that leave room for the effects
const LEAST_RANGE = 4; // of the colours, in half intervals: less could not be told apart

const crossed = { rows: 0, columns: 1, quantity: metric.name };

function setUpMatrix() {
  const [rows, columns] = axes
    .map((axis, n) => n)
    .sort((a, b) => axes[b].values.length - axes[a].values.length);
  Object.assign(crossed, { rows: rows ?? null, columns: columns ?? null });
  showMatrixControls();
  document
    .querySelector("#matrix form")
    .addEventListener("submit", (event) => event.preventDefault());
  on("list", showMatrix);
  showMatrix();
}

function showMatrixControls() {
  const names = axes.map((axis, n) => [String(n), axis.name]);
  const side = (which, other) => (chosen) => {
    if (Number(chosen) === crossed[other]) crossed[other] = crossed[which];
    crossed[which] = Number(chosen);
    showMatrixControls();
    document.querySelector(`#matrix [data-side=${which}] select`).focus();
    showMatrix();
  };
  const fields = [];
  if (axes.length > 1) {
    const rows = select("rows", names, String(crossed.rows), side("rows", "columns"));
    const columns = select("columns", names, String(crossed.columns), side("columns", "rows"));
    rows.dataset.side = "rows";
    columns.dataset.side = "columns";
    fields.push(rows, columns);
  }
  if (axes.length) {
    fields.push(
      select(
        "quantity",
        content.numbers.map((one) => [one.name, heading(one)]),
        crossed.quantity,
        (name) => {
          crossed.quantity = name;
          showMatrix();
        },
      ),
    );
  }
  document.querySelector("#matrix form").replaceChildren(...fields);
}

/** The runs of each cell, by the keys of both values. */
function cellsOf(rows, columns, panel) {
  const cells = new Map();
  for (const run of listed()) {
    if (panel && keyOf(run.axes[panel.axis.name]) !== keyOf(panel.value)) continue;
    if (!(rows.name in run.axes) || (columns && !(columns.name in run.axes))) continue;
    const key = keyOf(run.axes[rows.name]) + "×" + (columns ? keyOf(run.axes[columns.name]) : "");
    if (!cells.has(key)) cells.set(key, []);
    cells.get(key).push(run);
  }
  return cells;
}

/** The mean of a quantity over runs, and how many of them have it. */
function meanOf(some, quantity) {
  const values = some.map((run) => number(run, quantity).mean).filter((value) => value !== null);
  const mean = values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : null;
  const alone = some.length === 1 ? number(some[0], quantity) : noNumber;
  return { mean, known: values.length, all: some.length, low: alone.low, high: alone.high };
}

/** A panel for each value of the one axis that is left, or one for all runs. */
function panelsOf(rows, columns) {
  const [third, ...more] = axes.filter((axis) => axis !== rows && axis !== columns);
  const fits = columns && third && !more.length && third.values.length <= MOST_PANELS;
  return fits ? third.values.map((value) => ({ axis: third, value })) : [null];
}

function showMatrix() {
  const box = byId("matrix-tables");
  const rows = axes[crossed.rows];
  const columns = axes[crossed.columns];
  if (!rows) return;
  const across = columns ? columns.values.slice(0, MOST_CELLS) : [null];
  const down = rows.values.slice(0, MOST_CELLS);
  const panels = panelsOf(rows, columns);
  const grids = panels.map((panel) => {
    const cells = cellsOf(rows, columns, panel);
    return down.map((value) =>
      across.map((other) => {
        const key = keyOf(value) + "×" + (columns ? keyOf(other) : "");
        return meanOf(cells.get(key) ?? [], crossed.quantity);
      }),
    );
  });
  const every = grids.flat(2);
  byId("answer").classList.toggle("beside", panels.length === 1 && across.length <= MOST_BESIDE);
  const shade = shadeOf(crossed.quantity, every);
  const title = heading(content.numbers.find((one) => one.name === crossed.quantity));
  box.replaceChildren(
    ...grids.map((grid, n) => {
      const panel = panels[n];
      const caption = panel ? `${short(panel.axis.name, 40)} ${words(panel.value)}` : null;
      return make(
        "table",
        { class: "matrix", "aria-labelledby": "matrix-caption" },
        caption ? make("caption", {}, caption) : null,
        matrixHead(rows, columns, across, title),
        make(
          "tbody",
          {},
          grid.map((line, m) =>
            make(
              "tr",
              {},
              make("th", { scope: "row" }, short(words(down[m]), 60)),
              line.map(shade.cell),
            ),
          ),
        ),
      );
    }),
  );
  byId("matrix-scale").replaceChildren(
    ...(shade.legend ? scaleLegend(...shade.legend, title, shade.middle) : []),
  );
  showMatrixCaption(rows, columns, title, every, panels[0]?.axis);
}

function matrixHead(rows, columns, across, title) {
  const corner = make(
    "th",
    { scope: "col", class: "corner", rowspan: columns ? 2 : 1 },
    short(rows.name, 60),
  );
  const second = columns
    ? across.map((value) => make("th", { scope: "col" }, short(words(value), 40)))
    : [];
  const first = make(
    "tr",
    {},
    corner,
    make(
      "th",
      { scope: "colgroup", colspan: across.length, class: "over" },
      columns ? short(columns.name, 60) : title,
    ),
  );
  return make("thead", {}, first, columns ? make("tr", {}, second) : null);
}

/** Ends of a scale, none beyond what the quantity can be. */
function within([low, high], quantity) {
  const [least, most] = quantity === metric.name ? content.metric.limits : [null, null];
  return [Math.max(low, least ?? low), Math.min(high, most ?? high)];
}

/** How cells are coloured: about 0 for decades lost, about 1 for rates, else from low to high. */
function shadeOf(quantity, cells) {
  const known = cells.map((cell) => cell.mean).filter((mean) => mean !== null);
  const format = numberFormat(known);
  const exact = (value) => (Math.abs(value) < 10 ? value.toFixed(3) : format(value));
  const three = (value) => (quantity === metric.name ? exact(value).replace("-", MINUS) : format(value));
  const ends = (value) => (Math.abs(value) < 10 ? value.toFixed(2).replace("-", MINUS) : format(value));
  let [low, high] = [Math.min(...known), Math.max(...known)];
  const halves = cells.map(half).filter((width) => width !== null).sort((a, b) => a - b);
  const least = LEAST_RANGE * (halves[halves.length >> 1] ?? 0);
  if (high - low < least) {
    const middle = (high + low) / 2;
    [low, high] = within([middle - least / 2, middle + least / 2], quantity);
  }
  let scale = SEQUENTIAL,
    along = (value) => value,
    middle = null;
  if (/^vanishing_index/.test(quantity)) {
    const most = Math.max(Math.abs(low), Math.abs(high)) || 1;
    [low, high, middle] = [-most, most, 0];
    scale = [...DIVERGING].reverse();
  } else if (/decay_rate/.test(quantity) && low > 0) {
    const most = Math.max(Math.abs(Math.log(low)), Math.abs(Math.log(high))) || 1;
    [low, high, middle] = [Math.exp(-most), Math.exp(most), 1];
    [scale, along] = [DIVERGING, Math.log];
  }
  const share = (value) =>
    high > low ? (along(value) - along(low)) / (along(high) - along(low)) : 0.5;
  const cell = ({ mean, known: n, all, low: from, high: to }) => {
    const partly = mean !== null && n < all ? make("sup", {}, "†") : null;
    const interval = from === null || to === null ? null : `${ends(from)} – ${ends(to)}`;
    const box = make(
      "td",
      { class: mean === null ? "missing" : "" },
      mean !== null ? three(mean) : all ? "no value" : NO_VALUE,
      partly,
      interval ? make("span", { class: "below" }, interval) : null,
    );
    if (mean !== null) {
      const rgb = mix(scale, share(mean));
      box.style.backgroundColor = css(rgb);
      box.style.color = readableOn(rgb);
    }
    return box;
  };
  return { cell, legend: known.length ? [scale, low, high] : null, middle };
}

function showMatrixCaption(rows, columns, title, cells, third) {
  const others = axes.filter((axis) => axis !== rows && axis !== columns && axis !== third).map((axis) => axis.name);
  const counts = new Set(cells.filter((cell) => cell.all).map((cell) => cell.all));
  const most = Math.max(0, ...counts);
  const said = [
    ` ${title[0]?.toUpperCase() ?? ""}${title.slice(1)} by ${rows.name}${columns ? ` and ${columns.name}` : ""}${third ? `, for each ${third.name}` : ""}, over the ${count(listed().length, "run")} listed below.`,
    most > 1
      ? ` A cell is the mean over ${counts.size > 1 ? "up to " : ""}${count(most, "run")}${others.length ? `, averaged over ${others.join(", ")}` : ""}.`
      : "",
    cells.some((cell) => cell.mean !== null && cell.known < cell.all)
      ? " † Some of its runs have no value."
      : "",
    cells.some((cell) => !cell.all) ? ` ${NO_VALUE} No such run is listed.` : "",
    cells.some((cell) => cell.low !== null)
      ? " Below a mean stand the ends of its 95 % interval over seeds; colours span what can be told apart."
      : "",
    Math.max(rows.values.length, columns?.values.length ?? 0) > MOST_CELLS
      ? ` The first ${MOST_CELLS} values of an axis are shown.`
      : "",
  ];
  byId("matrix-caption").replaceChildren(make("b", {}, "Table 1."), said.join(""));
}
