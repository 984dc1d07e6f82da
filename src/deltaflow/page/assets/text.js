// Words and numbers: everything that is shown becomes a text node here, never markup.

const SVG = "http://www.w3.org/2000/svg";
const MINUS = "\u2212";
const FIGURE_SPACE = "\u2007";
const NO_VALUE = "–";

/** An element; children that are strings or numbers become text. */
function make(tag, attributes = {}, ...children) {
  return dress(document.createElement(tag), attributes, children);
}

/** The same for SVG. */
function draw(tag, attributes = {}, ...children) {
  return dress(document.createElementNS(SVG, tag), attributes, children);
}

function dress(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child != null));
  return element;
}

const byId = (id) => document.getElementById(id);

/** A value of an axis in words. */
function words(value) {
  if (value === null || value === undefined) return "null";
  return typeof value === "number" ? String(value).replace("-", MINUS) : String(value);
}

/** A kind of finding, as one says it. */
const kindInWords = (kind) => kind.replaceAll("_", " ");

/** At most so many characters, the rest an ellipsis; on one line. */
function short(text, most = 60) {
  const characters = [...String(text).replace(/\s+/g, " ").trim()];
  return characters.length > most
    ? characters.slice(0, most - 1).join("") + "…"
    : characters.join("");
}

/** Text for a chart: Plotly takes <b>, <a href> and entities for markup unless they are escaped. */
function plain(text, most = 60) {
  const one = short(text, most);
  return one.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
}

/**
 * How to write a column of numbers: as many decimals for all, powers of ten for what is tiny.
 *
 * Two digits of the usual half interval; without intervals three digits of the largest number.
 */
function numberFormat(values, halves = []) {
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value ?? 0)), 0);
  const widths = halves.filter((width) => width > 0).sort((a, b) => a - b);
  const digits = widths.length
    ? 1 - Math.floor(Math.log10(widths[widths.length >> 1]))
    : 2 - Math.floor(Math.log10(largest || 100));
  const decimals = Math.min(4, Math.max(0, digits));
  const least = 0.5 * 10 ** -decimals;
  return (value, width = null) => {
    if (value === null || value === undefined) return NO_VALUE;
    const size = Math.abs(value);
    const tiny = size > 0 && size < least && (width === null || width < least);
    const text = tiny || size >= 1e5 ? size.toExponential(1) : size.toFixed(decimals);
    return (
      (value < 0 && Number(text) !== 0 ? MINUS : "") +
      text.replace("e+", "e").replace("e-", `e${MINUS}`)
    );
  };
}

/** The same with a sign. */
function signedFormat(values, halves) {
  const format = numberFormat(values, halves);
  return (value, width) => (value > 0 ? "+" : "") + format(value, width);
}

/** A number that stands alone: whole ones as they are. */
function alone(value) {
  if (Number.isInteger(value) && Math.abs(value) < 1e5) return words(value);
  return numberFormat([value ?? null])(value);
}

function probability(p) {
  if (p === null || p === undefined) return NO_VALUE;
  return p < 0.001 ? "<0.001" : p.toFixed(3);
}

/** Half of an interval, if there is one. */
const half = (number) =>
  number?.low == null || number.high == null ? null : (number.high - number.low) / 2;

/** The interval of a mean: ± half of it, or its ends if they are not equally far from it. */
function intervalText(number, format, uneven) {
  const width = half(number);
  if (width === null || (number.alike && number.low === number.high)) return "";
  return uneven ? `[${format(number.low, width)}, ${format(number.high, width)}]` : `± ${format(width)}`;
}

/** Whether the ends of an interval are not equally far from the mean. */
function isUneven(number) {
  const width = half(number);
  return width > 0 && Math.abs(number.high + number.low - 2 * number.mean) > 0.02 * width;
}

/** Error bars of a chart; none where there is no interval. */
function errorBars(numbers, style) {
  return {
    type: "data",
    symmetric: false,
    array: numbers.map(({ mean, high }) => (high ?? mean) - mean),
    arrayminus: numbers.map(({ mean, low }) => mean - (low ?? mean)),
    ...style,
  };
}

/** A count with its noun. */
const count = (n, noun) => `${n} ${noun}${n === 1 ? "" : "s"}`;

const heading = (column) => (column.unit ? `${column.title} (${column.unit})` : column.title);

/** A labelled select; options are [value, text]. */
function select(label, options, chosen, onchange) {
  const field = make("select", {});
  field.append(...options.map(([value, text]) => make("option", { value }, short(text, 48))));
  field.value = chosen;
  field.addEventListener("change", () => onchange(field.value));
  return make("label", {}, make("span", {}, label), field);
}

/** Copies by the clipboard where the browser has one, else by a selection. */
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const field = make("textarea", { class: "unseen", "aria-hidden": "true", tabindex: "-1" });
    const focused = document.activeElement;
    field.value = text;
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    focused?.focus();
    return done;
  }
}

/** A text to copy, with its button. */
function copyable(what, text, tag = "pre") {
  const button = make("button", { type: "button", "aria-label": `Copy the ${what}` }, "Copy");
  button.addEventListener("click", async () => {
    const done = await copy(text);
    button.textContent = done ? "Copied" : "Select it and press Ctrl+C";
    byId("announcement").textContent = done
      ? `The ${what} is on the clipboard.`
      : "Copying failed.";
    setTimeout(() => {
      button.textContent = "Copy";
    }, 2000);
  });
  const box = make(tag, { tabindex: "0", role: "region", "aria-label": what }, text);
  return make("div", { class: "copyable" }, box, button);
}
