// Sets the theme before anything is drawn. It is no module, because modules run after that.
"use strict";
(() => {
  let theme = null;
  try {
    theme = localStorage.getItem("vitalspan-theme");
  } catch {
    // Storage may be switched off; the system's theme is used then.
  }
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
})();
