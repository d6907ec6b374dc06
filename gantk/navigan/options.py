"""Options and inputs of `gantk navigan`."""

from __future__ import annotations

import dataclasses
from dataclasses import MISSING, dataclass
from typing import TYPE_CHECKING, Literal

from gantk.errors import UsageError
from gantk.runs.inputs import CodesInputs, SampleOptions
from gantk.runs.options import Options, argument, batch, named, option
from gantk.runs.shared_options import BatchOptions, PictureOptions
from gantk.runs.task import Inputs

if TYPE_CHECKING:
    from torch import Tensor, nn

    from gantk.codes.given import GivenCodes
    from gantk.generators.base import Generator
    from gantk.navigan.directions import WeightDirections
    from gantk.navigan.metrics import Metric

CONV = "The convolution: a name or index of `gantk models info`, released:3 for NaviGAN's index, or a module's"
FORCE = "Take directions of another generator with the same shapes."
METRIC_SIZE, SHOWN = 64, 8
Form = Literal["gif", "webp", "mp4"]


# --- inputs ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class NetworkInputs(CodesInputs):
    """A generator with codes, one's own too, or any other network that is named as code, with its inputs."""

    inputs: str | None = named(
        None,
        "Inputs [N, ...], such as label maps, of a network that is named as code and takes no codes.",
        metavar="FILE.npy",
    )

    def network(self, num: int | None) -> tuple[nn.Module, GivenCodes | Tensor | None]:
        """The network and what it is given: codes of a generator, or the inputs of any other module.

        Raises:
            UsageError: inputs for a generator, or codes for another module.
        """
        from gantk.generators.base import Generator
        from gantk.generators.devices import resolve_device
        from gantk.navigan.modules import is_module, load_inputs, load_module

        if self.inputs is None:
            generator = self._generator_or_hint()
            return generator, self.codes(generator)
        module = load_module(self.model, resolve_device(self.device)) if is_module(self.model) else None
        if module is None or isinstance(module, Generator):
            raise UsageError(
                f"--inputs is for a network that takes no codes; {self.model} is a generator: give -i FILE with codes."
            )
        if self.latent_codes_path is not None or self.precision != "float32" or self.compile:
            raise UsageError(
                "A module takes --inputs: leave out -i, --seeds, --label, --truncation, --precision and --compile."
            )
        return module, load_inputs(self.inputs, num)

    def _generator_or_hint(self) -> Generator:
        from gantk.navigan.modules import is_module

        try:
            return self.generator()
        except UsageError as error:
            if not is_module(self.model):
                raise
            reason = str(error).rstrip(".")
            raise UsageError(f"{reason}; a network that takes no codes needs --inputs FILE.npy.") from error


@dataclass(frozen=True, kw_only=True)
class MetricInputs(Inputs):
    """What a distance between pictures is measured with."""

    metric: str | None = named(
        None,
        "What measures how far pictures moved: pixels, demo, lpips-vgg, lpips-alex, any predictor, or none.",
        metavar="NAME",
        default_text="demo for the bundled models, else lpips-vgg",
        code=True,
    )

    def measure(
        self, network: nn.Module, options: MetricOptions, nearest: bool = False, needed: bool = True
    ) -> Metric | str:
        """The metric, or "none"."""
        from gantk.navigan.metrics import NONE, metric_for

        return metric_for(network, self.metric, options, nearest, needed) or NONE


@dataclass(frozen=True, kw_only=True)
class ConvInputs(NetworkInputs, MetricInputs):
    """A network and one of its convolutions."""

    conv: str = named(MISSING, f"{CONV}.", metavar="LAYER")

    def given(
        self, options: SvdOptions | HessianOptions, nearest: bool = False, needed: bool = True
    ) -> dict[str, object]:
        """What a verb is given, the metric by `measure`."""
        from gantk.navigan.subject import target_of

        network, codes = self.network(options.num)
        layer = target_of(network, self.conv).layer
        metric = self.measure(network, options, nearest, needed)
        return {"generator": network, "conv": layer, "metric": metric, "codes": codes}


@dataclass(frozen=True, kw_only=True)
class HessianInputs(ConvInputs):
    def load(self, options: HessianOptions) -> dict[str, object]:
        return self.given(options, options.compat)


@dataclass(frozen=True, kw_only=True)
class SvdInputs(ConvInputs):
    def load(self, options: SvdOptions) -> dict[str, object]:
        return self.given(options, needed=False)


@dataclass(frozen=True, kw_only=True)
class TrainInputs(NetworkInputs, MetricInputs):
    basis: str = argument("BASIS", "Weight directions, a file or a shipped name, or svd.")
    conv: str | None = named(None, f"{CONV}; needed where BASIS does not say it.", metavar="LAYER")

    def load(self, options: TrainOptions) -> dict[str, object]:
        from gantk.navigan.files import load_weights
        from gantk.navigan.singular import singular_directions
        from gantk.navigan.subject import target_of

        if self.basis == "svd" and self.conv is None:
            raise UsageError("The basis svd is of one convolution: give --conv.")
        found = None if self.basis == "svd" else load_weights(self.basis, self.conv)
        # weights stay in float32: half precision is that of the steps
        network, codes = dataclasses.replace(self, precision="float32").network(options.num)
        basis = singular_directions(target_of(network, str(self.conv))) if found is None else found
        metric = self.measure(network, options, needed=False)
        return {"generator": network, "basis": basis, "metric": metric, "codes": codes, "precision": self.precision}


@dataclass(frozen=True, kw_only=True)
class ApplyInputs(NetworkInputs, MetricInputs):
    directions: str = argument("DIRECTIONS", "Weight directions: a file, or a shipped name.")
    basis: str | None = named(None, "Eigenvectors that a released checkpoint refers to.", metavar="FILE")
    conv: str | None = named(None, f"{CONV}; needed where DIRECTIONS do not say it.", metavar="LAYER")
    each: str | None = named(
        None,
        "Table [N, 2] of a direction and a strength for every sample, in place of --pick and both strengths.",
        metavar="FILE.npy",
    )

    def load(self, options: ApplyOptions) -> dict[str, object]:
        from gantk.navigan.editing import check_each
        from gantk.store.files import load_npy

        weights = read_directions(self.directions, self.basis, self.conv)
        table = None if self.each is None else check_each(load_npy(self.each), len(weights), self.each)
        network, codes = self.network(None if table is not None else options.num)
        metric = self.measure(network, options, needed=False)
        return {"generator": network, "weights": weights, "metric": metric, "codes": codes, "each": table}


def read_directions(name: str, basis: str | None = None, conv: str | None = None) -> WeightDirections:
    """Weight directions by name, a released checkpoint of combinations with its basis."""
    from gantk.navigan.files import load_weights

    return load_weights(name, conv, None if basis is None else load_weights(basis, conv))


# --- options ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class MetricOptions(Options):
    """What of a predictor is compared, and how far a recommended strength goes."""

    metric_kind: Literal["maps", "features"] = option(
        "maps", "Compare a predictor's feature maps (as LPIPS does) or its features."
    )
    metric_size: int = option(
        METRIC_SIZE,
        "Side of the square, in pixels, that pictures are resized to for comparison; 0 leaves them as they are.",
        least=0,
        most=16_384,
    )


@dataclass(frozen=True, kw_only=True)
class AnimationOptions(Options):
    animation: tuple[Form, ...] = option((), "Also write an animation in this format; may be repeated.")
    fps: float = option(10.0, "Steps per second of an animation.", least=0.1, most=60)

    def forms(self) -> tuple[Form, ...]:
        """Each form once.

        Raises:
            UsageError: one that cannot be written here; said before any work.
        """
        if "mp4" in self.animation:
            from gantk.pictures.animation import require_mp4

            require_mp4()
        return tuple(dict.fromkeys(self.animation))


@dataclass(frozen=True, kw_only=True)
class ShownOptions(MetricOptions, AnimationOptions):
    """How far directions go, and which of them the page has pictures of."""

    share: float = option(
        0.2,
        "Share of the distance between samples by which a recommended strength moves pictures.",
        least=0.001,
        most=2.0,
    )
    shown: int | None = option(
        None, "Number of directions that are drawn.", originals=("--show",), least=0, default_text="8"
    )


@dataclass(frozen=True, kw_only=True)
class HessianOptions(SampleOptions, BatchOptions, ShownOptions):
    k: int = option(16, "Number of eigenvectors.", "-k", "--num-eigenvectors", least=1)
    num: int = option(64, "Number of samples, at most.", "-N", least=1)
    batch_size: int = batch(8, gradients=True)
    block: int | None = option(None, "Number of vectors per block.", least=1, default_text="2, on a GPU 8")
    tolerance: float = option(
        0.003, "Stop when all residuals are below this share of the k-th eigenvalue.", above=0, most=1
    )
    max_products: int | None = option(
        None, "Largest number of products with the Hessian.", least=1, default_text="20 k"
    )
    patience: float = option(3600.0, "Seconds that a shard waits for another.", least=0, identity=False)
    compat: bool = option(
        False, "Estimate as the released program does: by differences, power iteration and deflation."
    )
    max_iter: int = option(20, "Number of steps of --compat for each vector.", least=1)
    epsilon: float = option(0.1, "Step of the differences of --compat, in units of the weight.", above=0)


@dataclass(frozen=True, kw_only=True)
class SvdOptions(SampleOptions, BatchOptions, ShownOptions):
    num: int = option(8, "Number of samples, at most.", "-N", least=1)
    batch_size: int = batch(8)


@dataclass(frozen=True, kw_only=True)
class TrainOptions(SampleOptions, BatchOptions, ShownOptions):
    components: int | None = option(
        None,
        "Number of directions to learn.",
        "-K",
        originals=("--directions", "-D"),
        least=2,
        default_text="64, or as many as the basis has",
    )
    steps: int = option(100_000, "Number of steps; more than were taken continue them.", least=1, identity=False)
    shift_scale: float | None = option(
        None, "Largest strength, in units of the weight.", above=0, default_text="the basis's recommended one"
    )
    min_shift: float | None = option(None, "Least strength.", least=0, default_text="a quarter of the largest")
    shift_distribution: Literal["uniform", "normal"] = option("uniform", "Distribution of the strengths.")
    label_weight: float = option(1.0, "Weight of the directions' cross entropy in the loss.", least=0)
    shift_weight: float = option(0.25, "Weight of the strengths' mean error in the loss.", least=0)
    raw_strength: bool = option(False, "Take that error in raw strengths, as published, not over the scale.")
    rate: float = option(1e-4, "Learning rate of both Adams.", above=0)
    reconstructor: Literal["resnet", "lenet"] = option(
        "resnet", "Network that has to distinguish the directions.", originals=("--predictor",)
    )
    reconstructor_size: int | None = option(
        None,
        "Side of the pictures that it sees, in pixels.",
        originals=("--predictor-size",),
        least=16,
        default_text="the images', at most 256",
    )
    start: Literal["random", "basis"] = option(
        "random", "Combinations to start from: random ones, or the basis itself."
    )
    save_every: int = option(1000, "Number of steps between states on the disk.", least=1)
    num: int = option(64, "Number of samples, at most: of codes that are given, how many are used.", "-N", least=1)
    batch_size: int = option(32, "Samples of a step.", least=2)
    force: bool = option(False, FORCE, identity=False)


@dataclass(frozen=True, kw_only=True)
class ApplyOptions(SampleOptions, BatchOptions, MetricOptions, AnimationOptions, PictureOptions):
    pick: str | tuple[int, ...] | None = option(
        None,
        "Numbers of the directions to take from a file with several: 0-3,7 or all.",
        metavar="LIST",
        default_text="the first 8",
    )
    step: int = option(7, "Number of pictures along a direction.", "--steps", least=1, most=10_000)
    start_strength: float | None = option(
        None,
        "First strength, in units of the weight.",
        originals=("--start",),
        default_text="minus the recommended one",
    )
    end_strength: float | None = option(
        None, "Last strength, in units of the weight.", originals=("--end",), default_text="the recommended one"
    )
    num: int = option(4, "Number of samples, at most.", "-N", least=1)
    force: bool = option(False, FORCE, identity=False)
