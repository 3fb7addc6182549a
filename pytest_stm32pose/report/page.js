// pytest-html's own page, as of its release 4, for screen readers: it has no language, its filters have no names, and its
// lists hold empty lists.
addEventListener("load", () => {
  document.documentElement.lang = "en";
  for (const box of document.querySelectorAll("input.filter")) {
    const words = box.nextElementSibling;
    if (words) box.setAttribute("aria-label", "Show tests: " + words.textContent.replace(/,\s*$/, ""));
  }
  for (const list of document.querySelectorAll("#environment ul > ul:empty")) list.remove();
});
