"""Leading directions of every region without its Gram matrices, for codes of thousands of coordinates."""

from __future__ import annotations

import numpy as np

from gantk.codes.source import CodeSource
from gantk.generators.probe import probe
from gantk.resefa.accumulate import JacobianPlan, sample_jacobian
from gantk.resefa.find import direction_of, plain, scales_of, spread
from gantk.resefa.leading import Products, leading_directions
from gantk.resefa.measure import REACH
from gantk.resefa.pictures import keep_overlays
from gantk.resefa.regions import Regions
from gantk.resefa.results import JacobianFacts, LeadingDirections
from gantk.resefa.solve import TAU
from gantk.resefa.summary import overlays
from gantk.runs.stores import Store
from gantk.store.progress import progress


def leading_of(
    store: Store, source: CodeSource, regions: Regions, plan: JacobianPlan, facts: JacobianFacts, count: int
) -> tuple[LeadingDirections, ...]:
    """The `count` leading directions of every region."""
    generator, total = source.generator, source.total
    reach = REACH * spread(generator, plan.variable, facts.seed)
    jacobians, inside, outside = [], [], []
    for sample in range(total):
        jacobian, wp_1LD = sample_jacobian(source, sample, plan)
        mask_RSS, ring_RSS = (side[0] for side in regions.sides(regions.masks(generator, wp_1LD, sample)))
        jacobians.append(jacobian)
        inside.append(mask_RSS)
        outside.append(~mask_RSS & ~ring_RSS)
        if sample < plan.preview:
            keep_overlays(store, generator, wp_1LD, mask_RSS, regions.names, sample)
    own_probe = probe(generator)

    def find(place: int, name: str) -> LeadingDirections:
        products = Products(jacobians, [mask[place] for mask in inside], [mask[place] for mask in outside])
        found = leading_directions(products, min(count, plan.variable.dim))
        scales = scales_of(found.change, reach)
        about = {"region": name, "method": "resefa, matrix-free", "eigenvalues": plain(found.eigenvalues), "tau": TAU}
        about |= {"quotients": plain(found.quotients), "change": plain(found.change), "scales": scales}
        direction = direction_of(
            name, found.vectors, plan.variable, scales, own_probe, {**about, "samples": total}, generator
        )
        return LeadingDirections(
            name=name,
            text=facts.places[place].text,
            share=float(np.mean([mask[place].mean() for mask in inside])),
            passes=products.passes,
            direction=direction,
            eigenvalues=found.eigenvalues,
            quotients=found.quotients,
            scales=np.array(scales),
            pictures=overlays(name, facts, store),
        )

    names = progress(regions.names, "leading", unit="region")
    return tuple(
        store.part(f"leading-{name}", LeadingDirections, lambda place=place, name=name: find(place, name))  # type: ignore[misc]
        for place, name in enumerate(names)
    )
