"""NaviGAN: directions in the space of one convolution's weights."""

from typing import TYPE_CHECKING

from gantk.store.lazy import lazily

if TYPE_CHECKING:
    from gantk.navigan.directions import WeightDirections as WeightDirections
    from gantk.navigan.editing import apply as apply
    from gantk.navigan.eigenvectors import hessian as hessian
    from gantk.navigan.exporting import export as export
    from gantk.navigan.files import load_weights as load_weights
    from gantk.navigan.metrics import Metric as Metric
    from gantk.navigan.rectification import train as train
    from gantk.navigan.singular import svd as svd

__getattr__, __dir__, __all__ = lazily(
    __name__,
    "metrics.Metric directions.WeightDirections editing.apply exporting.export eigenvectors.hessian "
    "files.load_weights singular.svd rectification.train",
)
