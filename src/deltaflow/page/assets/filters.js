// The filters of the ranking: words, values of the axes, status, verdicts.

const MOST_VALUES = 500; // in one select

const ANY = ["", "any"];

function filterFields() {
  const search = make("input", {
    type: "search",
    id: "query",
    autocomplete: "off",
    spellcheck: "false",
  });
  search.addEventListener("input", () => {
    view.query = search.value;
    changed("list");
  });
  const states = [...new Set(runs.map((run) => run.status))];
  const kinds = [...new Set(runs.flatMap((run) => run.kinds))];
  return [
    make("label", { class: "wide" }, make("span", {}, "search"), search),
    ...axes.map((axis) =>
      select(axis.name, [ANY, ...axisOptions(axis)], "", (key) => {
        view.values.set(axis.name, key);
        changed("list");
      }),
    ),
    select("status", [ANY, ...states.map((state) => [state, state])], "", (state) => {
      view.status = state;
      changed("list");
    }),
    // A prefix, since a kind may be an empty text.
    select("verdict", [ANY, ...kinds.map((kind) => [`=${kind}`, kindInWords(kind)])], "", (kind) => {
      view.kind = kind;
      changed("list");
    }),
    make("button", { type: "reset", id: "reset" }, "clear"),
  ];
}

const axisOptions = (axis) =>
  axis.values.slice(0, MOST_VALUES).map((value) => [keyOf(value), words(value)]);

function setUpFilters() {
  const form = byId("filters");
  form.append(...filterFields());
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => {
    Object.assign(view, { query: "", values: new Map(), status: "", kind: "" });
    changed("list");
  });
}
