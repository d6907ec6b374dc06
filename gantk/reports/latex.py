"""Text and tables of a page as LaTeX that compiles with pdflatex and stays inside the page.

templates/taking.js does the same for a table that is copied from a page; both read the signs from here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from gantk.reports.numbers import MINUS
from gantk.reports.tabular import Grid

_GREEK = (
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "nu", "xi",
    "o", "pi", "rho", "varsigma", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega",
)  # fmt: skip
_CAPITALS = ("Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Upsilon", "Phi", "Psi", "Omega")
_MATHS = {
    "\u00b1": r"\pm", "\u00b0": r"^\circ", "\u00b7": r"\cdot", "\u00d7": r"\times", "\u00f7": r"\div", "\u00b2": "^2",
    "\u00b3": "^3", "\u00b5": r"\mu", "\u2190": r"\leftarrow", "\u2191": r"\uparrow", "\u2192": r"\to",
    "\u2193": r"\downarrow", "\u2194": r"\leftrightarrow", "\u21d2": r"\Rightarrow", "\u2208": r"\in",
    "\u221a": r"\surd", "\u221e": r"\infty", "\u2248": r"\approx", "\u2260": r"\neq", "\u2264": r"\leq",
    "\u2265": r"\geq", MINUS: "-", "<": "<", ">": ">", "|": "|",
}  # fmt: skip
_MATHS |= {chr(0x3B1 + place): "o" if name == "o" else "\\" + name for place, name in enumerate(_GREEK)}
# A capital stands 32 before its small letter; the others look as Latin ones.
_MATHS |= {chr(0x391 + _GREEK.index(name.lower())): "\\" + name for name in _CAPITALS}
_ALIKE = "\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a7"
_MATHS |= dict(zip(_ALIKE, "ABEZHIKMNOPTX", strict=True))
SIGNS: dict[str, str] = {
    "\\": r"\textbackslash{}",
    "--": "-{}-",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "[": "{[}",  # behind a line break it would begin an option, a star too
    "*": "{*}",
    "\u00a0": "~",
    "\u202f": r"\,",
    "\u2009": r"\,",
    "\u2013": "--",
    "\u2026": r"\ldots{}",
    **{sign: rf"\ensuremath{{{name}}}" for sign, name in _MATHS.items()},
    "{": r"\textbraceleft{}",  # BibTeX counts the braces of \{ too
    "}": r"\textbraceright{}",
    **{sign: "\\" + sign for sign in "&%$#_"},
}
"""What stands for a sign in LaTeX."""
SIGNIFICANT = r"--|[^A-Za-z0-9 .,;:()+]"
READ = r"[!-~\u00a1-\u017f\u2014\u2018\u2019\u201c\u201d\u2022\u20ac]"
"""What pdflatex reads as it is, but for `UNREAD`: both in the syntax that Python and JavaScript share."""
UNREAD = (
    "\u00ab\u00bb\u00ad\u00d0\u00de\u00f0\u00fe\u0104\u0105\u0110\u0111\u0118\u0119\u0126\u0127\u012e\u012f\u0138\u013f"
    "\u0140\u0149\u014a\u014b\u0166\u0167\u0172\u0173\u017f"
)
_SIGNIFICANT, _READ = re.compile(SIGNIFICANT), re.compile(READ)


def latex_text(text: str) -> str:
    """`text` on one line, with every sign that LaTeX reads as a command replaced.

    A sign that pdflatex has no letter for is named by its number, such as [U+4E2D].
    """
    return _SIGNIFICANT.sub(lambda match: _sign(match.group()), text)


def _sign(sign: str) -> str:
    if sign in SIGNS:
        return SIGNS[sign]
    if _READ.fullmatch(sign) and sign not in UNREAD:
        return sign
    return " " if sign < " " or "\x7f" <= sign < "\u00a0" else f"{{[}}U+{ord(sign):04X}]"


LINE = 340.0  # width of a page's text in the class `article`, in pt
GAP = 6.0  # between two columns
BROKEN = 30  # letters from which on a column of text is broken into lines
LEAD = 2  # columns at most that name a row
LONG = 40  # rows from which on a table runs over pages
# Sizes of letters and the width of one of theirs in pt, widest first.
SIZES = (("normalsize", 5.2), ("small", 4.8), ("footnotesize", 4.4), ("scriptsize", 4.1))


def latex(grid: Grid, caption: str = "") -> str:
    """A `tabular`, in a `table` where there is a caption; of more than `LONG` rows a `longtable`.

    Letters become smaller until the columns fit `LINE`; columns that do not fit at the smallest size follow in a
    second table that names its rows again. Only a `longtable` needs a package, of its own name.
    """
    widths, heads = _widths(grid), _heads(grid)
    size, letter = next((s for s in SIZES if _taken(widths, s[1]) <= LINE), SIZES[-1])
    long = len(grid.rows) > LONG
    parts = _parts(grid, widths, letter)
    body: list[str] = []
    for number, places in enumerate(parts):
        if number:
            body += ["", r"\bigskip"]
        body += _tabular(grid, heads, widths, places, long, caption if long and not number else "")
    sized = [rf"\{size}", r"\setlength{\tabcolsep}{3pt}", *body]
    if caption and not long:
        lines = [
            r"\begin{table}",
            r"\centering",
            *sized,
            rf"\normalsize\caption{{{latex_text(caption)}}}",
            r"\end{table}",
        ]
    else:
        lines = [*([r"% \usepackage{longtable}"] if long else []), r"\begingroup", *sized, r"\endgroup"]
    return "\n".join(lines) + "\n"


def _widths(grid: Grid) -> list[int]:
    """Letters of each column: of its longest cell, at most `BROKEN`, and of the longest word of its name."""
    found = []
    for place, name in enumerate(grid.names):
        longest = max((len(row[place]) for row in grid.rows), default=0)
        longest = min(longest, BROKEN) if grid.align[place] == "l" else longest
        found.append(max([longest, *map(len, name.split())]))
    return found


def _taken(widths: Sequence[int], letter: float) -> float:
    return sum(width * letter + GAP for width in widths)


def _parts(grid: Grid, widths: Sequence[int], letter: float) -> list[list[int]]:
    """The places of the columns of each table; each repeats what names its rows: the columns up to the first text."""
    lead = list(range(min(grid.align.find("l") + 1, LEAD) or 1))
    parts = [lead[: len(widths)]]
    for place in range(len(lead), len(widths)):
        if len(parts[-1]) > len(lead) and _taken([widths[p] for p in (*parts[-1], place)], letter) > LINE:
            parts.append([*lead])
        parts[-1].append(place)
    return parts


def _heads(grid: Grid) -> list[str]:
    """The names of the columns, in lines no longer than the column is wide."""
    heads = []
    for name, width, side in zip(grid.names, _widths(grid), grid.align, strict=True):
        lines: list[str] = []
        for word in name.split():
            if lines and len(lines[-1]) + 1 + len(word) <= width:
                lines[-1] += " " + word
            else:
                lines.append(word)
        shown = r" \\ ".join(map(latex_text, lines))
        heads.append(rf"\shortstack[{side}]{{\strut {shown}}}" if len(lines) > 1 else shown)
    return heads


def _tabular(grid: Grid, heads: list[str], widths: list[int], places: list[int], long: bool, caption: str) -> list[str]:
    broken = [grid.align[p] == "l" and any(len(row[p]) > BROKEN for row in grid.rows) for p in places]
    kinds = "".join(f"p{{{widths[p] / 2:g}em}}" if b else grid.align[p] for p, b in zip(places, broken, strict=True))
    kind = "longtable" if long else "tabular"
    head = [r"\hline", _row([heads[p] for p in places]), r"\hline"]
    lines = [rf"\begin{{{kind}}}{{{kinds}}}"]
    lines += [rf"\caption{{{latex_text(caption)}}}\\"] if caption else []
    lines += [*head, *([r"\endhead"] if long else [])]
    for row in grid.rows:
        cells = (latex_text(row[p]) for p in places)
        # paths of commands may end a line behind a slash
        ended = (
            r"\raggedright " + c.replace("/", r"/\allowbreak{}") if b else c for c, b in zip(cells, broken, strict=True)
        )
        lines.append(_row(list(ended)))
    return [*lines, r"\hline", rf"\end{{{kind}}}"]


def _row(cells: Sequence[str]) -> str:
    return " & ".join(cells) + r" \tabularnewline"


def rules() -> str:
    """What templates/taking.js needs to write the same, as JSON."""
    sizes = [[name, letter] for name, letter in SIZES]
    given = {"signs": SIGNS, "significant": SIGNIFICANT, "read": READ, "unread": UNREAD}
    return json.dumps({**given, "line": LINE, "gap": GAP, "broken": BROKEN, "long": LONG, "lead": LEAD, "sizes": sizes})
