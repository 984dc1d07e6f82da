// The effect of each axis: the mean of the metric for each of its values.

const LONGEST_TICK = 22;

function setUpEffects() {
  new Chart("effects", buildEffects);
}

function buildEffects() {
  const names = [...new Set(content.effects.map((effect) => effect.axis))];
  const all = content.effects
    .flatMap(({ mean, low, high }) => [mean, low, high])
    .filter((value) => value !== null);
  const margin = 0.04 * (Math.max(...all) - Math.min(...all)) || 0.05;
  const range = [Math.min(...all) - margin, Math.max(...all) + margin];
  const longest = Math.max(
    ...content.effects.map(({ value }) => Math.min(words(value).length, LONGEST_TICK)),
  );
  const room = 22 + 6.8 * longest; // the same for all panels, so that they line up
  return {
    panels: names.map((name) =>
      effectPanel(
        name,
        content.effects.filter((effect) => effect.axis === name).slice(0, MOST_CELLS),
        range,
        room,
      ),
    ),
    said: effectsInWords(names),
    empty: "No effect can be given: no axis has more than one value, or no run has a result.",
    numbers: content.effects.length
      ? () => ({
          columns: ["axis", "value", "mean", "low", "high", "seeds", "combinations"],
          rows: content.effects.map(({ axis, value, mean, low, high, n, n_cells, n_all }) => [
            axis,
            words(value),
            mean,
            low,
            high,
            n,
            n_cells < n_all ? `${n_cells} of ${n_all}` : n_cells,
          ]),
        })
      : null,
  };
}

function effectsInWords(names) {
  const many = names.some(
    (name) => content.effects.filter((effect) => effect.axis === name).length > MOST_CELLS,
  );
  const partly = content.effects.filter(({ n_cells, n_all }) => n_cells < n_all);
  const which = names.filter((name) => partly.some(({ axis }) => axis === name));
  return [
    `${capital(heading(metric))} for each value of an axis`,
    axes.length > 1
      ? ": the mean over the combinations of the other axes that have a result with all of its values from the same seeds, each with the same weight"
      : "",
    "; bar: 95 % interval over seeds. One scale for all panels, whatever the filters.",
    which.length
      ? ` Not all combinations count for ${which.map((name) => short(name, 60)).join(", ")}; the notes say why.`
      : "",
    many ? ` The first ${MOST_CELLS} values of an axis are shown.` : "",
  ].join("");
}

const capital = (text) => (text[0]?.toUpperCase() ?? "") + text.slice(1);

function effectPanel(name, effects, range, room) {
  const how = look(0);
  const places = effects.map((effect, n) => n);
  const trace = {
    type: "scatter",
    mode: "markers",
    x: effects.map((effect) => effect.mean),
    y: places,
    hoverinfo: "text",
    hovertext: effects.map(
      ({ value, mean, low, high, n }) =>
        `${plain(name)} ${plain(words(value))}<br>${plain(alone(mean))}${low === null ? "" : ` (${plain(alone(low))} to ${plain(alone(high))})`}, n = ${n}`,
    ),
    marker: { color: how.color, symbol: "circle", size: 8 },
    error_x: errorBars(effects, { color: how.color, thickness: 1.6, width: 4 }),
  };
  const layout = {
    margin: { l: room, r: 14, t: 4, b: 44 },
    xaxis: { title: { text: plain(heading(metric)) }, range },
    yaxis: {
      tickvals: places,
      ticktext: effects.map((effect) => plain(words(effect.value), LONGEST_TICK)),
      range: [effects.length - 0.4, -0.6],
      automargin: false,
      tickfont: { size: effects.length > 40 ? 8 : 12, color: ink("ink") },
    },
  };
  const row = effects.length > 40 ? 11 : axes.length === 1 && effects.length < 12 ? 44 : 26;
  const height = 64 + Math.max(2, effects.length) * row;
  const about = `Mean of ${metric.title} for each value of ${name}`;
  return { title: axes.length === 1 ? "" : short(name, 70), traces: [trace], layout, height, about };
}
