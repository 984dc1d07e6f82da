// The page from top to bottom.

function showHeader() {
  if (content.command) {
    byId("command").append(
      make("p", { class: "legend" }, "Made by"),
      copyable(`command of the ${content.kind}`, content.command),
    );
    byId("command").hidden = false;
  }
}

function redraw() {
  showTicks();
  showMatrix();
  charts.forEach((chart) => chart.outdate());
}

setUpTheme(redraw);
showHeader();
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
