"""LSE: where in the image each class is, read linearly from a generator's own maps (Xu and Zheng 2021)."""

from typing import TYPE_CHECKING

from gantk.store.lazy import lazily

if TYPE_CHECKING:
    from gantk.lse.edits import edit as edit
    from gantk.lse.evaluation import evaluate as evaluate
    from gantk.lse.sampling import sample as sample
    from gantk.lse.scoring import Rival as Rival
    from gantk.lse.session import EditSession as EditSession
    from gantk.lse.studies import fewshot as fewshot
    from gantk.lse.training import train as train

__getattr__, __dir__, __all__ = lazily(
    __name__,
    "session.EditSession scoring.Rival edits.edit evaluation.evaluate studies.fewshot sampling.sample training.train",
)
