"""What axe-core, the checker of accessibility, finds on a page that a browser shows."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest
from browser import Browser

# What looks like two parts before it, in the same place of the page, is not looked at: the twentieth row of a table
# says nothing that the first two do not, and takes as long. Colours of its own make a part another one.
ALIKE = """(() => {
  const seen = new Map(), alike = [];
  const look = (node) => [node.tagName, ...['class', 'style', 'fill', 'stroke', 'opacity', 'role', 'type', 'tabindex']
    .map((name) => node.getAttribute(name)), node.getAttributeNames().sort(),
    [...node.childNodes].some((child) => child.nodeType === Node.TEXT_NODE && child.data.trim())].join();
  const shape = (node) => look(node) + '(' + [...node.children].map(shape).join(';') + ')';
  const walk = (node, path) => {
    const key = path + '>' + shape(node), times = (seen.get(key) || 0) + 1;
    seen.set(key, times);
    if (times > 2) alike.push(node);
    else for (const child of node.children) walk(child, path + '>' + look(node));
  };
  walk(document.body, '');
  return alike;
})()"""


@functools.cache
def _source() -> str:
    """The text of axe-core, from the package that brings it."""
    package = pytest.importorskip("axe_core_python", reason="axe-core-python is not installed: pip install -e '.[dev]'")
    return Path(package.__file__).with_name("axe.min.js").read_text(encoding="utf-8")


def serious(browser: Browser) -> list[str]:
    """What axe calls serious or critical: the rule, and where it is broken first."""
    if not browser.run("Boolean(globalThis.axe)"):
        browser.run(_source() + "; undefined")
    found: list[str] = browser.run(
        f"axe.run({{include: [document], exclude: {ALIKE}}}, {{resultTypes: ['violations']}}).then(r => r.violations"
        ".filter(v => v.impact === 'serious' || v.impact === 'critical')"
        ".map(v => v.id + ': ' + v.nodes.slice(0, 3).map(n => n.html.slice(0, 150)).join(' | ')))"
    )
    return found
