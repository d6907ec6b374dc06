"""What the pages of HiGAN's tasks say of their results, each sentence with its condition."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gantk.codes.boundary_list import listable
from gantk.predictors.departure import told
from gantk.predictors.selectivity import SELECTIVE
from gantk.reports.numbers import side_digits
from gantk.runs.claims import Claims, advise, counted, doubt, found, listed, measured, were, who

if TYPE_CHECKING:
    from gantk.higan.boundaries import Boundary, TrainBoundaryResult
    from gantk.higan.manipulated import ManipulateResult
    from gantk.higan.rescored import Rescored, RescoreResult
    from gantk.higan.samples import SynthesizeResult

TRAINABLE = 200
"""Scored samples below which a page advises to draw more before boundaries are trained."""
LIST = "boundary_list.txt"  # as `gantk train-boundary` writes it
STABLE = 0.8
"""Stability from which a boundary may be used as a direction; see docs/pages.md for what it was measured on."""


# --- gantk synthesize ------------------------------------------------------------------------------------------------


def _drawn(result: SynthesizeResult) -> str:
    seeds = f"seed{'s' * (result.num != 1)} {result.seeds}"
    which = "" if result.seeds is None else f" ({seeds} in NVIDIA's numbering)"
    attributes = counted(len(result.summaries), "attribute")
    scored = f", with {attributes} scored by {who(result.predictor)}" if result.summaries else ""
    kept = f"{'is' if result.num == 1 else 'are'} kept as latents in {', '.join(result.spaces)}"
    return f"{counted(result.num, 'sample')}{which} {kept}{scored}."


def _codes(result: SynthesizeResult) -> str:
    """The space in which boundaries are looked for first."""
    return "w" if "w" in result.spaces else result.spaces[0]


def _unread(result: SynthesizeResult) -> dict[str, int]:
    return {name: found.missing for name, found in result.summaries.items() if found.missing}


SYNTHESIZE: Claims[SynthesizeResult] = (
    found(_drawn),
    doubt(
        lambda r: (
            "The predictor gave no number for some samples, which are left out: "
            + ", ".join(f"{name} of {count}" for name, count in _unread(r).items())
            + "."
        ),
        lambda r: bool(_unread(r)),
    ),
    advise(
        lambda r: (
            f"`gantk train-boundary RUN/{_codes(r)}.npy RUN/attribute.npy --model MODEL` finds the direction of each "
            "attribute from these codes and scores."
        ),
        lambda r: bool(r.summaries) and r.num >= TRAINABLE,
    ),
    advise(
        "`gantk train-boundary` needs more scored samples to find directions of attributes: draw about 1000 with "
        "`--num`.",
        lambda r: bool(r.summaries) and r.num < TRAINABLE,
    ),
    advise(
        "Nothing scored these samples. The same command with `--generate-prediction` scores them, which "
        "`gantk train-boundary` needs.",
        lambda r: not r.summaries,
    ),
)


# --- gantk train-boundary --------------------------------------------------------------------------------------------


def _trained(result: TrainBoundaryResult) -> str:
    if len(result.boundaries) == 1:
        each = result.boundaries[0]
        accuracy, stability = each.figures.accuracy_val, each.figures.stability
        known = [] if accuracy is None else [f"accuracy {accuracy:.3f} on held-out samples of both ends"]
        known += [] if stability is None else [f"stability {stability:.3f}"]
        return f"The boundary of {each.name} was found in {result.space}{': ' * bool(known)}{', '.join(known)}."
    ranges = []
    for what, values in (
        ("accuracy on held-out samples of both ends", [each.figures.accuracy_val for each in result.boundaries]),
        ("stability", [each.figures.stability for each in result.boundaries]),
    ):
        pairs = [(value, each.name) for value, each in zip(values, result.boundaries, strict=True) if value is not None]
        if pairs:
            low, high = (pick(pairs, key=lambda pair: pair[0]) for pick in (min, max))
            ends = f"from {low[0]:.3f} ({low[1]}) to {high[0]:.3f} ({high[1]})"
            ranges.append(f"{what} {ends}" if f"{low[0]:.3f}" != f"{high[0]:.3f}" else f"{what} {low[0]:.3f} for all")
    return f"{len(result)} boundaries were found in {result.space}{': ' * bool(ranges)}{'; '.join(ranges)}."


def _unstable(result: TrainBoundaryResult) -> list[Boundary]:
    return [each for each in result.boundaries if (value := each.figures.stability) is not None and value < STABLE]


def _below(stability: float) -> str:
    return f"{stability:.{side_digits(stability, STABLE)}f}"


def _shaky(result: TrainBoundaryResult) -> str:
    found = _unstable(result)
    names = listed([f"{each.name} (stability {_below(each.figures.stability or 0.0)})" for each in found])
    advice = "take more samples" + ("" if all(each.solver == "ridge" for each in found) else ", or --solver ridge")
    return (
        f"The direction of {names} depends on the split: below a stability of {STABLE:g} another split gives another "
        f"direction, so do not use it; {advice}."
    )


def _stable(result: TrainBoundaryResult) -> list[str]:
    return [
        each.name for each in result.boundaries if (value := each.figures.stability) is not None and value >= STABLE
    ]


def _usable(result: TrainBoundaryResult) -> list[str]:
    """Stable boundaries that the list of the folder holds."""
    return [name for name in _stable(result) if listable(name)]


def _unlisted(result: TrainBoundaryResult) -> list[Boundary]:
    return [each for each in result.boundaries if not listable(each.name)]


TRAIN_BOUNDARY: Claims[TrainBoundaryResult] = (
    found(_trained),
    found(
        lambda r: (
            f"No stability is below {STABLE:g}: another split of the samples gives nearly the same "
            f"{'direction' if len(r.boundaries) == 1 else 'directions'}."
        ),
        lambda r: len(_stable(r)) == len(r.boundaries),
    ),
    found("The split was drawn as the original draws it.", lambda r: r.compat),
    doubt(
        lambda r: (
            "The solver did not converge for "
            f"{listed([each.name for each in r.boundaries if not each.converged])}: try --solver newton."
        ),
        lambda r: not all(each.converged for each in r.boundaries),
    ),
    doubt(
        lambda r: (
            f"Both ends of {listed([each.name for each in r.boundaries if each.tied])} contain samples of the same "
            "score, so that chance put some of them in one class: choose fewer samples, or mark what was not scored "
            "with --invalid-value."
        ),
        lambda r: any(each.tied for each in r.boundaries),
    ),
    doubt(_shaky, lambda r: bool(_unstable(r))),
    doubt(
        lambda r: (
            f"{LIST} leaves out {listed([each.name for each in _unlisted(r)])}: its syntax has no commas and "
            f"parentheses in names. Give the file instead, such as `RUN/{_unlisted(r)[0].file}.safetensors`."
        ),
        lambda r: bool(_unlisted(r)),
    ),
    advise(
        lambda r: (
            f"`gantk rescore MODEL RUN/{LIST}` measures what moving along {listed(_usable(r))} changes; "
            f"`gantk manipulate MODEL RUN/{LIST}` shows it."
        ),
        lambda r: bool(_usable(r)),
    ),
    advise(
        "Stability was not measured: `--resamples 5` says how much each direction depends on the split.",
        lambda r: all(each.figures.stability is None for each in r.boundaries),
    ),
)


# --- gantk rescore ---------------------------------------------------------------------------------------------------


def _best(result: RescoreResult) -> Rescored:
    return result.ranked()[0]


def _raises(result: RescoreResult) -> bool:
    return (_best(result).standardized or 0.0) > 0


def _strongest(result: RescoreResult) -> str:
    best = _best(result)
    gain, low, high = (value / best.deviation for value in (best.whole.gain, best.whole.low, best.whole.high))
    most = "" if len(result.boundaries) == 1 else " most:"
    return (
        f"`{best.name}` raises its attribute{most} by {measured(gain, low, high)} standard deviations of "
        f"`{best.attribute}` at distance {result.distance:g}, over {counted(result.num, 'sample')}."
    )


def _tried(result: RescoreResult) -> list[Rescored]:
    return [each for each in result.boundaries if len(each.random)]


def _noise(result: RescoreResult) -> list[str]:
    return [each.name for each in _tried(result) if not each.beats_random]


def _within(result: RescoreResult) -> str:
    count = len(_tried(result)[0].random)
    names = listed([f"`{name}`" for name in _noise(result)], 8)
    verb = "raises its attribute" if len(_noise(result)) == 1 else "raise their attributes"
    return f"{names} {verb} no more than the best of {counted(count, 'random direction')} of the same length."


def _beyond(result: RescoreResult) -> str:
    count = len(_tried(result)[0].random)
    those = "the random direction" if count == 1 else f"each of {count} random directions"
    who = "It raises" if len(result.boundaries) == 1 else "Every boundary raises"
    return f"{who} its attribute more than {those} of the same length."


def _selective(result: RescoreResult) -> list[str]:
    return [each.name for each, value in zip(result.boundaries, result.selectivity, strict=True) if value >= SELECTIVE]


def _selectivity(result: RescoreResult) -> str:
    names = [f"`{name}`" for name in _selective(result)]
    if len(result.boundaries) == 1:
        verdict = "It is selective: it changes" if names else "It is not selective: it does not change"
        return f"{verdict} its own attribute at least {SELECTIVE:g} times as much as any other, in standard deviations."
    which = f": {listed(names)}" if names and len(names) < len(result.boundaries) else ""
    return (
        f"{len(names)} of {counted(len(result.boundaries), 'boundary', 'boundaries')} "
        f"{'is' if len(names) == 1 else 'are'} selective{which}. Selective means that a boundary changes its own "
        f"attribute at least {SELECTIVE:g} times as much as any other, in standard deviations."
    )


RESCORE: Claims[RescoreResult] = (
    found(
        lambda r: f"The attributes of these boundaries never vary over {counted(r.num, 'sample')}.",
        lambda r: _best(r).standardized is None,
    ),
    found(
        lambda r: f"No boundary raises its attribute over {counted(r.num, 'sample')}.",
        lambda r: _best(r).standardized is not None and not _raises(r),
    ),
    found(_strongest, _raises),
    found(_beyond, lambda r: _raises(r) and len(_tried(r)) == len(r.boundaries) and not _noise(r)),
    found(_selectivity, lambda r: len(r.attributes) > 1 and _raises(r)),
    doubt(_within, lambda r: bool(_noise(r))),
    doubt(
        "No random direction was tried, so that chance is not excluded: `--random 20` measures it.",
        lambda r: not _tried(r),
    ),
    advise(
        lambda r: (
            f"`gantk manipulate MODEL RUN/{_best(r).prefix}_boundary.npy` shows samples moved along `{_best(r).name}`."
        ),
        lambda r: _raises(r) and _best(r).name not in _noise(r),
    ),
    advise(
        "Give more samples with `--num`: a gain is measured against how much the attribute varies between them.",
        lambda r: _best(r).standardized is None,
    ),
    advise(
        "Train the boundaries on more samples, or rescore at a larger `--distance`.",
        lambda r: _best(r).standardized is not None and (not _raises(r) or _best(r).name in _noise(r)),
    ),
)


# --- gantk manipulate ------------------------------------------------------------------------------------------------


def _along(result: ManipulateResult) -> str:
    names = [each.walk.name for each in result.moved]
    return names[0] if len(names) == 1 else f"each of {listed(names, 8)}"


MANIPULATE: Claims[ManipulateResult] = (
    found(
        lambda r: f"{were(r.num, 'sample')} moved along {_along(r)} in {counted(len(r.moved[0].distances), 'step')}."
    ),
    found(
        lambda r: " ".join(told(each.walk.name, each.departures) for each in r.moved if each.departures),
        lambda r: any(each.departures for each in r.moved),
    ),
    advise(
        "The same command with `--realism 200` says how far the edit may go before samples leave what the generator "
        "draws.",
        lambda r: not any(each.departures for each in r.moved),
    ),
    advise(
        "`gantk rescore MODEL DIRECTIONS` measures how much each attribute changes along these directions.",
        lambda r: all(each.direction.kind == "boundary" for each in r.moved),
    ),
    advise(
        "`gantk rescore MODEL DIRECTIONS --score NAME=ATTRIBUTE` measures how much an attribute changes along these "
        "directions.",
        lambda r: any(each.direction.kind != "boundary" for each in r.moved),
    ),
)
