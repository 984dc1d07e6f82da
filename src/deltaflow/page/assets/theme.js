// Light, dark or paper: which of them the page is now, and its colours.

const prefersDark = matchMedia("(prefers-color-scheme: dark)");
const root = document.documentElement;
const printing = () => root.classList.contains("printing");

/** Whether the page is dark now. */
function isDark() {
  if (printing()) return false;
  return root.dataset.theme ? root.dataset.theme === "dark" : prefersDark.matches;
}

/** A colour of the style sheet. */
function ink(name) {
  const value = getComputedStyle(root).getPropertyValue(`--${name}`).trim();
  const both = /^light-dark\((\S+), (\S+)\)$/.exec(value);
  return both ? both[isDark() ? 2 : 1] : value;
}

/** The button for the other theme, remembered where the browser remembers. */
function setUpTheme(then) {
  const button = byId("theme");
  const show = () => {
    button.textContent = isDark() ? "Light theme" : "Dark theme";
  };
  button.hidden = false;
  show();
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    try {
      localStorage.setItem("deltaflow-theme", root.dataset.theme);
    } catch {
      // then it is not remembered
    }
    show();
    then();
  });
  prefersDark.addEventListener("change", () => {
    show();
    then();
  });
}
