// The page from top to bottom.

function showHeader() {
  if (content.command) {
    byId("command").append(copyable(`command of the ${content.kind}`, content.command));
    byId("made").hidden = false;
  }
}

/** A run alone is not ranked, filtered or set against others. */
function showOneRun() {
  if (content.kind !== "run") return;
  const comparing = "#matrix, #effects, #filters, .ticking, #pager";
  const links = "#contents li:has([href='#matrix'], [href='#effects'])";
  for (const part of document.querySelectorAll(`${comparing}, ${links}`)) part.hidden = true;
  byId("ranking-title").textContent = "Result";
  document.querySelector("#contents [href='#ranking']").textContent = "Result";
}

function redraw() {
  showTicks();
  showMatrix();
  charts.forEach((chart) => chart.outdate());
}

setUpTheme(redraw);
showHeader();
showOneRun();
setUpFilters();
setUpRanking();
setUpMatrix();
setUpDetails();
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
