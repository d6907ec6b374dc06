"""HiGAN: which direction of the latent codes carries an attribute, and in which layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gantk.store.lazy import lazily

if TYPE_CHECKING:
    from gantk.higan.manipulation import manipulate as manipulate
    from gantk.higan.rescoring import rescore as rescore
    from gantk.higan.synthesis import sample as sample
    from gantk.higan.synthesis import synthesize as synthesize
    from gantk.higan.training import train_boundary as train_boundary

_PUBLIC = {
    "manipulate": "manipulation",
    "rescore": "rescoring",
    "sample": "synthesis",
    "synthesize": "synthesis",
    "train_boundary": "training",
}

__all__ = list(_PUBLIC)

__getattr__, __dir__ = lazily(__name__, _PUBLIC)
