// Before anything is painted: scripts run here, and the theme is the one chosen last time.
document.documentElement.classList.remove("no-script");
try {
  const kept = localStorage.getItem("deltaflow-theme");
  if (kept === "dark" || kept === "light") document.documentElement.dataset.theme = kept;
} catch {
  /* a browser that keeps nothing shows the system's theme */
}
