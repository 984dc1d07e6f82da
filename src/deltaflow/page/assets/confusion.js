// The confusion matrix of each run that is drawn, if its data have classes.

const MOST_COUNTED = 12; // classes whose shares are written

function setUpConfusion() {
  byId("confusion").hidden = !runs.some((run) => detail(run).confusion);
  on("ticks", showConfusion);
  showConfusion();
}

function showConfusion() {
  const shown = drawn().filter((run) => detail(run).confusion);
  const all = drawn().length;
  byId("confusion-tables").replaceChildren(...shown.map(confusionTable));
  const parts = [...new Set(shown.map((run) => detail(run).confusion.part))].join(" or ");
  const said = shown.length
    ? ` Of the ${parts} rows of each class, the share that is predicted as each class, in per cent, over all seeds that did not diverge. ${isAlone ? "" : drawnInWords(shown.length, all - shown.length)}`
    : " None of the ticked runs has judged rows of classes.";
  byId("confusion-caption").replaceChildren(make("b", {}, `Table ${isAlone ? 2 : 3}.`), said);
}

function confusionTable(run) {
  const { classes, counts } = detail(run).confusion;
  const isCounted = classes.length <= MOST_COUNTED;
  const name = (n) => short(classes[n], isCounted ? 16 : 4);
  const head = classes.map((_, n) => make("th", { scope: "col" }, name(n)));
  const lines = counts.map((row, n) =>
    make("tr", {}, make("th", { scope: "row" }, name(n)), shares(row, classes, n, isCounted)),
  );
  return make(
    "table",
    { class: "matrix confusion", "aria-describedby": "confusion-caption" },
    make("caption", {}, isAlone ? "True class, and predicted class" : runTitle(run)),
    make("thead", {}, make("tr", {}, make("th", { class: "corner", scope: "col" }, "class"), head)),
    make("tbody", {}, lines),
  );
}

function shares(row, classes, own, isCounted) {
  const all = row.reduce((sum, n) => sum + n, 0);
  return row.map((n, other) => {
    const share = all ? n / all : 0;
    const rgb = mix([ink("paper"), look(own === other ? 0 : 1).color], share);
    const title = `${n} of ${all} ${classes[own]} are predicted as ${classes[other]}`;
    const cell = make("td", { title }, isCounted && n ? perCent(share) : "");
    cell.style.backgroundColor = css(rgb);
    cell.style.color = readableOn(rgb);
    return cell;
  });
}

/** A share in per cent; what is near 0 or 1, and neither, with a decimal. */
const perCent = (share) =>
  (100 * share).toFixed((share > 0 && share < 0.01) || (share > 0.99 && share < 1) ? 1 : 0);
