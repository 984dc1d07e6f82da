// The page from top to bottom.

function showHeader() {
  if (digest.command) {
    byId("command").append(make("p", { class: "legend" }, "Made by"), copyable("command of the sweep", digest.command));
    byId("command").hidden = false;
  }
  byId("note-list").append(...digest.notes.map((note) => make("li", {}, note)));
  if (!digest.notes.length) byId("note-list").append(make("li", {}, "There is nothing to note."));
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
addEventListener("DOMContentLoaded", () => { // plotly.js comes last
  setUpCharts();
  setUpProfiles();
  setUpHeatmaps();
  setUpCurves();
  setUpDecay();
  setUpEffects();
  root.dataset.ready = "true";
});
