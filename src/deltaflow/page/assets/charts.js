// A figure: drawn when it comes into sight, and again when what it shows has changed.

const STILL = { displayModeBar: false, responsive: false, showTips: false, doubleClick: "reset" };
const charts = [];

/** A moment for the browser to answer its reader. */
const breath = () => new Promise((then) => setTimeout(then));

class Chart {
  /**
   * @param id of the section that holds the figure.
   * @param build gives, from what is looked at now, {panels: [{title, traces, layout, height,
   *     about}], small, key, said, empty, numbers}; a height may be a function of the width.
   */
  constructor(id, build) {
    this.figure = document.querySelector(`#${id} figure`);
    this.panels = this.figure.querySelector(".panels");
    this.build = build;
    this.turn = 0;
    this.fresh = this.visible = false;
    const watcher = new IntersectionObserver(
      ([entry]) => {
        this.visible = entry.isIntersecting;
        if (this.visible && !this.fresh) this.draw();
      },
      { rootMargin: "300px" },
    );
    watcher.observe(this.figure);
    this.figure.querySelector(".numbers").addEventListener("toggle", () => this.showNumbers());
    charts.push(this);
  }

  /** What it shows has changed, also for a drawing under way. */
  outdate() {
    this.turn += 1;
    this.fresh = false;
    this.figure.dataset.drawn = "false";
    if (this.visible) this.draw();
  }

  /** Draw a panel at a time, so that the page answers in between. */
  async draw() {
    const turn = ++this.turn;
    this.fresh = true;
    await breath();
    if (turn !== this.turn) return;
    for (const panel of this.prepare()) {
      await breath();
      if (turn !== this.turn) return;
      this.plot(panel);
    }
    this.figure.dataset.drawn = "true";
  }

  /** Draw all at once, for the printer. */
  drawNow() {
    this.turn += 1;
    this.fresh = true;
    this.prepare().forEach((panel) => this.plot(panel));
    this.figure.dataset.drawn = "true";
  }

  /** All but the plots: boxes for them, the key, and what is said. */
  prepare() {
    const built = this.build();
    this.built = built;
    const boxes = built.panels.map((panel, n) => this.panels.children[n] ?? newPanel());
    [...this.panels.children].slice(boxes.length).forEach((box) => Plotly.purge(box.lastChild));
    this.panels.replaceChildren(...boxes);
    this.panels.classList.toggle("small", Boolean(built.small));
    this.figure.querySelector(".key")?.replaceChildren(...(built.key ?? []));
    this.figure.querySelector(".said").textContent = built.said ?? "";
    const empty = this.figure.querySelector(".empty");
    empty.textContent = built.panels.length ? "" : built.empty;
    empty.hidden = this.panels.hidden = false;
    if (built.panels.length) empty.hidden = true;
    else this.panels.hidden = true;
    this.figure.querySelector(".numbers").hidden = !built.numbers;
    this.showNumbers();
    return built.panels.map((panel, n) => ({ ...panel, box: boxes[n] }));
  }

  plot({ box, title, traces, layout, height, about }) {
    const [heading, plot] = box.children;
    heading.textContent = title ?? "";
    heading.hidden = !title;
    plot.setAttribute("aria-label", `${about}; the numbers are in the table below`);
    Plotly.react(
      plot,
      traces,
      frame(
        layout,
        plot.clientWidth,
        typeof height === "function" ? height(plot.clientWidth) : height,
      ),
      STILL,
    );
  }

  /** The figure as a table, for whom a picture is no use. */
  showNumbers() {
    const details = this.figure.querySelector(".numbers");
    details.querySelector(".scroller")?.remove();
    if (!details.open || !this.built?.numbers) return;
    const { columns, rows } = this.built.numbers();
    const head = make(
      "thead",
      {},
      make(
        "tr",
        {},
        columns.map((name) => make("th", { scope: "col" }, name)),
      ),
    );
    const body = make(
      "tbody",
      {},
      rows.map((row) =>
        make(
          "tr",
          {},
          row.map((cell) =>
            make(
              "td",
              { class: typeof cell === "number" || cell === null ? "number" : "text" },
              typeof cell === "string" ? cell : alone(cell),
            ),
          ),
        ),
      ),
    );
    details.append(
      make(
        "div",
        {
          class: "scroller",
          tabindex: "0",
          role: "region",
          "aria-label": details.firstElementChild.textContent,
        },
        make("table", {}, head, body),
      ),
    );
  }
}

const newPanel = () =>
  make(
    "div",
    { class: "panel" },
    make("p", { class: "panel-title" }),
    make("div", { class: "plot", role: "img" }),
  );

/** A layout with the page's fonts, colours and lines. */
function frame(layout, width, height) {
  const text = { family: ink("sans"), size: 12, color: ink("ink") };
  const axis = {
    showgrid: true,
    gridcolor: ink("grid"),
    zeroline: false,
    showline: true,
    linecolor: ink("quiet"),
    ticks: "outside",
    ticklen: 4,
    tickcolor: ink("quiet"),
    tickfont: { size: 11, color: ink("quiet") },
    title: { font: { size: 12, color: ink("ink") }, standoff: 8 },
    exponentformat: "power",
    minexponent: 4,
    fixedrange: false,
    automargin: true,
  };
  const framed = {
    margin: { l: 58, r: 12, t: 8, b: 44 },
    showlegend: false,
    hovermode: "closest",
    font: text,
    paper_bgcolor: ink("paper"),
    plot_bgcolor: ink("paper"),
    dragmode: "zoom",
    hoverlabel: {
      font: { family: ink("sans"), size: 12, color: ink("ink") },
      bgcolor: ink("raised"),
      bordercolor: ink("rule"),
      align: "left",
    },
    ...layout,
    width,
    height,
  };
  for (const name of Object.keys(layout).filter((one) => /^[xy]axis\d*$/.test(one))) {
    framed[name] = { ...axis, ...layout[name], title: { ...axis.title, ...layout[name].title } };
  }
  return framed;
}

function setUpCharts() {
  on("ticks", () => charts.forEach((chart) => chart.outdate()));
  let width = document.body.clientWidth,
    waiting = 0;
  new ResizeObserver(() => {
    if (document.body.clientWidth === width || printing()) return;
    width = document.body.clientWidth;
    clearTimeout(waiting);
    waiting = setTimeout(() => charts.forEach((chart) => chart.outdate()), 150);
  }).observe(document.body);
  addEventListener("beforeprint", () => {
    root.classList.add("printing");
    showTicks();
    charts.forEach((chart) => chart.drawNow());
  });
  addEventListener("afterprint", () => {
    root.classList.remove("printing");
    showTicks();
    charts.forEach((chart) => chart.outdate());
  });
}
