"""GH-Feat (Xu et al. 2021): an encoder of real images into a generator's styles, and what its codes can do."""

from typing import TYPE_CHECKING

from gantk.store.lazy import lazily

if TYPE_CHECKING:
    from gantk.ghfeat.codes import Codes as Codes
    from gantk.ghfeat.codes import load_codes as load_codes
    from gantk.ghfeat.edits import edit as edit
    from gantk.ghfeat.evaluation import evaluate as evaluate
    from gantk.ghfeat.extraction import extract as extract
    from gantk.ghfeat.files import load_encoder as load_encoder
    from gantk.ghfeat.inversion import invert as invert
    from gantk.ghfeat.judges import load_discriminator as load_discriminator
    from gantk.ghfeat.mixtures import harmonize as harmonize
    from gantk.ghfeat.mixtures import mix as mix
    from gantk.ghfeat.photos import photos_of as photos_of
    from gantk.ghfeat.train_run import train as train

__getattr__, __dir__, __all__ = lazily(
    __name__,
    "codes.Codes edits.edit evaluation.evaluate extraction.extract mixtures.harmonize inversion.invert "
    "codes.load_codes judges.load_discriminator files.load_encoder mixtures.mix photos.photos_of train_run.train",
)
