// Before anything is painted: the theme that was chosen last time.
try {
  const kept = localStorage.getItem("deltaflow-theme");
  if (kept === "dark" || kept === "light") document.documentElement.dataset.theme = kept;
} catch { /* a browser that keeps nothing shows the system's theme */ }
