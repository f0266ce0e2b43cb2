"""axe-core, which finds what keeps people from using a page (npm's axe-core 4, MPL-2.0)."""

from pathlib import Path

from helpers.browser import Page

AXE = Path(__file__).parents[1] / "browser/axe.min.js"


def complaints(page: Page) -> list[str]:
    """What axe finds wrong by WCAG 2.2 AA, and its own best practices where they are serious."""
    page.js(AXE.read_text(encoding="utf-8") + ";0")
    found = page.js("axe.run({preload: false}).then(r => r.violations)")
    tags = {"wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"}
    return [
        f"{each['id']}: {[node['html'][:160] for node in each['nodes'][:3]]}"
        for each in found
        if tags & set(each["tags"]) or each["impact"] in ("serious", "critical")
    ]
