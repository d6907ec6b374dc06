"""Same or different: moves are joined by what they do, not by their vectors, which have no common space.

Similarity of two moves is the cosine of their effect vectors, averaged over both signs, in the orientation in which
they are more alike. Groups are the clusters of average linkage, cut at a similarity. How similar moves come out that
have nothing to do with each other is said by permutations: the effects are written in their principal components, and
each component's coordinates are dealt to the moves anew, independently of the other components and with random signs
(Horn's parallel analysis, 1965). What is left has the same spectrum, so that a few dominant components make unrelated
moves as alike as they make them, and no two of them belong together.

The tree is cut where that says: at the similarity that the nearest other of an unrelated move reaches in one of twenty
cases. The more moves there are, the nearer the nearest is by chance, and the higher the cut.

Legend: M moves, P numbers of an effect vector, K principal components, G groups, Y systems.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from gantk.atlas.figures import named_regions
from gantk.atlas.results import Effect, Group, Groups, Measured, Unrelated
from gantk.errors import UsageError
from gantk.reports.numbers import show_rows

ALONE = 0.8  # the cut of fewer than three moves, which cannot be permuted
RULE = 0.95  # of unrelated moves' nearest others lie below the cut; chosen on demo-oracle (scripts/truths/methods.py)
BINS = 40  # of the similarities that a page shows
PERMUTATIONS = 100
DEALT = 20_000  # moves in all permutations together, at most: many moves need few permutations
PAIRS = 20_000  # similarities that are kept of a permutation
COLUMNS = 1024  # of effects that are held at once
SPAN = 0.05  # of a system's largest singular value: less is not a dimension of its span

Array = npt.NDArray[Any]


def find_groups(
    measured: Sequence[Measured],
    attributes: Sequence[str] = (),
    regions: Sequence[str] = (),
    cut: float | None = None,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
) -> Groups:
    """Join measured moves that do the same.

    Args:
        attributes, regions: names, for the names of groups.
        cut: mean similarity at which clusters are no longer joined, in (0, 1); None is where permutations say that
            unrelated moves end.

    Raises:
        UsageError: nothing to group, or a cut that is none.
    """
    if not measured:
        raise UsageError("There is no measured direction to group.")
    if cut is not None and not 0 < cut < 1:
        raise UsageError(f"A cut at a similarity of {cut} joins all or nothing: give a number between 0 and 1.")
    products = grams([part.effect for part in measured])
    similar_MM = similarity(products)
    null = _Null(products, permutations, seed)
    if cut is None:
        cut = null.nearest if null.permutations else ALONE
    label_M = cluster(similar_MM, cut)
    systems = tuple(dict.fromkeys(part.system for part in measured))
    groups = []
    for label in range(int(label_M.max()) + 1):
        members = sorted(np.flatnonzero(label_M == label).tolist(), key=lambda m: _rank(measured[m]))
        signs = tuple(int(np.sign(similar_MM[members[0], m]) or 1) for m in members)
        inner = np.abs(similar_MM[np.ix_(members, members)])[np.triu_indices(len(members), 1)]
        mean = float(inner.mean()) if len(inner) else 1.0
        groups.append(
            Group(
                _name(measured[members[0]], attributes, regions),
                tuple(members),
                signs,
                tuple(dict.fromkeys(measured[m].system for m in sorted(members))),
                mean,
                null.chance(len(members), mean) if len(members) > 1 else 1.0,
            )
        )
    order = sorted(range(len(groups)), key=lambda g: _rank(measured[groups[g].members[0]]))
    bare = [not _has_name(measured[groups[g].members[0]]) for g in order]
    names = _numbered([groups[g].name for g in order], bare)
    return Groups(
        tuple(replace(groups[g], name=name) for g, name in zip(order, names, strict=True)),
        similar_MM,
        cut,
        null.unrelated(similar_MM),
        systems,
        overlaps(products, [part.system for part in measured], systems),
    )


@dataclass(frozen=True)
class Grams:
    """Inner products of effects of unit length: of their odd and of their even parts, both [M, M].

    Moved by +t an effect is its even part plus its odd part, and by -t its even part minus its odd part.
    """

    odd_MM: Array
    even_MM: Array


def grams(effects: Sequence[Effect]) -> Grams:
    """Inner products of effects that were scaled to unit length at +t and at -t; one of nought stays nought.

    They are added up a few columns at a time, whatever P is.
    """
    count = len(effects)
    plus_MM, minus_MM, across_MM = np.zeros((3, count, count))
    for start in range(0, len(effects[0].plus_P), COLUMNS):
        plus = np.stack([effect.plus_P[start : start + COLUMNS] for effect in effects]).astype(np.float64)
        minus = np.stack([effect.minus_P[start : start + COLUMNS] for effect in effects]).astype(np.float64)
        plus_MM += plus @ plus.T
        minus_MM += minus @ minus.T
        across_MM += plus @ minus.T
    plus_M, minus_M = _inverse(plus_MM), _inverse(minus_MM)
    same_MM = plus_MM * plus_M[:, None] * plus_M + minus_MM * minus_M[:, None] * minus_M
    across_MM *= plus_M[:, None] * minus_M
    across_MM += across_MM.T
    return Grams((same_MM - across_MM) / 4, (same_MM + across_MM) / 4)


def _inverse(gram_MM: Array) -> Array:
    """One over the lengths; zero of nought."""
    length = np.sqrt(np.diag(gram_MM))
    found: Array = np.where(length > 0, 1 / np.maximum(length, 1e-300), 0)
    return found


def similarity(products: Grams) -> npt.NDArray[np.float32]:
    """Cosine averaged over both signs, [M, M]: of the orientation with the larger one, negative where that is turned
    round."""
    odd, even = products.odd_MM, products.even_MM
    found = np.where(odd >= 0, np.clip(even + odd, 0, 1), -np.clip(even - odd, 0, 1)).astype(np.float32)
    np.fill_diagonal(found, 1.0)
    return found


def cluster(similar_MM: Array, cut: float) -> npt.NDArray[np.int64]:
    """Label of each move, 0 .. G - 1 in order of the first member: average linkage of 1 - |similarity|."""
    if len(similar_MM) == 1:
        return np.zeros(1, dtype=np.int64)
    tree = _tree(similar_MM)
    from scipy.cluster.hierarchy import fcluster

    found = fcluster(tree, 1 - cut, criterion="distance")
    names: dict[int, int] = {}
    return np.array([names.setdefault(int(label), len(names)) for label in found], dtype=np.int64)


def _tree(similar_MM: Array) -> Array:
    from scipy.cluster.hierarchy import linkage
    from scipy.spatial.distance import squareform

    distance = np.clip(1 - np.abs(similar_MM.astype(np.float64)), 0, 1)
    distance = (distance + distance.T) / 2
    np.fill_diagonal(distance, 0)
    found: Array = linkage(squareform(distance, checks=False), "average")
    return found


class Spectrum:
    """Effects in their principal components, to be dealt anew; odd and even parts by themselves."""

    def __init__(self, products: Grams) -> None:
        self._parts = [_scores(products.odd_MM), _scores(products.even_MM)]

    def permuted(self, random: np.random.Generator) -> Grams:
        """Of unit effects with the same spectrum, of moves that have nothing to do with each other."""
        dealt = []
        for score_MK in self._parts:
            order = random.random(score_MK.shape).argsort(0)
            sign = random.integers(0, 2, score_MK.shape, dtype=np.int8) * 2 - 1
            dealt.append(np.take_along_axis(score_MK, order, 0) * sign)
        length_M = np.sqrt(sum(np.square(part).sum(1) for part in dealt))
        odd, even = (part / np.maximum(length_M, 1e-12)[:, None] for part in dealt)
        return Grams(odd @ odd.T, even @ even.T)


def _scores(gram_MM: Array) -> Array:
    """Coordinates [M, K] in principal components, from inner products."""
    values, vectors = np.linalg.eigh(gram_MM)
    kept = values > 1e-10 * max(float(values[-1]), 1e-30)
    found: Array = vectors[:, kept] * np.sqrt(values[kept])
    return found


class _Null:
    """Similarities of unrelated moves, over permutations."""

    def __init__(self, products: Grams, permutations: int, seed: int) -> None:
        random = np.random.Generator(np.random.Philox(key=[seed, 4]))
        count = len(products.odd_MM)
        self.permutations = min(permutations, max(DEALT // count, 2)) if count > 2 else 0
        self._merges: list[Array] = []
        pairs, nearest = [], []
        spectrum = Spectrum(products)
        for _ in range(self.permutations):
            similar = np.abs(similarity(spectrum.permuted(random)))
            inner = similar[np.triu_indices(len(similar), 1)]
            pairs.append(inner if len(inner) <= PAIRS else random.choice(inner, PAIRS, replace=False))
            self._merges.append(_merges(similar))
            np.fill_diagonal(similar, 0)
            nearest.append(similar.max(1))
        self._pairs = np.concatenate(pairs) if pairs else np.zeros(1)
        self.nearest = float(np.quantile(np.concatenate(nearest), RULE)) if nearest else 0.0

    def unrelated(self, similar_MM: Array) -> Unrelated:
        """What permutations say, beside the similarities that were found."""
        line95, line99 = np.quantile(self._pairs, [0.95, 0.99])
        found = np.abs(similar_MM[np.triu_indices(len(similar_MM), 1)])
        edges = np.linspace(0, 1, BINS + 1)
        return Unrelated(
            float(self._pairs.mean()), float(line95), float(line99), self.nearest, self.permutations,
            _shares(found, edges), _shares(self._pairs, edges), edges,
        )  # fmt: skip

    def chance(self, size: int, mean: float) -> float:
        """How often some group of at least this size is at least as similar in a permutation; never quite zero."""
        hits = sum(bool(((found[:, 0] >= size) & (found[:, 1] >= mean)).any()) for found in self._merges)
        return (hits + 1) / (self.permutations + 1)


def _shares(values: Array, edges: Array) -> Array:
    found: Array = np.histogram(values, edges)[0] / max(len(values), 1)
    return found


def _merges(similar_MM: Array) -> Array:
    """Of every cluster of the tree, its size and the mean similarity at which it came about, [M - 1, 2]."""
    tree = _tree(similar_MM)
    return np.stack([tree[:, 3], 1 - tree[:, 2]], 1)


def overlaps(products: Grams, of: Sequence[str], systems: Sequence[str]) -> Array:
    """How much of one system's span lies in another's, [Y, Y].

    The spans are of the odd parts. The singular values of Q_a^T Q_b, for orthonormal bases Q, are the cosines of the
    principal angles between them; their squares, summed over the dimension of a, are a's share in b.
    """
    spans = []  # the members of each, and its basis in terms of them
    for system in systems:
        own = [place for place, name in enumerate(of) if name == system]
        values, vectors = np.linalg.eigh(products.odd_MM[np.ix_(own, own)])
        kept = values > SPAN**2 * max(float(values[-1]), 1e-30)
        spans.append((own, vectors[:, kept] / np.sqrt(values[kept])))
    overlap = np.array([
        [np.square(a.T @ products.odd_MM[np.ix_(i, j)] @ b).sum() / max(a.shape[1], 1) for j, b in spans]
        for i, a in spans
    ])  # fmt: skip
    return np.clip(overlap, 0, 1)


def _rank(part: Measured) -> tuple[float, float]:
    """Most selective first, then most local."""
    where = part.where
    return (-part.what.selectivity, -float(where.locality_R[where.region]) if where.region >= 0 else 0.0)


def _has_name(part: Measured) -> bool:
    """Whether an attribute names it: one that it changes more than by chance, and no less than any other."""
    return part.what.attribute >= 0 and part.what.selectivity >= 1


def _name(part: Measured, attributes: Sequence[str], regions: Sequence[str]) -> str:
    """Such as "season (tree, ground; rows 1-2)"; the most local region where no attribute does."""
    where = part.where
    local = [regions[r] for r in named_regions(where.share_R, where.area_R, where.locality_R)]
    least = part.rows.least if part.rows is not None else ()
    rows = show_rows(least) if least else ""
    if _has_name(part):
        inside = "; ".join(words for words in (", ".join(local[:3]), rows) if words)
        title = attributes[part.what.attribute]
        return f"{title} ({inside})" if inside else title
    return local[0] if local else "everywhere"


def _numbered(names: Sequence[str], counted: Sequence[bool]) -> list[str]:
    """Names of their own: equal ones, and those that no attribute gave, are counted from 1."""
    seen: dict[str, int] = {}
    found = []
    for name, always in zip(names, counted, strict=True):
        seen[name] = seen.get(name, 0) + 1
        found.append(f"{name} {seen[name]}" if always or names.count(name) > 1 else name)
    return found
