// The page from top to bottom.

function showMade() {
  if (!content.command || isAlone) return;
  byId("command").append(copyable(`command of the ${content.kind}`, content.command));
  byId("made").hidden = false;
}

/** What answers the question of a sweep comes first: the effect of one axis, and what δ does. */
function arrange() {
  if (axes.length === 1) {
    byId("matrix").hidden = true;
    byId("answer").classList.add("beside");
    byId("answer").append(byId("profiles"));
    byId("effects-title").textContent = `What ${short(axes[0].name, 60)} changes`;
  }
  if (!axes.length) byId("answer").hidden = true;
  if (isAlone) showOneRun();
  const sections = [...document.querySelectorAll("main section")].filter((one) => one.checkVisibility());
  byId("contents").append(
    make(
      "ol",
      {},
      sections.map(({ id, dataset, firstElementChild }) =>
        make("li", {}, make("a", { href: `#${id}` }, dataset.short ?? firstElementChild.textContent)),
      ),
    ),
  );
  const figures = sections.filter((one) => one.matches(".chart"));
  figures.forEach((section, n) => {
    section.querySelector("figcaption b").textContent = `Figure ${n + 1}.`;
    section.querySelector("summary").textContent = `Numbers of figure ${n + 1}`;
  });
}

/** A run alone has a page of its own kind: its verdict is above, here is what came out. */
function showOneRun() {
  const [run] = runs;
  root.classList.add("alone");
  for (const part of ["ranking", "decay"]) byId(part).hidden = true;
  document.querySelector(".skip").href = "#result";
  document.querySelector("#curves form").hidden = document.querySelector("#profiles form").hidden = true;
  byId("runs-title").textContent = "To train it again";
  byId("runs-said").hidden = true;
  byId("run-list").replaceChildren(runBody(run));
  byId("result").hidden = false;
  const { results } = detail(run);
  byId("result-tables").append(...(results?.length ? [resultTable(results)] : []), numbersOf(run));
  byId(byId("confusion").hidden ? "result" : "confusion").append(termsOf());
  byId("runs").before(byId("notes"));
}

/** The metrics of a run, and what the best constant answer has. */
function resultTable(results) {
  const names = [...new Set(results.flatMap(({ values }) => Object.keys(values)))];
  const formats = names.map((name) => {
    const some = results.map(({ values }) => values[name]).filter(Boolean);
    return numberFormat(some.map(({ mean }) => mean), some.map(half));
  });
  const head = names.map((name) => make("th", { scope: "col", class: "number" }, name));
  const rows = results.map(({ title, values }) =>
    make(
      "tr",
      {},
      make("th", { scope: "row" }, title),
      names.map((name, n) => make("td", { class: "number" }, values[name] ? meanCell(values[name], formats[n]) : NO_VALUE)),
    ),
  );
  return make(
    "table",
    {},
    make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "rows, epoch"), head)),
    make("tbody", {}, rows),
  );
}

/** What terms mean, below the table that has them. */
const termsOf = () =>
  make(
    "dl",
    { class: "terms" },
    content.terms.map(({ term, meaning }) =>
      make("div", {}, make("dt", { id: `term-${term.replaceAll(" ", "-")}` }, term), make("dd", {}, meaning)),
    ),
  );

function redraw() {
  showTicks();
  showMatrix();
  showConfusion();
  charts.forEach((chart) => chart.outdate());
}

setUpTheme(redraw);
showMade();
setUpFilters();
setUpRanking();
setUpMatrix();
setUpConfusion();
setUpDetails();
arrange();
addEventListener("DOMContentLoaded", () => {
  // plotly.js comes last
  setUpCharts();
  setUpProfiles();
  setUpHeatmaps();
  setUpCurves();
  setUpDecay();
  setUpEffects();
  root.dataset.ready = "true";
});
