// Light or dark: as the visitor chose before, or as the system is set. It runs before anything is painted.
(() => {
  "use strict";
  const dark = matchMedia("(prefers-color-scheme: dark)");
  let chosen = null;
  try { chosen = localStorage.getItem("theme"); } catch { /* storage is off */ }
  const show = () => {
    const on = chosen ? chosen === "dark" : dark.matches;
    document.documentElement.classList.toggle("dark", on);
    document.body?.classList.toggle("dark", on); // the linked view watches the body
    const button = document.querySelector("#theme");
    if (button) button.textContent = on ? "Light" : "Dark";
  };
  dark.addEventListener("change", show);
  document.addEventListener("DOMContentLoaded", () => {
    show();
    if (location.protocol === "file:") { // browsers load no modules from there
      document.querySelector("#stage").textContent = "Opened as a file, the page cannot work. Serve its folder: python -m http.server, then open http://127.0.0.1:8000.";
    }
    document.querySelector("#theme").onclick = () => {
      chosen = document.documentElement.classList.contains("dark") ? "light" : "dark";
      try { localStorage.setItem("theme", chosen); } catch { /* storage is off */ }
      show();
    };
  });
  show();
})();
