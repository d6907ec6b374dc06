"""The verb `svd`: the singular vectors of one convolution as weight directions.

Shape legend: R singular values.
"""

from __future__ import annotations

import numpy as np
from torch import nn

from gantk.navigan.bases import svd_basis
from gantk.navigan.directions import WeightDirections
from gantk.navigan.kept import keep
from gantk.navigan.measuring import Measuring, curves_of, measured, shown_of, with_scales
from gantk.navigan.metrics import Metric, metric_for
from gantk.navigan.options import SHOWN, SvdOptions
from gantk.navigan.results import SvdResult
from gantk.navigan.subject import subject, without_gradients
from gantk.navigan.target import Target
from gantk.predictors.base import Predictor
from gantk.runs.options import at_most
from gantk.runs.stores import Store
from gantk.runs.task import verb

FOLDER = "svd"
UNMEASURED = 0.1  # of the weight's length: the strength of pictures where nobody measured one


@verb(SvdOptions)
@without_gradients
def svd(
    generator: nn.Module,
    conv: str | int,
    metric: Metric | Predictor | str | None = None,
    codes: object = None,
    *,
    options: SvdOptions,
    store: Store,
) -> SvdResult:
    """Take the singular vectors of a convolution: direction i is u_i v_i^T (Cherepkov et al. 2021, section 3.1).

    Args:
        generator, conv, codes: as in `hessian`; samples only measure how far to go, and are shown.
        metric: a `Metric`, a predictor, pixels or none; None is the default of the generator where it is there.
        options: `SvdOptions`, or its fields as keywords.

    Returns:
        R unit directions by decreasing singular value; with recommended strengths where there was a metric.

    Raises:
        UsageError: no such convolution.
    """
    about = subject(generator, conv, codes, options)
    directions = singular_directions(about.target)
    show = at_most("--shown", options.shown, len(directions), "directions", SHOWN)
    options.forms()
    judge = metric_for(generator, metric, options, needed=False)
    default = UNMEASURED * about.weight_length
    measuring = Measuring(about, judge, directions, options.share, show, FOLDER, default, options.batch_size)
    arrays = measured(store, measuring, show)
    curves = curves_of(arrays)
    scaled = with_scales(directions, curves)
    values = np.array(directions.meta["singular_values"], np.float64)
    return SvdResult(
        directions=keep(scaled),
        weight_length=about.weight_length,
        metric=None if judge is None else judge.name,
        share=options.share,
        curves=curves,
        shown=shown_of(
            store, arrays, options, FOLDER, [scaled.scale(n, default) for n in range(show)], about.total, values
        ),
        fps=options.fps,
        singular_values=values,
    )


def singular_directions(target: Target) -> WeightDirections:
    """The singular vectors of a convolution, largest singular value first."""
    basis, values = svd_basis(target.weight)
    meta = {"singular_values": values.tolist()}
    name = f"singular vectors of {target.layer}"
    return WeightDirections(name, "svd", target.layer, basis, identity=target.identity(), meta=meta)
