"""`gantk ghfeat train`: an encoder for a generator, with states, validation, curves and reconstructions.

Shape legend: N samples, C channels, H x W pixels.
"""

from __future__ import annotations

import copy
import dataclasses
import time
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from gantk.errors import GantkError
from gantk.generators.base import Generator
from gantk.ghfeat.calibration import encoder_config
from gantk.ghfeat.data import Data, Source, open_data
from gantk.ghfeat.defaults import discriminator_for, perception_for, perceptual_weight, predictor_for
from gantk.ghfeat.encoder import EncoderChoices, EncoderConfig
from gantk.ghfeat.figures import Figures
from gantk.ghfeat.files import encoder_bytes
from gantk.ghfeat.losses import VGG, Perception, PredictorDistance
from gantk.ghfeat.metrics import at_size, decode, encode, figures_of
from gantk.ghfeat.options import BATCH, TrainOptions
from gantk.ghfeat.results import Point, TrainResult, Validation
from gantk.ghfeat.subject import keep_images, pairs_of
from gantk.ghfeat.training import BETAS, Paint, Training
from gantk.predictors.base import Predictor
from gantk.runs.stores import OnlyAPart, Store
from gantk.runs.task import verb
from gantk.store.chunks import parts
from gantk.store.parallel import of_first
from gantk.store.progress import progress

STATE = "checkpoint.pt"
SHOWN = 12  # reconstructions on the page
VALIDATIONS = 12  # points of the validation curve
SETTINGS = (  # that an encoder's file tells
    "images", "batch", "seed", "warm_up", "rate", "decay", "beta1", "beta2", "pixel", "perceptual",
    "adversarial", "style", "recognition", "r1_gamma", "mirror", "fix_norms", "ema_images", "precision",
)  # fmt: skip
LOSSES = ("style", "pixel", "perceptual", "adversarial", "judge_real", "judge_fake", "r1")


@dataclass(frozen=True)
class HeldOut:
    """Held-out images [N, C, H, W], and what compares reconstructions with them."""

    image_NCHW: Tensor
    perception: Perception | None
    predictor: Predictor | None

    def judge(self, training: Training) -> tuple[Figures, Tensor]:
        """Figures of the averaged encoder, and the reconstructions [N, C, H, W]."""
        made = decode(training.generator, encode(training.average, self.image_NCHW))
        made = at_size(made, self.image_NCHW.shape[-1])
        return figures_of(self.image_NCHW, made, self.perception, self.predictor), made


def _first(source: Source, count: int) -> Tensor:
    """The first `count` images of a source, [N, C, H, W]."""
    count = min(count, source.length or count)
    return torch.cat([source.batch(range(start, stop)).image_NCHW for start, stop in parts(0, count, BATCH)])


def mean_code_mse(generator: Generator, image_NCHW: Tensor) -> float:
    """The error of the picture of the mean code as a reconstruction of everything: what an encoder has to beat."""
    return (mean_code_image(generator, image_NCHW.shape[-1]) - image_NCHW).square().mean().item()


def mean_code_image(generator: Generator, size: int) -> Tensor:
    """The picture of the mean code, [1, C, size, size]."""
    with torch.no_grad():
        return at_size(generator.synthesize(generator.expand(generator.average_w()[None])).float(), size)


@verb(TrainOptions)
def train(
    generator: Generator,
    data: object,
    validation: object = None,
    discriminator: object = None,
    metric: object = None,
    predictor: object = None,
    precision: Literal["float32", "float16", "bfloat16"] = "float32",
    *,
    options: TrainOptions,
    store: Store,
) -> TrainResult:
    """Train an encoder of real images into the styles of a generator (Xu et al. 2021, section 3).

    The defaults are the paper's. In a run the state is kept every `save_seconds`; the same call goes on from it
    and takes the same steps as an uninterrupted one. Under torchrun the batch is split over the processes.

    Args:
        generator: any family with styles; frozen, and as it was afterwards.
        data: `renderer`, `generator` (its samples, of which the codes are known), a folder, a list, an archive, or
            images as `gantk.ghfeat.photos_of` takes them; a tuple of several of these takes turns.
        validation: held-out images; default: part of the first data.
        discriminator: that it is trained against, a module, a file's name or `new`; default: the bundled one of a
            bundled generator. What is given stays as it is.
        metric: the feature distance: a predictor with feature maps, `vgg16` or `none`; default: `demo` for a
            bundled generator, else `vgg16`.
        predictor: reads attributes of reconstructions; default: the bundled one for a bundled generator.
        precision: of the networks; the heads and the losses stay in float32.
        options: `TrainOptions`, or its fields as keywords.

    Returns:
        The encoder, for `gantk.load_encoder(result, generator)`, with the average of its weights.

    Raises:
        UsageError: no such data, too few images, no discriminator, or a batch that does not divide.
        GantkError: the losses are no longer finite.
    """
    sets = tuple(open_data(each) for each in (data if isinstance(data, tuple) else (data,)))
    held = None if validation is None else open_data(validation)
    before = generator.half_dtype
    try:
        training, check = _prepared(generator, sets, held, discriminator, metric, predictor, precision, options)
        with store.timed("training"):
            _steps(training, check, store, options)
        if not store.whole:
            raise OnlyAPart
        return _result(training, check, store, options, sets)
    finally:
        generator.half_dtype = before


def config_of(generator: Generator, options: TrainOptions) -> EncoderConfig:
    """The network of a training."""
    choices: EncoderChoices = {"rank": options.rank, "head_norm": options.head_norm}
    if options.stem is not None:
        choices["stem"] = int(options.stem)
    if options.pyramid is not None:
        choices["pyramid"] = choices["aligned"] = options.pyramid
    return encoder_config(generator, depth=int(options.depth), width=options.width, resolution=options.size, **choices)


def _prepared(
    generator: Generator,
    sets: tuple[Data, ...],
    held: Data | None,
    discriminator: object,
    metric: object,
    predictor: object,
    precision: str,
    options: TrainOptions,
) -> tuple[Training, HeldOut]:
    """The training before its first step, and what it is judged by."""
    config = config_of(generator, options)
    wanted = options.perceptual is None or options.perceptual > 0
    feature = perception_for(generator, metric, otherwise=VGG) if wanted else None
    weight = 0.0 if feature is None else perceptual_weight(feature, options.perceptual)
    options = dataclasses.replace(options, perceptual=weight)
    taught = feature
    if options.recognition and isinstance(feature, PredictorDistance):
        taught = PredictorDistance(feature.predictor, options.recognition)
    size, seed, how = config.resolution, options.seed, options.fit
    sources = [each.source(generator, size, seed, how, "train" if held is None else "all") for each in sets]
    judged = (held or sets[0]).source(generator, size, seed, how, "held-out" if held is None else "all")
    judge = None
    if options.adversarial:
        judge = copy.deepcopy(discriminator_for(generator, discriminator, seed=seed))
    training = Training(options, config, generator, sources, judge, taught, _painter(generator), precision)
    held_NCHW = _first(judged, options.held_out).to(generator.device)
    return training, HeldOut(held_NCHW, feature, predictor_for(generator, predictor))


def _painter(generator: Generator) -> Paint | None:
    if generator.compiled is None:
        return None
    paint: Paint = torch.compile(lambda styles: generator.synthesize(styles))
    return paint


def _steps(training: Training, check: HeldOut, store: Store, options: TrainOptions) -> None:
    """Train to the end, or for so many minutes; every process takes the same steps from the state of the first.

    Raises:
        GantkError: the losses are no longer finite.
    """
    state = of_first(store.load_state(STATE))
    if state is not None:
        training.load(state)
    began = saved = time.monotonic()
    s = training.options
    with progress(s.images, "training the encoder", unit="img") as bar:
        bar.update(min(training.images, s.images))
        while not training.finished:
            terms = training.step()
            bar.update(min(s.batch_size, max(0, s.images - training.images + s.batch_size)))
            if not all(np.isfinite(value) for value in terms.values()):
                raise GantkError(
                    f"the losses are no longer finite after {training.images} images: give a smaller --rate"
                )
            point = training.images * VALIDATIONS // s.images
            if store.whole and point > (training.images - s.batch_size) * VALIDATIONS // s.images:
                training.validations.append(Validation(images=training.images, figures=check.judge(training)[0]))
            # all processes stop at the same step: where the first says so
            over = options.minutes is not None and of_first(time.monotonic() - began > 60 * options.minutes)
            if store.whole and (over or time.monotonic() - saved > options.save_seconds):
                _save(training, store)
                saved = time.monotonic()
            if over:
                break
    if store.whole:
        _save(training, store)


def _save(training: Training, store: Store) -> None:
    store.save_state(STATE, training.state(), "everything that a continued training needs")


def _result(
    training: Training, check: HeldOut, store: Store, options: TrainOptions, sets: tuple[Data, ...]
) -> TrainResult:
    figures, made = check.judge(training)
    mean = mean_code_mse(training.generator, check.image_NCHW)
    given = {**vars(training.options), "batch": options.batch_size, "beta1": BETAS[0], "beta2": BETAS[1],
             "precision": training.precision}  # fmt: skip
    about = {
        "data": [each.name for each in sets],
        "settings": {name: given[name] for name in SETTINGS},
        "perception": "none" if check.perception is None else check.perception.name,
        "images": training.images,
        "validation": {**dataclasses.asdict(figures), "mean_code_mse": mean, "images": len(check.image_NCHW)},
    }
    data = encoder_bytes(training.average, training.generator, about, options.half)
    names = [f"{index}" for index in range(min(SHOWN, len(made)))]
    originals = keep_images(store, check.image_NCHW[:SHOWN], "original")
    return TrainResult(
        file=np.frombuffer(data, np.uint8),
        parameters=sum(p.numel() for p in training.average.parameters()),
        images=options.images,
        reached=training.images,
        skipped=training.skipped,
        curve=tuple(
            Point(images=int(point["images"]), rate=point["rate"], **{name: point.get(name) for name in LOSSES})
            for point in training.curve
        ),
        validations=tuple(training.validations),
        final=figures,
        mean_code_mse=mean,
        held_out=len(check.image_NCHW),
        pairs=pairs_of(names, originals, keep_images(store, made[:SHOWN], "reconstruction")),
    )
