"""What the pages of GH-Feat's tasks and of `gantk invert` say, each sentence with its condition."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gantk.reports.numbers import show_places, show_rounded
from gantk.runs.claims import Claims, advise, counted, doubt, found, listed, percent, were

if TYPE_CHECKING:
    from gantk.ghfeat.picture_results import EditResult, Exchanged, HarmonizeResult, MixResult, Moved
    from gantk.ghfeat.probe_results import EvaluateResult
    from gantk.ghfeat.results import ExtractResult, InvertResult, TrainResult


EDIT_CODES = "`gantk ghfeat edit MODEL RUN/codes.safetensors"
AXIS = (
    f"{EDIT_CODES} --component 0 --of RUN/codes.safetensors` moves these images along the first principal axis of "
    "their codes."
)
ALONG = f"{EDIT_CODES} --direction BOUNDARY` moves this image along a direction."


def unread(skipped: tuple[str, ...]) -> str:
    """Which images were left out."""
    return (
        f"{counted(len(skipped))} could not be read and {'was' if len(skipped) == 1 else 'were'} left out: "
        f"{listed(skipped, 8)}."
    )


# --- train -----------------------------------------------------------------------------------------------------------


def _state(result: TrainResult) -> str:
    if result.done:
        return "trained"
    return f"stopped after {counted(result.reached)} of {result.images} (the same command continues)"


TRAIN: Claims[TrainResult] = (
    found(
        lambda r: (
            f"The encoder was {_state(r)}; on {counted(r.held_out, 'held-out image')} its MSE is {r.final.mse:.4f}, "
            f"its SSIM {r.final.ssim:.3f} and the mean code's MSE {r.mean_code_mse:.4f}."
        )
    ),
    doubt(
        "Its reconstructions are no closer than one and the same picture, that of the mean code: train it for longer.",
        lambda r: r.final.mse >= r.mean_code_mse,
    ),
    doubt(
        lambda r: f"{were(r.skipped, 'update')} left out, since a gradient was not finite.",
        lambda r: r.skipped > 0,
    ),
    advise("`gantk ghfeat extract MODEL IMAGE --encoder RUN/encoder.safetensors` encodes images with it."),
)


# --- extract ---------------------------------------------------------------------------------------------------------


def _error(result: ExtractResult) -> float:
    figures = result.kept_figures
    assert figures is not None
    return float(figures[:, 0].mean())


EXTRACT: Claims[ExtractResult] = (
    found(
        lambda r: f"{were(len(r.kept))} encoded; the mean squared error is {_error(r):.4f} (pixels in [-1, 1]).",
        lambda r: r.kept_figures is not None and len(r.kept) > 0,
    ),
    found(lambda r: f"{were(len(r.kept))} encoded.", lambda r: r.kept_figures is None or not len(r.kept)),
    doubt(lambda r: unread(r.skipped), lambda r: bool(r.skipped)),
    advise(AXIS, lambda r: len(r.kept) > 1),
    advise(ALONG, lambda r: len(r.kept) == 1),
)


# --- invert ----------------------------------------------------------------------------------------------------------


def with_tuned(result: InvertResult) -> str:
    """The error with tuned weights, where they were."""
    of = result.tuning
    return "" if of is None else f", {float(of.after[:, 0].mean()):.4f} with tuned weights"


INVERT: Claims[InvertResult] = (
    found(
        lambda r: (
            f"{were(len(r.kept))} inverted; the mean squared error is {r.means.mse:.4f} (pixels in [-1, 1]) after "
            f"{counted(r.steps, 'step')}{with_tuned(r)}."
        )
    ),
    doubt(lambda r: unread(r.skipped), lambda r: bool(r.skipped)),
    doubt(
        "The loss did not fall: lower the learning rate.", lambda r: len(r.loss) > 1 and bool(r.loss[-1] >= r.loss[0])
    ),
    advise(AXIS, lambda r: r.space == "s" and len(r.kept) > 1),
    advise(ALONG, lambda r: r.space == "s" and len(r.kept) == 1),
    advise(
        lambda r: f"`gantk manipulate MODEL DIRECTION -i RUN/{r.space}.npy` moves these images along a direction.",
        lambda r: r.space != "s",
    ),
)


# --- mix -------------------------------------------------------------------------------------------------------------

MIX: Claims[MixResult] = (
    found(
        lambda r: (
            f"{counted(len(r.grids), 'grid')} {'shows' if len(r.grids) == 1 else 'show'} "
            f"{counted(len(r.content), 'content image')}, each with rows of {counted(len(r.style), 'style image')}."
        )
    ),
    advise(
        lambda r: (
            "What changes with the style in a grid is stored in its rows: `gantk manipulate MODEL DIRECTION --rows "
            f"{show_places(r.grids[0].rows).replace(' ', '')}` edits those of the first along a direction."
        ),
        lambda r: bool(r.grids),
    ),
)


# --- edit ------------------------------------------------------------------------------------------------------------


def _exchanged(result: EditResult) -> Exchanged:
    assert result.exchanged is not None
    return result.exchanged


def _moved(result: EditResult) -> Moved:
    assert result.moved is not None
    return result.moved


def reach_of(found: Exchanged) -> str:
    """What lies beyond the reach, and how large the reach is: a change of 0 beyond it says little where it is wide."""
    rest = percent(max(1 - found.share, 0.0))
    if found.share >= 1:
        return "The reach of the edit is the whole image."
    if found.beyond_reach == 0:
        return f"The edit can reach {percent(found.share)} of the image and changes nothing in the other {rest}."
    return (
        f"The edit can reach {percent(found.share)} of the image; in the other {rest} pixels change by at most "
        f"{found.beyond_reach:.4f}."
    )


EDIT: Claims[EditResult] = (
    found(
        lambda r: (
            f"{were(len(r.pairs))} edited; the mean change is {show_rounded(_exchanged(r).inside)} inside the region "
            f"and {show_rounded(_exchanged(r).outside)} outside it (pixels in [-1, 1])."
        ),
        lambda r: r.exchanged is not None,
    ),
    found(lambda r: reach_of(_exchanged(r)), lambda r: r.exchanged is not None),
    found(
        lambda r: (
            f"{were(len(r.pairs))} moved along {_moved(r).walk.name}, by distances from {_moved(r).distances[0]:g} to "
            f"{_moved(r).distances[-1]:g}."
        ),
        lambda r: r.moved is not None,
    ),
    doubt(
        lambda r: (
            f"Edits start from the reconstruction, whose mean squared error is {r.mse:.4f}: details that the "
            "encoder lost are missing from every edit."
        ),
        lambda r: r.mse is not None,
    ),
    advise(
        "`gantk invert MODEL IMAGES` finds codes that are closer to the images; edit those.",
        lambda r: r.mse is not None,
    ),
)


# --- harmonize -------------------------------------------------------------------------------------------------------

HARMONIZE: Claims[HarmonizeResult] = (
    found(
        lambda r: (
            f"{were(len(r.images))} harmonised; the mean change outside the region is {r.outside:.4f} (pixels in "
            f"[-1, 1]), the mean squared error against the paste {r.against_paste:.4f}."
        )
    ),
    advise(
        lambda r: (
            f"`gantk invert MODEL RUN/{r.images[0].pasted.name}` comes closer to the paste, at the price of its seams."
        ),
        lambda r: bool(r.images),
    ),
)


# --- evaluate --------------------------------------------------------------------------------------------------------


PROBED = 200
"""Images below which a page doubts what probes read from the codes."""


def _read(result: EvaluateResult) -> list[tuple[str, float]]:
    """What a linear model reads from all levels, worst first."""
    table = result.probes.regression
    places = [i for i, features in enumerate(result.probes.features) if features.kind == "all"]
    if table is None or not places:
        return []
    values = np.asarray(table.values, np.float64)[places[0]]
    known = [(name, float(value)) for name, value in zip(table.columns, values, strict=True) if np.isfinite(value)]
    return sorted(known, key=lambda pair: pair[1])


EVALUATE: Claims[EvaluateResult] = (
    found(
        lambda r: (
            f"On {counted(r.count)}, {counted(len(r.probes.features), 'set')} of features were probed; the mean "
            f"squared error of reconstructions is {r.reconstruction.mse:.4f}."
        )
    ),
    found(
        lambda r: (
            f"A linear model reads {_read(r)[-1][0].replace('_', ' ')} best from all levels (R2 "
            f"{_read(r)[-1][1]:.2f}) and {_read(r)[0][0].replace('_', ' ')} worst ({_read(r)[0][1]:.2f})."
        ),
        lambda r: len(_read(r)) > 1,
    ),
    doubt(
        lambda r: (
            f"{counted(r.count)} are few for a linear model of all codes: R2 may say more of their number than of the "
            f"codes. Give {PROBED} or more."
        ),
        lambda r: r.count < PROBED and bool(_read(r)),
    ),
    doubt(
        "Reconstructions are no closer than one and the same picture, that of the mean code.",
        lambda r: r.reconstruction.mse >= r.mean_code_mse and r.reconstruction.mse > 0,
    ),
    advise(
        "`gantk ghfeat mix MODEL --content IMAGE --style IMAGE` shows what each level changes; `gantk ghfeat edit "
        "MODEL IMAGE --direction DIRECTION` moves an image."
    ),
)
