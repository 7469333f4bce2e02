"""axe, which finds faults of a page that keep people with a disability from using it."""

from pathlib import Path
from typing import TYPE_CHECKING

import axe_playwright_python

if TYPE_CHECKING:
    from playwright.sync_api import Page

AXE = Path(axe_playwright_python.__file__).parent / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def faults(page: "Page", part: str = "html") -> list[tuple[str, list[str]]]:
    """The broken rules of a page as it is now, or of the part that a selector names, each with its elements."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text(encoding="utf-8"))
    return page.evaluate(
        """async ([part, rules]) => (await axe.run(part, { runOnly: rules, resultTypes: ["violations"] }))
        .violations.map(v => [v.id, v.nodes.map(n => n.html)])""",
        [part, RULES],
    )
