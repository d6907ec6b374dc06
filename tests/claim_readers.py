"""What sentences of pages say, recomputed from results: patterns, checks, and results that make sentences appear.

A reader is (pattern, check): the check gets the result and the match, and says whether the sentence is true. Nothing
here calls the functions that write the sentences.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from gantk.predictors.departure import Departure
from gantk.runs.table import GROUPS, TASKS

Reader = tuple[str, Callable[[Any, re.Match[str]], bool]]
COMMANDS = {*TASKS, *GROUPS, "web", "navigan export"}
NUMBER = r"([-+\u2212]?\d+(?:\u202f\d{3})*(?:\.\d+)?(?:e[-+\u2212]?\d+)?)"
CODES = r"(?:\d+ )?sampled codes?"
SHARE = r"((?:less than |more than )?[\d.]+) %"


def read(text: str) -> float:
    """A number as pages write it."""
    return float(text.replace("\u2212", "-").replace("\u202f", ""))


def close(text: str, value: float) -> bool:
    """Whether a number as written is the value, to the digits written."""
    digits = len(text.partition(".")[2]) if "e" not in text else 3
    return abs(read(text) - value) <= 0.5 * 10.0**-digits * 1.001 + (abs(value) * 1e-2 if "e" in text else 0)


def near(text: str, value: float) -> bool:
    """Whether a number with significant digits is the value."""
    return abs(read(text) - value) <= 0.006 * abs(value) + 1e-9


def share(text: str, value: float) -> bool:
    """Whether a share in percent is the value."""
    if text.startswith("less"):
        return 0 < value < 0.001
    if text.startswith("more"):
        return 0.999 < value < 1
    return close(text, 100 * value) and not (float(text) in (0.0, 100.0) and value not in (0.0, 1.0))


def always(result: Any, match: re.Match[str]) -> bool:
    """For sentences without a number, whose condition the pattern itself names."""
    return True


def change(part: str, **fields: Any) -> Callable[[Any], Any]:
    """A result whose field is changed in every part of a tuple."""

    def apply(result: Any) -> Any:
        parts = tuple(dataclasses.replace(each, **fields) for each in getattr(result, part))
        return dataclasses.replace(result, **{part: parts})

    return apply


# --- HiGAN -----------------------------------------------------------------------------------------------------------


def gains(result: Any) -> dict[str, float]:
    """Boundary -> gain in standard deviations, of those whose attribute varies."""
    return {each.name: each.whole.gain / each.deviation for each in result.boundaries if each.deviation > 0}


def strongest(result: Any, match: re.Match[str]) -> bool:
    name, gain, low, high, attribute, distance, num = match.groups()
    best = next(each for each in result.boundaries if each.name == name)
    ends = (best.whole.low / best.deviation, best.whole.high / best.deviation)
    return bool(
        gains(result)[name] == max(gains(result).values())
        and close(gain, gains(result)[name])
        and close(low, ends[0])
        and close(high, ends[1])
        and best.attribute == attribute
        and near(distance, result.distance)
        and int(num) == result.num
    )


def selective(result: Any, match: re.Match[str]) -> bool:
    count = 0
    for place, each in enumerate(result.boundaries):
        size = np.abs(np.asarray(result.change)[place, 0])
        own = size[result.attributes.index(each.attribute)]
        count += bool(own > 0 and own >= 2 * max(np.delete(size, result.attributes.index(each.attribute)), default=0))
    return int(match[1]) == count and int(match[2]) == len(result.boundaries)


def alone_selective(result: Any, match: re.Match[str]) -> bool:
    size = np.abs(np.asarray(result.change)[0, 0])
    own = result.attributes.index(result.boundaries[0].attribute)
    most = max(np.delete(size, own), default=0)
    return len(result.boundaries) == 1 and bool(size[own] > 0 and size[own] >= 2 * most) == ("not" not in match[1])


def within(result: Any, match: re.Match[str]) -> bool:
    weak = {each.name for each in result.boundaries if len(each.random) and each.whole.gain <= each.random.max()}
    return bool(weak) and set(re.findall(r"`([^`]+)`", match[1])) <= weak


def beyond(result: Any, match: re.Match[str]) -> bool:
    return all(len(each.random) and each.whole.gain > each.random.max() for each in result.boundaries)


def trained(result: Any, match: re.Match[str]) -> bool:
    """One boundary with its figures."""
    found = result.boundaries[0].figures
    told = dict(re.findall(r"(accuracy|stability) ([-\d.]+)", match[3] or ""))
    right = all(
        (value is not None) == (key in told) and (value is None or close(told[key], value))
        for key, value in (("accuracy", found.accuracy_val), ("stability", found.stability))
    )
    return len(result) == 1 and (match[1], match[2]) == (result.boundaries[0].name, result.space) and right


def several_trained(result: Any, match: re.Match[str]) -> bool:
    """How many boundaries, with the range of either figure."""
    for word, key in (("accuracy", "accuracy_val"), ("stability", "stability")):
        known = [value for each in result.boundaries if (value := getattr(each.figures, key)) is not None]
        text = re.sub(r" ([-\d.]+) for all", r" from \1 () to \1 (", match[3] or "")
        told = re.search(rf"{word}[^;]*? from ([-\d.]+) \(.*?\) to ([-\d.]+) \(", text)
        if bool(known) != bool(told):
            return False
        if told and not (close(told[1], min(known)) and close(told[2], max(known))):
            return False
    return int(match[1]) == len(result) > 1 and match[2] == result.space


def all_stable(result: Any, match: re.Match[str]) -> bool:
    return all(each.figures.stability is not None and each.figures.stability >= 0.8 for each in result.boundaries)


def unstable(result: Any, match: re.Match[str]) -> bool:
    low = [each for each in result.boundaries if each.figures.stability is not None and each.figures.stability < 0.8]
    told = re.findall(r"(\S+) \(stability ([-\d.]+)\)", match[1])
    ridge = all(each.solver == "ridge" for each in low)
    return (
        bool(told)
        and all(close(s, result[n].figures.stability) for n, s in told)
        and ridge == ("--solver" not in match[0])
    )


def scored(result: Any, match: re.Match[str]) -> bool:
    names = {each.name for each in result.boundaries}
    return bool(match[1]) and bool(names)


def _goes_as_far(result: Any, match: re.Match[str]) -> bool:
    """Every direction with its ends: all steps up to them keep nine tenths, and the next ones do not."""
    for moved in result.moved:
        steps = moved.departures
        ends = re.search(rf"{re.escape(moved.walk.name)}: from {NUMBER} to {NUMBER} at least 90 % as many", match[1])
        low, high = (0.0, 0.0) if ends is None else (float(ends[1]), float(ends[2]))
        inside = [step for step in steps if low <= step.distance <= high and step.distance]
        beyond = [
            *[step for step in steps if step.distance < min(low, 0)][-1:],
            *[step for step in steps if step.distance > max(high, 0)][:1],
        ]
        if any(step.near < 0.9 for step in inside) or any(step.near >= 0.9 for step in beyond):
            return False
        if ("all that was tried" in match[1]) != (not beyond):
            return False
    return True


HIGAN: dict[str, list[Reader]] = {
    "rescore": [
        (
            r"`(.+)` raises its attribute(?: most:)? by (\S+) \(95 % interval (\S+) to (\S+)\) standard deviations "
            r"of `(.+)` at "
            r"distance (\S+), over (\d+) samples?\.",
            strongest,
        ),
        (r"(\d+) of (\d+) boundaries (?:is|are) selective.*", selective),
        (r"It is (selective: it changes|not selective: it does not change) its own .*", alone_selective),
        (
            r"(`.*) (?:raises its attribute|raise their attributes) no more than the best of (\d+) random directions? "
            r"of the same length\.",
            within,
        ),
        (r"(?:It|Every boundary) raises? its attribute more than .*", beyond),
        (r"No boundary raises its attribute over (\d+) samples?\.", lambda r, m: max(gains(r).values()) <= 0),
        (r"The attributes of these boundaries never vary over (\d+) samples?\.", lambda r, m: not gains(r)),
        (r"No random direction was tried.*", lambda r, m: not any(len(each.random) for each in r.boundaries)),
    ],
    "train-boundary": [
        (r"The boundary of (.+) was found in (\w+)(?:: (.*))?\.", trained),
        (r"(\d+) boundaries were found in (\w+)(?:: (.*))?\.", several_trained),
        (r"No stability is below 0\.8: .*", all_stable),
        (r"The split was drawn as the original draws it\.", lambda r, m: r.compat),
        (r"The direction of (.*) depends on the split.*", unstable),
        (
            r"boundary_list\.txt leaves out (.*): .* such as `RUN/(.*)\.safetensors`\.",
            lambda r, m: m[2] in [e.file for e in r.boundaries if e.name.startswith(m[1][:9]) and "(" in e.name],
        ),
        (
            r"The solver did not converge for (.*): try .*",
            lambda r, m: m[1].split(",")[0].split(" and ")[0] in {e.name for e in r.boundaries if not e.converged},
        ),
        (
            r"Both ends of (.*) contain samples of the same score.*",
            lambda r, m: m[1].split(",")[0].split(" and ")[0] in {e.name for e in r.boundaries if e.tied},
        ),
    ],
    "synthesize": [
        (
            r"(\d+) samples?.* (?:is|are) kept as latents in ([^,;]*?(?:, (?:z|w|wp))*)"
            r"(?:, with (\d+) attributes? scored by (.*))?\.",
            lambda r, m: (
                int(m[1]) == r.num
                and m[2].split(", ") == list(r.spaces)
                and (m[3] is None or (int(m[3]) == len(r.summaries) and m[4] == r.predictor))
            ),
        ),
        (
            r"The predictor gave no number for some samples, which are left out: (.*)\.",
            lambda r, m: all(r.summaries[n].missing == int(c) for n, c in re.findall(r"(\w+) of (\d+)", m[1])),
        ),
    ],
    "manipulate": [
        (
            r"(\d+) samples? (?:was|were) moved along (.*) in (\d+) steps?\.",
            lambda r, m: int(m[1]) == r.num and int(m[3]) == len(r.moved[0].distances) and r.moved[0].walk.name in m[2],
        ),
        (r"(.*: (?:from|at none of) .*\.)", _goes_as_far),
    ],
}

# --- directions of other systems -------------------------------------------------------------------------------------


def regions(result: Any) -> dict[str, dict[str, float]]:
    """Region -> method -> ROIR at the middle level."""
    middle = result.levels[len(result.levels) // 2]
    return {
        each.name: {s.method: s.roir for s in each.scores if s.level == middle and s.roir is not None}
        for each in result.regions
    }


def most_local(result: Any, match: re.Match[str]) -> bool:
    for sentence in match[1].split("\n"):
        name = re.search(r"\*\*(.+)\*\*", sentence)
        assert name is not None
        at = regions(result)[name[1]]
        own, rest = at["resefa"], min(value for method, value in at.items() if method != "resefa")
        if "the most local" in sentence and not own < rest:
            return False
        if "less local than" in sentence and not rest < own:
            return False
        if "as local as" in sentence and own != rest:
            return False
        told = re.findall(r"(?:is|of|has) (\d\S*\d)", sentence.partition(": ")[2])
        if not told or not all(close(text, value) for text, value in zip(told, (own, rest), strict=False)):
            return False
    return True


def random_first(result: Any, match: re.Match[str]) -> bool:
    told = set(match[1].split(" and "))
    return all(
        any(at["random"] < at[method] for at in regions(result).values() if "random" in at and method in at)
        for method in told
    )


def told_apart(result: Any, match: re.Match[str]) -> bool:
    """Ends of Wilson's interval are the shares that lie 1.96 standard errors of their own from what was counted."""
    p, n = result.held_out, result.held_out_edits
    z, root = 1.959964, np.sqrt(p * (1 - p) * n + 1.959964**2 / 4)
    ends = [(p * n + z * z / 2 + side * z * root) / (n + z * z) for side in (-1, 1)]
    counts = [int(match[1]), int(match[4]), int(match[8])] == [len(result), len(result), n]
    figures = zip(match.groups()[4:7], (p, *np.clip(ends, 0, 1)), strict=True)
    return counts and all(share(text, value) for text, value in figures) and share(match[9], 1 / len(result))


def by_chance(result: Any, match: re.Match[str]) -> bool:
    chance = 1 / len(result)
    error = np.sqrt(chance * (1 - chance) / result.held_out_edits)
    return bool(result.held_out <= chance + 1.959964 * error)


DIRECTIONS: dict[str, list[Reader]] = {
    "sefa": [
        (
            rf"(\d+) directions were found in (\w+), .* the first has {SHARE} of the sum of their eigenvalues\.",
            lambda r, m: int(m[1]) == len(r.direction) > 1 and share(m[3], r.eigenvalues[0] / r.eigenvalues.sum()),
        ),
        (
            r"(\d+) directions? (?:was|were) found in (\w+), from the weights of the chosen rows\.",
            lambda r, m: int(m[1]) == len(r.direction),
        ),
        (r"Every eigenvalue is 0.*", lambda r, m: not np.asarray(r.eigenvalues).any()),
    ],
    "ganspace": [
        (
            rf"(\d+) components? (?:was|were) found in (.*); the first explains {SHARE} of the variance of {CODES}, "
            rf"all of them together {SHARE}\.",
            lambda r, m: (
                int(m[1]) == len(r.direction)
                and share(m[3], float(r.explained[0]))
                and share(m[4], min(float(r.explained.sum()), 1.0))
            ),
        ),
        (
            rf"1 component of (.*) explains {SHARE} of the variance of {CODES}\.",
            lambda r, m: len(r.direction) == 1 and m[1] == r.layer and share(m[2], float(r.explained[0])),
        ),
        (
            r"(\d+) components? (?:was|were) found in ([^;]*)\.",
            lambda r, m: int(m[1]) == len(r.direction) and m[2] == r.layer,
        ),
        (r"The first component explains none.*", lambda r, m: not r.explained[0] > 0),
        (
            r"(\d+) sampled codes? of (\d+) coordinates are few: .* at least 10 for each coordinate .*",
            lambda r, m: int(m[2]) == r.direction.vectors.shape[-1] and int(m[1]) < 10 * int(m[2]),
        ),
    ],
    "stylespace": [
        (
            r"(\d+) of (\d+) channels? of the styles \(space s\) changes? one of (\d+) regions?.*",
            lambda r, m: [int(x) for x in m.groups()] == [sum(r.belonging), r.channels, len(r.regions)],
        ),
        (
            rf"The most local one listed is `(.+)`: per pixel it changes the region (\w+) {NUMBER} times .*",
            lambda r, m: close(m[3], max(part.locality for part in r.by_region)) and float(m[3]) >= 1,
        ),
        (r"Regions were looked at in (\d+) samples? only.*", lambda r, m: int(m[1]) == r.looked < 8),
        (
            r"The channels of attributes were chosen by the (\d+) highest scored samples? only.*",
            lambda r, m: int(m[1]) == r.chosen < 8,
        ),
    ],
    "resefa jacobian": [
        (
            r"The derivatives of (\d+) samples? in (\d+) coordinates? were taken for regions? (.*)\.",
            lambda r, m: (int(m[1]), int(m[2]), m[3]) == (r.facts.samples, r.facts.dim, ", ".join(r.facts.names)),
        ),
        (
            rf"A random unit step changes (\S+) {NUMBER} times as much .*",
            lambda r, m: any(
                e.name == m[1] and e.inside > e.outside and close(m[2], e.inside / e.outside) for e in r.responses
            ),
        ),
        (r"No pixel of any sample is (.*): .*", lambda r, m: any(e.share == 0 for e in r.responses)),
    ],
    "resefa directions": [
        (
            r"(\d+) files? (?:was|were) written as the released script writes them\.",
            lambda r, m: int(m[1]) == len(r.compat),
        ),
        (
            r"Along the first direction of (.*) the mean .* to first order, (.*) times as large inside as outside\.",
            lambda r, m: all(
                near(value, float(r[name].quotients[0]))
                for name, value in zip(*(re.split(", | and ", each) for each in m.groups()), strict=True)
            ),
        ),
        (
            r"ROIR \(change outside over inside\) where .* changes by .*:\n(- \*\*.+\*\*: its directions are .*)",
            most_local,
        ),
        (r"Random directions are more local than (.*?) for .*", random_first),
        (
            r"ROIR was measured on (\d+) held-out samples? only.*",
            lambda r, m: int(m[1]) == min(each.direction.meta["held_out"] for each in r.regions) < 8,
        ),
        (r"No direction of (.*) changes it by .*", lambda r, m: any("resefa" not in at for at in regions(r).values())),
    ],
    "navigan hessian": [
        (
            rf"(\d+) eigenvectors? of .* found from (\d+) samples?, with {SHARE} of the Hessian's trace; (\d+) "
            r"products? .*",
            lambda r, m: (
                [int(m[1]), int(m[2]), int(m[4])] == [len(r), r.num, r.spectrum.products]
                and share(m[3], r.spectrum.exact.captured)
            ),
        ),
        (
            r"(\d+) eigenvectors? of [^,]* found from (\d+) samples?; (\d+) products? .*",
            lambda r, m: [int(x) for x in m.groups()] == [len(r), r.num, r.spectrum.products],
        ),
        (r"The search stopped before all residuals were small.*", lambda r, m: not r.spectrum.exact.converged),
        (
            rf"The two halves of the samples share only {SHARE} .*",
            lambda r, m: share(m[1], r.spectrum.exact.agreement) and r.spectrum.exact.agreement < 0.7,
        ),
    ],
    "navigan svd": [
        (
            rf"(\d+) singular directions? of (.*); the largest singular value is {NUMBER}\.",
            lambda r, m: int(m[1]) == len(r) and near(m[3], float(max(r.singular_values))),
        ),
        (r"Singular vectors are found from the weight alone.*", always),
    ],
    "navigan train": [
        (
            r"(\d+) directions? of (.*) were learned in (\d+) steps?: a network names the right one of (\d+) in "
            rf"{SHARE} \(95 % interval {SHARE} to {SHARE}\) of (\d+) edits? that training "
            rf"never saw; chance is {SHARE}\.",
            told_apart,
        ),
        (r"1 direction of (.*) was learned in (\d+) steps?\.", lambda r, m: len(r) == 1 and int(m[2]) == r.steps),
        (r"The interval of that share does not lie above chance.*", by_chance),
    ],
    "navigan apply": [
        (
            r"(\d+) samples? (?:was|were) moved, each along its own direction of (.*)\.",
            lambda r, m: int(m[1]) == r.total and bool(r.each),
        ),
        (
            r"(\d+) samples? (?:was|were) moved along (\d+) directions? of (.*)\.",
            lambda r, m: (int(m[1]), int(m[2]), m[3]) == (r.total, len(r.edited), r.layer),
        ),
    ],
    "atlas": [
        (
            r"Nothing here is steady: what (\d+) directions? of (\d+) systems? .*",
            lambda r, m: [int(x) for x in m.groups()] == [len(r.charted), len(r.systems)] and not _any_steady(r),
        ),
        (
            r"(\d+) directions? of (\d+) systems? make (\d+) groups? of equal effect; (\d+) of them (?:was|were) .*",
            lambda r, m: (
                [int(x) for x in m.groups()]
                == [len(r.charted), len(r.systems), len(r.groups), sum(len(g.systems) > 1 for g in r.groups)]
            ),
        ),
        (
            r"(\d+) of (\d+) attributes?(?: \((.*)\))? (?:has|have) a selective direction.*",
            lambda r, m: (
                int(m[1]) == len(_selective(r))
                and int(m[2]) == len(r.attributes)
                and set(filter(None, re.split(", | and ", m[3] or ""))) == _selective(r)
            ),
        ),
        (r"By the clearest directions, (.*)\.", lambda r, m: _carried(m[1]) == _by_third(r)),
        (r"Directions were measured on (\d+) samples? only, .*", lambda r, m: int(m[1]) == r.samples < 8),
        (
            r"No direction changes (.*) at least 2 times as much as any other attribute\.",
            lambda r, m: all(
                h.selectivity < 2
                for h in map(r.head, r.groups)
                if h.attribute >= 0 and r.attributes[h.attribute] in re.split(", | and ", m[1])
            ),
        ),
        (r"There is no predictor of attributes.*", lambda r, m: not r.attributes),
    ],
}


def _selective(result: Any) -> set[str]:
    """Attributes that a direction changes twice as much as any other."""
    heads = map(result.head, result.groups)
    return {result.attributes[h.attribute] for h in heads if h.attribute >= 0 and h.selectivity >= 2}


def _carried(text: str) -> dict[str, set[str]]:
    """Third of the layers -> what a sentence says of it."""
    parts = re.findall(r"(?:the )?(\w+) (?:layers|ones) \([^)]*\)(?: carry| change)? ([^;]+)", text)
    return {third: set(re.split(", | and ", names)) - {"none"} for third, names in parts}


def _by_third(result: Any) -> dict[str, set[str]]:
    """Third of the layers -> attributes, or regions, whose first group of the table does most in one of its rows."""
    names: dict[str, set[str]] = {third: set() for third in result.rows}
    seen: set[int] = set()
    for head in map(result.head, result.groups):
        place = head.attribute if result.attributes else head.region
        if place < 0 or place in seen or (result.attributes and head.selectivity < 2):
            continue
        seen.add(place)
        if head.effect_L is not None and np.isfinite(head.effect_L).any():
            names[result.rows[int(np.nanargmax(head.effect_L))]].add((result.attributes or result.regions)[place])
    return names


def _any_steady(result: Any) -> bool:
    """Whether most named changes are beyond their intervals; unnamed directions against random ones."""
    from scipy.stats import mannwhitneyu

    heads = [result.charted[group.members[0]] for group in result.groups]
    named = [abs(h.change_A[h.attribute]) > h.error_A[h.attribute] for h in heads if h.attribute >= 0]
    if named:
        return bool(np.mean(named) >= 0.5)
    codes = [part.across for part in result.charted if part.space in ("z", "w", "wp")]
    if not codes:
        return True
    luck = mannwhitneyu(codes, result.random_steady, alternative="greater").pvalue
    usual = np.median(result.random_steady)
    return bool(luck < 0.05 and np.median(codes) >= max(1.5 * usual, usual + 0.035))


NAVIGAN: list[Reader] = [
    (
        r"(\d+) directions? never moved the pictures as far as was asked.*",
        lambda r, m: int(m[1]) == sum(not curve.reached for curve in r.curves) > 0,
    ),
    (r"No metric was given.*", lambda r, m: r.metric is None),
]
for _task in ("navigan hessian", "navigan svd", "navigan train"):
    DIRECTIONS[_task] += NAVIGAN

# --- LSE -------------------------------------------------------------------------------------------------------------


def miou(text: str, scores: Any, names: Any, intervals: Any = None) -> bool:
    """ "a mIoU of 0.72 (95 % interval 0.69 to 0.75, lowest: sun, 0.27)" of scores."""
    ends = re.search(r"95 % interval ([\d.]+) to ([\d.]+)", text)
    if (ends is None) != (intervals is None):
        return False
    if ends and not all(close(told, end) for told, end in zip(ends.groups(), intervals.paper_miou, strict=True)):
        return False
    match = re.search(r"mIoU of ([\d.-]+)(?: \((?:.*, )?lowest: (.+), ([\d.]+)\))?", text)
    assert match is not None
    seen = {name: float(value) for name, value in zip(names, scores.paper_K, strict=True) if value >= 0}
    low = match[2] is None or (seen[match[2]] == min(seen.values()) and close(match[3], min(seen.values())))
    return close(match[1], scores.paper_miou) and low and (match[2] is None) == (not seen)


def poor(values: Any, names: Any, text: str) -> bool:
    seen = dict(zip(names, values, strict=True))
    told = re.findall(r"([\w ]+?) \(([\d.]+)\)", text.replace(" and ", ", ").replace(", ", ","))
    return bool(told) and all(seen[name] < 0.5 and close(value, seen[name]) for name, value in told)


def best_head(result: Any, match: re.Match[str]) -> bool:
    count, head, model, value, low, high, num = match.groups()
    top = max(each.scores.paper_miou for each in result.scores)
    named = [e for e in result.scores if e.head == head and e.model == model and e.scores.paper_miou == top]
    ends = named[0].intervals.paper_miou
    right = close(value, top) and close(low, ends[0]) and close(high, ends[1])
    return int(count or 1) == len(result.scores) and bool(named) and right and int(num) == result.num


def overlapping(result: Any, match: re.Match[str]) -> bool:
    best = max(result.scores, key=lambda each: each.scores.paper_miou)
    named = re.split(", | and ", match[1])
    return all(
        any(e.head == head and e.intervals.paper_miou[1] >= best.intervals.paper_miou[0] for e in result.scores)
        for head in named
        if not head.endswith("more")
    )


def last_shot(result: Any, match: re.Match[str]) -> bool:
    row = result.shots[-1]
    numbers = re.findall(r"[\d.]*\d", match[2])
    kept = match[0].find("of that of the head of many images") < 0 or share(
        re.search(rf"{SHARE} of that", match[0])[1],  # type: ignore[index]
        row.scores.of_full,
    )
    counts = (int(match[1]), int(match[3])) == (row.shots, result.num_eval)
    return counts and close(numbers[0], row.scores.paper_miou) and kept


def best_trained(result: Any, name: str) -> Any:
    """The scores of the head with the largest mIoU, which has this name."""
    best = max((e for e in result.trainings if e.scores is not None), key=lambda e: e.scores.paper_miou)
    assert best.name == name
    return best.scores


LSE: dict[str, list[Reader]] = {
    "lse train": [
        (
            r"On (\d+) held-out images?, against the labels of .*?, (.* has a mIoU .*)\.",
            lambda r, m: (
                int(m[1]) == r.held_out
                and all(
                    miou(part, each.scores, r.class_names, each.intervals)
                    for part, each in zip(
                        m[2].split("; "), [e for e in r.trainings if e.scores is not None], strict=True
                    )
                )
            ),
        ),
        (
            r"(.*) (?:was|were) trained on the labels of (.*)\.",
            lambda r, m: not any(each.scores for each in r.trainings),
        ),
        (r"No pixel of any image is (.*), so no head .*", lambda r, m: r.empty_classes[0] in m[1]),
        (
            r"The IoU of these classes is below 0.5 by (\S+): (.*)\. Take more .*",
            lambda r, m: poor(best_trained(r, m[1]).paper_K, r.class_names, m[2]),
        ),
    ],
    "lse fewshot": [
        (
            r"A linear head of (\d+) labelled images? has a mIoU of (.*?)(?:,.*)?, on (\d+) fresh images? judged by .*",
            last_shot,
        ),
        (r"A linear head was fitted to (\d+) images? labelled by (.*)\.", lambda r, m: r.shots[-1].scores is None),
        (
            r"The IoU of these classes is below 0.5: (.*)\. Label images .*",
            lambda r, m: poor(r.shots[-1].scores.classes, r.class_names, m[1]),
        ),
    ],
    "lse evaluate": [
        (
            r"(?:The best of (\d+) heads is )?(\S+) of (\S+?)(?: has|, with) a mIoU of (\S+) \(95 % interval (\S+) to "
            r"(\S+)\) on (\d+) images?\.",
            best_head,
        ),
        (r"The 95 % interval of (.*) overlaps that of .*", overlapping),
    ],
    "lse sample": [
        (
            rf"{SHARE} of the wanted pixels of (\d+) label maps? are as wanted in (\d+) samples?, as .* labels them; "
            r"the samples? (?:has|have) (a mIoU .*)\.",
            lambda r, m: (
                share(m[1], r.scores.accuracy)
                and [int(m[2]), int(m[3])] == [len(r.targets), sum(len(each.samples) for each in r.targets)]
                and miou(m[4], r.scores, r.class_names)
            ),
        ),
        (
            r"The IoU of these classes is below 0.5: (.*)\. Take more .*",
            lambda r, m: poor(r.scores.paper_K, r.class_names, m[1]),
        ),
    ],
    "lse edit": [
        (
            rf"{SHARE} of the strokes' pixels have their class, {SHARE} before; pixels outside the strokes changed by "
            rf"{NUMBER} .*",
            lambda r, m: share(m[1], r.followed[1]) and share(m[2], r.followed[0]) and close(m[3], r.changed),
        ),
        (
            r"The image was edited; pixels outside the strokes changed by " rf"{NUMBER} .*",
            lambda r, m: close(m[1], r.changed),
        ),
        (r"No more pixels of the strokes .*", lambda r, m: r.followed[1] <= r.followed[0]),
    ],
}

# --- GH-Feat ---------------------------------------------------------------------------------------------------------


def left_out(result: Any, match: re.Match[str]) -> bool:
    return int(match[1]) == len(result.names) - len(result.kept) > 0


def in_reach(result: Any, match: re.Match[str]) -> bool:
    found = result.exchanged
    rest = re.search(r"at most (\d+\.\d+)", match[0])
    kept = found.beyond_reach == 0 if rest is None else close(rest[1], found.beyond_reach)
    return share(match[1], found.share) and share(match[2], 1 - found.share) and kept


def read_best(result: Any, match: re.Match[str]) -> bool:
    table = result.probes.regression
    row = next(i for i, features in enumerate(result.probes.features) if features.kind == "all")
    values = np.asarray(table.values[row], float)
    values = values[np.isfinite(values)]
    return close(match[2], values.max()) and close(match[4], values.min())


GHFEAT: dict[str, list[Reader]] = {
    "ghfeat train": [
        (
            rf"The encoder was (.*); on (\d+) held-out images? its MSE is {NUMBER}, its SSIM {NUMBER} and the mean "
            rf"code's MSE {NUMBER}\.",
            lambda r, m: (
                (m[1] == "trained") == (r.reached >= r.images)
                and close(m[3], r.final.mse)
                and close(m[4], r.final.ssim)
                and close(m[5], r.mean_code_mse)
            ),
        ),
        (r"Its reconstructions are no closer .*", lambda r, m: r.final.mse >= r.mean_code_mse),
        (r"(\d+) updates? (?:was|were) left out, .*", lambda r, m: int(m[1]) == r.skipped > 0),
    ],
    "ghfeat extract": [
        (
            rf"(\d+) images? (?:was|were) encoded; the mean squared error is {NUMBER} .*",
            lambda r, m: int(m[1]) == len(r.kept) and close(m[2], float(np.asarray(r.figures)[r.kept, 0].mean())),
        ),
        (r"(\d+) images? (?:was|were) encoded\.", lambda r, m: int(m[1]) == len(r.kept) and r.figures is None),
        (r"(\d+) images? could not be read .*", left_out),
    ],
    "invert": [
        (
            rf"(\d+) images? (?:was|were) inverted; the mean squared error is {NUMBER} .* after (\d+) steps?\.",
            lambda r, m: (
                int(m[1]) == len(r.kept)
                and close(m[2], float(np.asarray(r.losses)[r.kept, 0].mean()))
                and int(m[3]) == r.steps
            ),
        ),
        (r"(\d+) images? could not be read .*", left_out),
        (
            r"The loss did not fall.*",
            lambda r, m: np.asarray(r.losses)[r.kept, -1].mean() >= np.asarray(r.losses)[r.kept, 2].mean(),
        ),
    ],
    "ghfeat mix": [
        (
            r"(\d+) grids? shows? (\d+) content images?, each with rows of (\d+) style images?\.",
            lambda r, m: [int(x) for x in m.groups()] == [len(r.grids), len(r.content), len(r.style)],
        )
    ],
    "ghfeat edit": [
        (
            rf"(\d+) images? (?:was|were) edited; the mean change is {NUMBER} inside the region and {NUMBER} "
            r"outside it .*",
            lambda r, m: close(m[2], r.exchanged.inside) and close(m[3], r.exchanged.outside),
        ),
        (rf"The edit can reach {SHARE} of the image.* the other {SHARE}.*", in_reach),
        (r"The reach of the edit is the whole image\.", lambda r, m: r.exchanged.share == 1),
        (
            r"(\d+) images? (?:was|were) moved along (.*), by distances from (\S+) to (\S+)\.",
            lambda r, m: int(m[1]) == len(r.pairs) and near(m[3], r.moved.walk.strips[0].values[0]),
        ),
        (
            r"Edits start from the reconstruction, whose mean squared error is " rf"{NUMBER}: .*",
            lambda r, m: close(m[1], r.mse),
        ),
    ],
    "ghfeat harmonize": [
        (
            rf"(\d+) images? (?:was|were) harmonised; the mean change outside the region is {NUMBER} .* the mean "
            rf"squared error against the paste {NUMBER}\.",
            lambda r, m: int(m[1]) == len(r.images) and close(m[2], r.outside) and close(m[3], r.against_paste),
        )
    ],
    "ghfeat evaluate": [
        (
            rf"On (\d+) images?, (\d+) sets? of features were probed; the mean squared error of reconstructions is "
            rf"{NUMBER}\.",
            lambda r, m: (
                int(m[1]) == r.count and int(m[2]) == len(r.probes.features) and close(m[3], r.reconstruction.mse)
            ),
        ),
        (rf"A linear model reads (.*) best from all levels \(R2 {NUMBER}\) and (.*) worst \({NUMBER}\)\.", read_best),
        (r"(\d+) images? (?:is|are) few for a linear model .*", lambda r, m: int(m[1]) == r.count < 200),
        (r"Reconstructions are no closer .*", lambda r, m: r.reconstruction.mse >= r.mean_code_mse),
    ],
}


def _unlike(result: Any) -> list[Any]:
    """Numbers that every run has and that are not the same in all."""
    return [n for n in result.numbers if None not in n.values and len(set(n.values)) > 1]


def _meet(number: Any) -> bool:
    return bool(max(number.low) <= min(number.high))


def _share(number: Any) -> float:
    return float((max(number.values) - min(number.values)) / max(map(abs, number.values)))


def _half_widths(number: Any) -> float:
    """The difference over the half width that it has where the halves of both ends are independent."""
    order = sorted(range(len(number.values)), key=lambda place: number.values[place])
    squares = [((number.high[place] - number.low[place]) / 2) ** 2 for place in (order[0], order[-1])]
    return float("inf") if not any(squares) else (max(number.values) - min(number.values)) / sum(squares) ** 0.5


def _differs_most(result: Any, match: re.Match[str]) -> bool:
    name, row, first, low, high, run, second, low2, high2, other, how = match.groups()
    number = next(n for n in _unlike(result) if (n.label, n.row) == (name, row or ""))
    runs = [side.name for side in result.runs]
    rivals = [n for n in _unlike(result) if None not in (*n.low, *n.high)]
    right = _meet(number) == (how != "do not meet")
    written = (((first, low, high), runs.index(run)), ((second, low2, high2), runs.index(other)))
    return (
        right
        and _half_widths(number) >= max(map(_half_widths, rivals)) * (1 - 1e-9)
        and all(
            close(text, values[place])
            for texts, place in written
            for text, values in zip(texts, (number.values, number.low, number.high), strict=True)
        )
        and {number.values[place] for _, place in written} == {min(number.values), max(number.values)}
    )


def _differs_by_share(result: Any, match: re.Match[str]) -> bool:
    name, row, first, run, second, other, percent = match.groups()
    number = next(n for n in _unlike(result) if (n.label, n.row) == (name, row or ""))
    runs = [side.name for side in result.runs]
    bounded = [n for n in _unlike(result) if None not in (*n.low, *n.high)]
    return (
        not bounded
        and _share(number) == max(map(_share, _unlike(result)))
        and near(first, number.values[runs.index(run)])
        and near(second, number.values[runs.index(other)])
        and near(percent, 100 * _share(number))
    )


def _all_the_same(result: Any, match: re.Match[str]) -> bool:
    shared = [n for n in result.numbers if None not in n.values]
    return not _unlike(result) and (int(match[1]), int(match[2])) == (len(shared), len(result.runs))


OTHERS: dict[str, list[Reader]] = {
    "mix": [
        (
            r"Rows? (.*) of wp (?:are|is) from the (?:(\d+) codes|code) at the top, the others from the "
            r"left, in (a grid|grids) of (\d+) by (\d+)\.",
            lambda r, m: (
                (int(m[2] or 1), int(m[4]), int(m[5])) == (len(r.top), len(r.left), len(r.top))
                and (m[3] == "a grid") == (len(r.grids) == 1)
            ),
        )
    ],
    "walk": [
        (
            rf"The walk has (\d+) frames? \({NUMBER} s\) and leads through (\d+) codes?(.*), along .* in (\w+)\.",
            lambda r, m: (
                int(m[1]) == len(r.frames)
                and near(m[2], len(r.frames) / r.fps)
                and int(m[3]) == len(r.keys)
                and (" and back" in m[4]) == r.loop
            ),
        )
    ],
    "compare": [
        (
            r"The number that differs most is \*\*(.+?)\*\*(?: of `(.+)`)?: "
            rf"{NUMBER} \({NUMBER} to {NUMBER}\) in (.+?) and {NUMBER} "
            rf"\({NUMBER} to {NUMBER}\) in (.+?); the intervals (do not meet|of all runs meet)\.",
            _differs_most,
        ),
        (
            r"The number that differs most is \*\*(.+?)\*\*(?: of `(.+)`)?: "
            rf"{NUMBER}.* in (.+?) and {NUMBER}.* in (.+?), a difference of {NUMBER} % of "
            r"the larger size\.",
            _differs_by_share,
        ),
        (r"(\d+) numbers? (?:is|are) the same in all (\d+) runs\.", _all_the_same),
        (
            r"The (\d+) runs of `gantk (.+)` share no number\.",
            lambda r, m: m[2] == r.command and not [n for n in r.numbers if None not in n.values],
        ),
        (
            r"(One|\d+) settings? (?:or|and) inputs? differs?: (.*)\.",
            lambda r, m: (
                int({"One": "1"}.get(m[1], m[1])) == len(r.settings) and m[2].startswith(f"`{r.settings[0].name}`")
            ),
        ),
        (r"No setting and no input that the runs recorded differs\.", lambda r, m: r.known and not r.settings),
        (r"No number that differs has an interval: .*", lambda r, m: all(None in n.low for n in _unlike(r))),
        (r"More than one setting or input differs: .*", lambda r, m: len(r.settings) >= 2),
        (
            r"(\d+) of (\d+) numbers? (?:is|are) not in every run\.",
            lambda r, m: int(m[1]) == sum(None in n.values for n in r.numbers) and int(m[2]) == len(r.numbers),
        ),
        (r"Settings are not compared: .*", lambda r, m: not r.known),
    ],
    "quality": [
        (
            r"(\d+) samples were compared with (\d+) real images by the features of (.*?): (.*)\.",
            lambda r, m: (
                (int(m[1]), int(m[2])) == (r.found.samples, r.found.reals)
                and f"precision is {r.found.precision.shown()[0]} " in m[4]
                and f"recall is {r.found.recall.shown()[0]} " in m[4]
            ),
        ),
        (
            r"(\d+) samples and (\d+) real images are few: .* Give 500 or more .*",
            lambda r, m: (int(m[1]), int(m[2])) == (r.found.samples, r.found.reals) and min(int(m[1]), int(m[2])) < 500,
        ),
        (
            r"(\d+) of (\d+) samples (?:has|have) exactly the features of a real image\. .*",
            lambda r, m: (
                (int(m[1]), int(m[2])) == (sum(d[0] == 0 for d in r.found.nearest_distance_NK), r.found.samples)
            ),
        ),
        (
            r"The two sets differ: the interval of the .*, (\S+) to (\S+), lies above 0, .*",
            lambda r, m: (
                float(m[1]) > 0 and abs(float(m[1]) - r.found.kernel.low) <= r.found.kernel.high - r.found.kernel.low
            ),
        ),
        (
            r"At these numbers of images the interval of the .*, (\S+) to (\S+), contains 0, .* does not tell .*",
            lambda r, m: (
                float(m[1]) <= 0 <= float(m[2])
                and abs(float(m[2]) - r.found.kernel.high) <= r.found.kernel.high - r.found.kernel.low
            ),
        ),
        (r"The features are those of (.*), so that these are no FID.*", lambda r, m: m[1] == r.found.features),
    ],
    "train-predictor": [
        (
            r"(.*) (?:is|are) told right more often than by always naming the larger class\.",
            lambda r, m: all(
                larger(e.card) < e.card.low for e in r.attributes if e.card.name in re.split(", | and ", m[1])
            ),
        ),
        (
            r"Always naming the larger class may be right as often for (.*): the interval of the accuracy .*",
            lambda r, m: all(
                f"{e.card.name} (larger class" not in m[1] or e.card.low <= larger(e.card) for e in r.attributes
            ),
        ),
        (
            r".*",
            lambda r, m: all(
                f"{e.card.name} is told right in {100 * e.card.accuracy:.0f} % of {e.card.labels} labels" in m[0]
                or f"R2 of {e.card.name} is {e.card.accuracy:.2f} " in m[0]
                for e in sorted(r.attributes, key=lambda e: -e.card.balanced)[:3]
            ),
        ),
    ],
}


def _numbered(*kept: int, **fields: Any) -> Callable[[Any], Any]:
    """Only some of the numbers; fields of the result that are changed."""
    return lambda r: dataclasses.replace(r, **({"numbers": tuple(r.numbers[i] for i in kept)} | fields))


def _unbounded(result: Any) -> Any:
    none = (None,) * len(result.runs)
    bare = tuple(dataclasses.replace(n, low=none, high=none) for n in result.numbers)
    return dataclasses.replace(result, numbers=bare)


def _meeting(result: Any) -> Any:
    first = result.numbers[0]
    ends = {"low": (-99.0,) * len(first.low), "high": (99.0,) * len(first.high)}
    return dataclasses.replace(result, numbers=(dataclasses.replace(first, **ends),))


def _partly(result: Any) -> Any:
    lost = dataclasses.replace(result.numbers[-1], values=(None, *result.numbers[-1].values[1:]))
    return dataclasses.replace(result, numbers=(*result.numbers[:-1], lost))


READERS: dict[str, list[Reader]] = {**HIGAN, **DIRECTIONS, **LSE, **GHFEAT, **OTHERS}


def larger(card: Any) -> float:
    """Share of the larger class."""
    return max(card.positives / card.labels, 1 - card.positives / card.labels)


# --- results with one thing, and with a thousand ---------------------------------------------------------------------


def one(result: Any) -> Any:
    """The same with one boundary, direction or image; None where it has one already, or cannot."""
    return _sized(result, 1)


def many(result: Any) -> Any:
    """The same with 1,000 boundaries or directions, all alike; None where it cannot."""
    return _sized(result, 1000)


def _times(values: Any, count: int) -> Any:
    array = np.asarray(values)
    return np.resize(array, (count, *array.shape[1:])) if len(array) else array


def _sized(result: Any, count: int) -> Any:
    task = result.TASK
    if task in ("rescore", "train-boundary"):
        parts = tuple(
            dataclasses.replace(
                result.boundaries[i % len(result.boundaries)],
                name=f"{result.boundaries[i % len(result.boundaries)].name}{i}",
            )
            for i in range(count)
        )
        if task == "rescore":
            return dataclasses.replace(result, boundaries=parts, change=_times(result.change, count), num=1)
        return dataclasses.replace(result, boundaries=parts, cosines=np.ones((count, count)))
    if task in ("sefa", "ganspace"):
        vectors = _times(result.direction.vectors, count)
        scales = None if result.direction.scales is None else tuple(_times(result.direction.scales, count).tolist())
        direction = dataclasses.replace(result.direction, vectors=vectors, scales=scales)
        fields = ("eigenvalues",) if task == "sefa" else ("deviations", "explained")
        sized = {name: _times(getattr(result, name), count) for name in fields}
        if task == "ganspace":
            sized["explained"] = sized["explained"] / max(float(sized["explained"].sum()), 1.0)
        return dataclasses.replace(result, direction=direction, walks=result.walks[:1], **sized)
    return None


def _replace(path: str, **fields: Any) -> Callable[[Any], Any]:
    """A change somewhere inside a result: "spectrum.exact"."""

    def apply(result: Any) -> Any:
        def go(part: Any, names: list[str]) -> Any:
            if not names:
                return dataclasses.replace(part, **fields)
            return dataclasses.replace(part, **{names[0]: go(getattr(part, names[0]), names[1:])})

        return go(result, [name for name in path.split(".") if name])

    return apply


def _middle_random(result: Any) -> Any:
    """Directions that no level is reached by."""
    missing = tuple(
        dataclasses.replace(
            each, scores=tuple(dataclasses.replace(s, roir=None) if s.method == "resefa" else s for s in each.scores)
        )
        for each in result.regions
    )
    return dataclasses.replace(result, regions=missing)


def _first(part: str, **fields: Any) -> Callable[[Any], Any]:
    """A result with a change in the first of a tuple's parts."""

    def apply(result: Any) -> Any:
        first, *rest = getattr(result, part)
        return dataclasses.replace(result, **{part: (dataclasses.replace(first, **fields), *rest)})

    return apply


def _unread(result: Any) -> Any:
    summaries = {name: dataclasses.replace(each, missing=2) for name, each in result.summaries.items()}
    return dataclasses.replace(result, summaries=summaries)


def _stability(value: float | None) -> Callable[[Any], Any]:
    def apply(result: Any) -> Any:
        parts = tuple(
            dataclasses.replace(each, figures=dataclasses.replace(each.figures, stability=value))
            for each in result.boundaries
        )
        return dataclasses.replace(result, boundaries=parts)

    return apply


def _unmeasured(result: Any) -> Any:
    return dataclasses.replace(result, metric=None, curves=())


def _unreached(result: Any) -> Any:
    from gantk.navigan.results import Curve

    curve = Curve(number=0, scale=1.0, strengths=np.ones(2), distances=np.ones(2), reached=False)
    return dataclasses.replace(result, metric="demo", curves=(curve,))


def _quotient(result: Any) -> Any:
    """A region that changes three times as much as the rest."""
    return dataclasses.replace(
        result, responses=tuple(dataclasses.replace(r, inside=0.3, outside=0.1) for r in result.responses)
    )


def _compat(result: Any) -> Any:
    from gantk.resefa.results import CompatDirections

    found = CompatDirections(name="a", sample=0, file="a_0.npy", vectors=np.eye(3), eigenvalues=np.ones(3))
    return dataclasses.replace(result, compat=(found,), regions=())


def _barely_measured(result: Any) -> Any:
    def few(region: Any) -> Any:
        direction = dataclasses.replace(region.direction, meta={**region.direction.meta, "held_out": 2})
        return dataclasses.replace(region, direction=direction)

    measured = _rivals(0.2, 0.9, 0.8)(result)
    return dataclasses.replace(measured, regions=tuple(few(each) for each in measured.regions))


def _leading(result: Any) -> Any:
    from gantk.codes.directions import Direction
    from gantk.resefa.results import LeadingDirections

    direction = Direction("a", "direction", "w", np.eye(3, dtype=np.float32))
    found = LeadingDirections(name="a", text="a", share=0.1, passes=4, direction=direction, eigenvalues=np.ones(3),
                              quotients=np.ones(3), scales=np.ones(3), pictures=())  # fmt: skip
    return dataclasses.replace(result, grams=None, responses=(), leading=(found,))


def _exchanged(result: Any) -> Any:
    from gantk.ghfeat.picture_results import Exchanged

    picture = result.pairs[0].reconstruction
    shown = (picture,) * len(result.pairs)
    pictures = dict.fromkeys(("coded", "reference", "edited", "change", "reach"), shown)
    figures = {"change_most": 0.7, "inside": 0.2, "outside": 0.01, "beyond_reach": 0.0, "share": 0.6}
    found = Exchanged(where="row 4", way="features", **figures, **pictures)
    return dataclasses.replace(result, exchanged=found, moved=None)


def _beyond(**fields: Any) -> Callable[[Any], Any]:
    def apply(result: Any) -> Any:
        return _replace("exchanged", **fields)(_exchanged(result))

    return apply


def _lost_one(result: Any) -> Any:
    return dataclasses.replace(result, kept=result.kept[:-1])


def _first_alone(result: Any) -> Any:
    return dataclasses.replace(result, kept=result.kept[:1])


def _rivals(own: float, sefa: float, chance: float) -> Callable[[Any], Any]:
    """Directions of a region with these ROIR at every level."""

    def apply(result: Any) -> Any:
        from gantk.resefa.results import ScoreAt

        values = {"resefa": own, "sefa": sefa, "random": chance}
        scores = tuple(
            ScoreAt(method=method, level=level, roir=roir, outside=0.1, best=roir, reached=1, count=1)
            for method, roir in values.items()
            for level in result.levels
        )
        return dataclasses.replace(
            result, regions=tuple(dataclasses.replace(each, scores=scores) for each in result.regions)
        )

    return apply


def _each(result: Any) -> Any:
    from gantk.navigan.results import EachEdit

    image = result.edited[0].walk.strips[0].images[0]
    return dataclasses.replace(result, edited=(), metric=None, each=(EachEdit(image=image, number=0, strength=1.0),))


def _nothing_read(result: Any) -> Any:
    return dataclasses.replace(result, probes=dataclasses.replace(result.probes, regression=None))


def _read_two(result: Any) -> Any:
    from gantk.ghfeat.probe_results import Table

    count = len(result.probes.features)
    table = Table(columns=("a", "b"), values=np.tile([0.25, 0.75], (count, 1)), deviations=None, chance=None)
    features = tuple(dataclasses.replace(each, kind="all") for each in result.probes.features)
    return dataclasses.replace(result, probes=dataclasses.replace(result.probes, regression=table, features=features))


def _flat(result: Any) -> Any:
    parts = tuple(dataclasses.replace(each, deviation=0.0, random=np.zeros(0)) for each in result.boundaries)
    return dataclasses.replace(result, boundaries=parts)


def _untried(result: Any) -> Any:
    parts = tuple(dataclasses.replace(each, random=np.zeros(0)) for each in result.boundaries)
    return dataclasses.replace(result, boundaries=parts)


def _surely(result: Any) -> Any:
    """Every boundary far beyond the random directions."""
    whole = [dataclasses.replace(each.whole, gain=2.0, low=1.9, high=2.1) for each in result.boundaries]
    parts = tuple(
        dataclasses.replace(each, whole=gain, deviation=0.5, random=np.full(3, 0.1))
        for each, gain in zip(result.boundaries, whole, strict=True)
    )
    return dataclasses.replace(result, boundaries=parts)


def _falling(result: Any) -> Any:
    whole = dataclasses.replace(result.boundaries[0].whole, gain=0.0, low=0.0, high=0.0)
    parts = tuple(dataclasses.replace(each, whole=whole, deviation=0.5) for each in result.boundaries)
    return dataclasses.replace(result, boundaries=parts)


def _lone(result: Any) -> Any:
    """One weight direction."""
    kept = dataclasses.replace(result.directions, coefficients=np.ones((1, 2), np.float32), scales=None)
    return dataclasses.replace(result, directions=kept, shown=result.shown[:1])


def _unscored(result: Any) -> Any:
    return dataclasses.replace(
        result, trainings=tuple(dataclasses.replace(each, scores=None) for each in result.trainings)
    )


def _with_intervals(result: Any) -> Any:
    from gantk.lse.metrics import Intervals

    return change("trainings", intervals=Intervals((0.71, 0.83), (0.7, 0.9), (0.9, 0.95)))(result)


def _no_shot_scores(result: Any) -> Any:
    return dataclasses.replace(result, shots=tuple(dataclasses.replace(each, scores=None) for each in result.shots))


def _no_attributes(result: Any) -> Any:
    from gantk.atlas.found import Charted

    def bare(each: Charted) -> Charted:
        none = np.zeros(0)
        return dataclasses.replace(each, attribute=-1, change_A=none, error_A=none, twice_A=none)

    return dataclasses.replace(
        result, attributes=(), floor_A=np.zeros(0), charted=tuple(bare(each) for each in result.charted)
    )


SHARED = (_unmeasured, _unreached)


def _departed(*near: float) -> Callable[[Any], Any]:
    """Moved samples of which these shares stay near, at distances from -2 to 2."""
    steps = tuple(Departure(float(d), 3.0, n) for d, n in zip(np.linspace(-2, 2, len(near)), near, strict=True))
    return lambda r: dataclasses.replace(r, moved=tuple(dataclasses.replace(m, departures=steps) for m in r.moved))


def _copied(result: Any) -> Any:
    distances = np.array(result.found.nearest_distance_NK)
    distances[:1, 0] = 0
    return dataclasses.replace(result, found=dataclasses.replace(result.found, nearest_distance_NK=distances))


def _of_kind(kind: str) -> Any:
    """Every direction moved along a boundary, or a direction without one."""

    def apply(result: Any) -> Any:
        directions = [dataclasses.replace(each.direction, kind=kind, intercept=None) for each in result.moved]
        pairs = zip(result.moved, directions, strict=True)
        return dataclasses.replace(result, moved=tuple(dataclasses.replace(e, direction=d) for e, d in pairs))

    return apply


VARIANTS: dict[str, tuple[Callable[[Any], Any], ...]] = {
    "synthesize": (
        _unread,
        lambda r: dataclasses.replace(r, summaries={}, predictor=None),
        lambda r: dataclasses.replace(r, num=200),
    ),
    "train-boundary": (
        _first("boundaries", name="smile (left)"),
        _stability(0.5), _stability(0.9), _stability(None), _first("boundaries", converged=False),
        _first("boundaries", tied=True), lambda r: dataclasses.replace(r, compat=True),
    ),
    "rescore": (_flat, _falling, _untried, _surely, lambda r: many(_surely(r)), lambda r: one(_surely(r))),
    "manipulate": (
        _departed(0.5, 0.95, 1.0, 0.9, 0.2), _departed(1.0, 1.0, 1.0, 1.0, 1.0), _departed(0.1, 0.2, 1.0, 0.0, 1.0),
        _of_kind("boundary"), _of_kind("direction"),
    ),
    "quality": (_copied,),
    "compare": (
        _unbounded, _meeting, _partly, _numbered(), _numbered(known=False, settings=()), _numbered(0, settings=()),
        lambda r: dataclasses.replace(r, settings=r.settings * 2),
    ),
    "stylespace": (lambda r: dataclasses.replace(r, looked=50), lambda r: dataclasses.replace(r, chosen=2)),
    "resefa jacobian": (_quotient, _leading),
    "resefa directions": (
        _middle_random, _rivals(0.2, 0.9, 0.8), _rivals(0.9, 0.2, 0.8), _rivals(0.5, 0.5, 0.5),
        _rivals(0.2941, 0.2944, 0.8), _barely_measured, _compat,
    ),
    "navigan hessian": (
        *SHARED, _replace("spectrum", exact=None), _replace("spectrum.exact", converged=False),
        _replace("spectrum.exact", agreement=0.5), _replace("spectrum.exact", captured=0.999),
    ),
    "navigan svd": SHARED,
    "navigan train": (*SHARED, _first("log", held_out=0.0), _lone),
    "navigan apply": (_each,),
    "lse train": (_unscored, _with_intervals, lambda r: dataclasses.replace(r, empty_classes=("sky",))),
    "lse fewshot": (_no_shot_scores,),
    "lse edit": (_replace("", followed=None), _replace("", followed=(0.4, 0.997))),
    "ghfeat train": (_replace("", skipped=3), lambda r: dataclasses.replace(r, reached=r.images - 1)),
    "ghfeat extract": (_lost_one, _first_alone, lambda r: dataclasses.replace(r, figures=None)),
    "ghfeat edit": (_exchanged, _beyond(share=1.0), _beyond(beyond_reach=0.02)),
    "ghfeat evaluate": (_nothing_read, _read_two),
    "invert": (_lost_one, _first_alone, lambda r: dataclasses.replace(r, space="w")),
    "atlas": (_no_attributes, lambda r: dataclasses.replace(r, samples=3)),
}  # fmt: skip
