// Typesets the formulas, which Arithmatex has marked: \( \) in a line, \[ \] on their own.
for (const place of document.querySelectorAll(".arithmatex")) {
  const source = place.textContent.trim().slice(2, -2);
  katex.render(source, place, { displayMode: place.tagName === "DIV", throwOnError: false });
}
