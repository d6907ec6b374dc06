"""The numbers of a training: defaults are the original's (its learning rate as it really was, see `rate`)."""

from __future__ import annotations

from dataclasses import dataclass

from gantk.errors import UsageError


@dataclass(frozen=True)
class TrainSettings:
    """What determines a training beside the networks and the data; stored with the checkpoint.

    Attributes:
        images: seen until the end.
        batch: of all processes together.
        warm_up: images, from the beginning, of which only those of known styles count: by those styles.
        pixel, perceptual, adversarial, style: weights of the losses; `style` counts where the styles are known.
        recognition: weight, within the perceptual distance, of the attributes that its predictor reads.
        r1_gamma: of the discriminator's gradient penalty on real images, in every step.
        mirror: the chance that an image is flipped. (Renders and samples are never.)
        decay: the learning rate is multiplied by this eight times, continuously, over the whole training. The
            original's counter ran twice as fast as its authors thought, so that the rate ended at 0.8^8 of the first,
            not 0.8^4.
        beta1, beta2: of Adam.
        fix_norms: the share of the training after which batch statistics are no longer taken: the encoder then trains
            as it will be used.
        ema_images: half-life of the average of the weights.
    """

    images: int
    batch: int = 12
    seed: int = 0
    warm_up: int = 0
    learning_rate: float = 1e-4
    decay: float = 0.8
    beta1: float = 0.9
    beta2: float = 0.99
    pixel: float = 1.0
    perceptual: float = 5e-5
    adversarial: float = 0.08
    style: float = 0.0
    recognition: float = 0.0
    r1_gamma: float = 10.0
    mirror: float = 0.0
    fix_norms: float = 1.0
    ema_images: float = 10_000.0
    precision: str = "float32"

    def __post_init__(self) -> None:
        if self.images < 1 or self.batch < 1:
            raise UsageError(f"{self.images} images in batches of {self.batch} are no training")
        if not 0 <= self.mirror <= 1:
            raise UsageError(f"a chance of {self.mirror} to mirror is not between 0 and 1")

    @property
    def steps(self) -> int:
        """Batches until the end; the last may go a little beyond `images`."""
        return -(-self.images // self.batch)

    def rate(self, images: int) -> float:
        """The learning rate after so many images: lr 0.8^(8 k / total)."""
        return float(self.learning_rate * self.decay ** (8 * images / self.images))
