"""How near a set of samples is to a set of real images, by their features."""

from gantk.store.lazy import lazily

__getattr__, __dir__, __all__ = lazily(
    __name__,
    "results.Measured results.Quality results.QualityResult comparison.compare "
    "gantk.predictors.set_distances.kernel_distance gantk.predictors.manifolds.manifold_shares verbs.measure "
    "gantk.predictors.manifolds.nearest gantk.predictors.manifolds.unreached",
)
