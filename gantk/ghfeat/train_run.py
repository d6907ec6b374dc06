"""A training as a run: checkpoints, validation, curves and reconstructions for its page, and the encoder's file.

Shape legend: N samples, C channels, H x W pixels.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gantk.errors import GantkError
from gantk.generators.base import Generator
from gantk.ghfeat.data import Source
from gantk.ghfeat.files import save_encoder
from gantk.ghfeat.losses import Perception
from gantk.ghfeat.metrics import at_size, closeness, decode, encode
from gantk.ghfeat.training import Training
from gantk.pictures.images import to_uint8
from gantk.predictors.base import Predictor
from gantk.runs.run import Run
from gantk.store.files import save_image, write_atomic
from gantk.store.inside import regular_file
from gantk.store.progress import progress

CHECKPOINT = "checkpoint.pt"
ENCODER = "encoder.safetensors"
SHOWN = 12  # reconstructions on the page
VALIDATIONS = 12  # points of the validation curve


@dataclass(frozen=True)
class Validation:
    """Held-out images [N, 3, H, W], and what compares reconstructions with them."""

    image_NCHW: Tensor
    perception: Perception | None
    predictor: Predictor | None

    @classmethod
    def of(
        cls, source: Source, count: int, perception: Perception | None, predictor: Predictor | None, device: Any
    ) -> Validation:
        """The first `count` images of a source of held-out ones."""
        count = min(count, source.length or count)
        parts = [source.batch(range(i, min(i + 32, count))).image_NCHW for i in range(0, count, 32)]
        return cls(torch.cat(parts).to(device), perception, predictor)

    def judge(self, training: Training) -> tuple[dict[str, Any], Tensor]:
        """Figures of the averaged encoder, and the reconstructions [N, 3, H, W]."""
        made = decode(training.generator, encode(training.average, self.image_NCHW))
        made = at_size(made, self.image_NCHW.shape[-1])
        return closeness(self.image_NCHW, made, self.perception, self.predictor).summary(), made


def mean_code_mse(generator: Generator, image_NCHW: Tensor) -> float:
    """The error of the picture of the mean code as a reconstruction of everything: what an encoder has to beat."""
    with torch.no_grad():
        mean = generator.synthesize(generator.expand(generator.average_w()[None])).float()
    return (at_size(mean, image_NCHW.shape[-1]) - image_NCHW).square().mean().item()


def train(
    training: Training,
    validation: Validation,
    run: Run | None,
    save_every: float = 240.0,
    minutes: float | None = None,
    half: bool = False,
    meta: dict[str, Any] | None = None,
) -> bool:
    """Train to the end, or for so many minutes; returns whether the end was reached.

    Args:
        run: where checkpoints and results go; None in the processes beside the first.
        save_every: seconds between checkpoints.
        minutes: stop, with a checkpoint, after this long.
        half: store the encoder's matrices in float16.
        meta: what its file says about the training.

    Raises:
        GantkError: the losses are no longer finite.
    """
    path = None if run is None else run.path(CHECKPOINT)
    if run is not None and path is not None and path.exists():
        training.load(path)
    if training.world > 1:
        _agree(training, path)
    began = saved = time.monotonic()
    s = training.settings
    with progress(s.images, "training the encoder", unit="img") as bar:
        bar.update(min(training.images, s.images))
        while not training.finished:
            terms = training.step()
            bar.update(min(s.batch, max(0, s.images - training.images + s.batch)))
            if not all(np.isfinite(value) for value in terms.values()):
                raise GantkError(
                    f"the losses are no longer finite after {training.images} images: give a smaller --learning-rate"
                )
            point = training.images * VALIDATIONS // s.images
            if run is not None and point > (training.images - s.batch) * VALIDATIONS // s.images:
                figures, _ = validation.judge(training)
                training.validations.append({"images": training.images, **figures})
            over = minutes is not None and _any(training, time.monotonic() - began > 60 * minutes)
            if run is not None and path is not None and (over or time.monotonic() - saved > save_every):
                _save(training, run, path)
                saved = time.monotonic()
            if over:
                break
    if run is not None and path is not None:
        _save(training, run, path)
        _finish(training, validation, run, half, meta or {})
    return training.finished


def _save(training: Training, run: Run, path: Path) -> None:
    write_atomic(path, training.state())
    run.record("curve", training.curve)
    run.record("validations", training.validations)
    run.save()


def _finish(training: Training, validation: Validation, run: Run, half: bool, meta: dict[str, Any]) -> None:
    figures, made = validation.judge(training)
    figures["mean_code_mse"] = mean_code_mse(training.generator, validation.image_NCHW)
    figures["images"] = len(validation.image_NCHW)
    run.record("reached", training.images)
    run.record("skipped", training.skipped)
    run.record("final", figures)
    about = {**meta, "images": training.images, "validation": figures}
    digest = save_encoder(run.path(ENCODER), training.average, training.generator, about, half)
    run.record("encoder", {
        "file": ENCODER, "sha256": digest, "bytes": run.path(ENCODER).stat().st_size,
        "parameters": sum(p.numel() for p in training.average.parameters()),
        "config": training.average.config.to_dict(),
    })  # fmt: skip
    run.output(ENCODER, "the encoder, with the average of its weights")
    run.output(CHECKPOINT, "everything that a continued training needs")
    pairs = []
    for name, images in (("original", validation.image_NCHW), ("reconstruction", made)):
        for index, image in enumerate(to_uint8(images[:SHOWN])):
            file = f"images/{name}_{index:03d}.png"
            save_image(run.path(file), image)
            pairs.append(file)
        run.output("images", "held-out images and their reconstructions")
    count = len(pairs) // 2
    run.record("pairs", [[pairs[i], pairs[count + i]] for i in range(count)])


def _agree(training: Training, path: Path | None) -> None:
    """All processes continue from what the first one read, so that a file that only it can see is enough."""
    import io

    import torch.distributed as dist

    boxed: list[bytes | None] = [regular_file(path).read_bytes() if path is not None and path.exists() else None]
    dist.broadcast_object_list(boxed, src=0)
    if boxed[0] is not None and training.rank:
        training.load(io.BytesIO(boxed[0]))


def _any(training: Training, mine: bool) -> bool:
    """The first process' answer, in all of them: they must stop at the same step."""
    if training.world == 1:
        return mine
    import torch.distributed as dist

    answer = torch.tensor([mine], device=training.device)  # as NCCL takes it
    dist.broadcast(answer, 0)
    return bool(answer.item())
