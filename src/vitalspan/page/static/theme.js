// Sets the theme before anything is drawn. It is not a module, because modules run after that.
"use strict";
(() => {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const setTheme = () => {
    let theme = null;
    try {
      theme = localStorage.getItem("vitalspan-theme");
    } catch {
      // Storage may be disabled; then the system's theme is used.
    }
    if (theme !== "light" && theme !== "dark") theme = system.matches ? "dark" : "light";
    document.documentElement.dataset.theme = theme;
  };
  setTheme();
  system.addEventListener("change", setTheme);
})();
