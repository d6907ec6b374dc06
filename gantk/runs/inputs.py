"""Inputs that many tasks share: a model, how its codes are drawn or given, and directions by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from gantk.errors import UsageError
from gantk.runs.options import Options, argument, fields_of, named, option
from gantk.runs.shared_options import LabelOptions, SeedOptions, TruncationOptions
from gantk.runs.task import Inputs

if TYPE_CHECKING:
    from gantk.codes.entries import Entry
    from gantk.codes.given import GivenCodes
    from gantk.codes.source import CodeSource
    from gantk.generators.base import Generator
    from gantk.predictors.base import Predictor


@dataclass(frozen=True, kw_only=True)
class DeviceInputs(Inputs):
    """Where and how generators run."""

    device: str = named("auto", "Device: cpu, cuda, cuda:N; auto takes a GPU when there is one.")
    precision: Literal["float32", "float16", "bfloat16"] = option("float32", "Precision of the generator.")
    compile: bool = named(
        False, "Draw pictures by torch.compile's graphs: each batch size costs a minute or more once, and needs a C++ "
        "compiler.",
    )  # fmt: skip
    deterministic: bool = named(
        False, "On a GPU, take only algorithms that give the same bits every time, which are slower."
    )

    def loaded(self, model: str, tuned: str | None = None) -> Generator:
        """A generator by name or file."""
        from gantk.checkpoints.load import load_generator
        from gantk.generators.devices import resolve_device

        return load_generator(
            model, device=resolve_device(self.device), precision=self.precision, tuned=tuned, compile=self.compile
        )


@dataclass(frozen=True, kw_only=True)
class ModelInputs(DeviceInputs):
    """A generator, on a device, in a precision."""

    model: str = argument(
        "MODEL",
        "A zoo name, a checkpoint in any known format or its https address, or a gantk file.",
        code=True,
    )
    tuned: str | None = named(None, "Weights tuned to photos, which `gantk invert --tune` wrote.", metavar="FILE")

    def generator(self) -> Generator:
        return self.loaded(self.model, self.tuned)


@dataclass(frozen=True, kw_only=True)
class CodesInputs(ModelInputs):
    """A generator and, where there is one, a file of codes for it; goes with `SampleOptions`."""

    latent_codes_path: str | None = named(
        None, "File of codes to use instead of drawing some.", "-i", "-c", metavar="FILE"
    )
    latent_space_type: Literal["z", "w", "wp"] | None = named(
        None, "Space of the codes in FILE.", default_text="by its content"
    )

    def codes(self, generator: Generator) -> GivenCodes | None:
        """Open the file of codes; None where none is named. The space is part of what it is, and of its fingerprint."""
        from gantk.codes.given import codes_in

        if self.latent_codes_path is None:
            return None
        return codes_in(self.latent_codes_path, generator, self.latent_space_type)


def seeds_option(what: str) -> Any:
    """Declare `seeds`: which samples, by NVIDIA's numbering."""
    return option(
        None,
        f"{what} by their seeds in NVIDIA's numbering (one random state per seed), such as 0-31,85.",
        metavar="LIST",
    )


def numbered(options: Options, generator: Generator, count: str | None = None) -> GivenCodes | None:
    """z of the seeds that ``options.seeds`` lists, named after them; None where it lists none.

    Args:
        count: the option that says how many samples there are where no seeds are listed.

    Raises:
        UsageError: `count` was given too and is another number, or the generator draws z from another distribution
            than the numbering's.
    """
    from gantk.codes.given import numbered_codes
    from gantk.codes.numbering import parse_seeds, show_seeds

    listed = getattr(options, "seeds", None)
    if listed is None:
        return None
    seeds = parse_seeds(listed)
    if count is not None:
        field, given = next(field for field in fields_of(type(options)) if field.name == count), getattr(options, count)
        if given not in (field.default, len(seeds)):
            raise UsageError(
                f"--seeds {show_seeds(seeds)} are {len(seeds)} samples, and --{count.replace('_', '-')} is {given}: "
                "leave one of the two out."
            )
    return numbered_codes(generator, seeds)


@dataclass(frozen=True, kw_only=True)
class SampleOptions(SeedOptions, TruncationOptions, LabelOptions):
    """Which samples a task is about: the first `num` of a seed, those of a list of seeds, or the codes given."""

    num: int | None = option(
        None, "Number of samples; with a file of codes at most how many of them.", "-N", least=0, default_text="all"
    )
    seeds: str | tuple[int, ...] | None = seeds_option("Samples")

    def source(self, generator: Generator, codes: object = None, drawn: int | None = None) -> CodeSource:
        """Where the codes of a verb come from.

        Args:
            codes: None draws; else `GivenCodes`, a result that carries codes, an array or a tensor: see
                `gantk.codes.given.given_codes`.
            drawn: how many are drawn where `num` does not say it.

        Raises:
            UsageError: nothing to draw, a truncation or a label that the generator cannot have, or a bare array of
                which it cannot be told whether it is z or w.
            GantkError: the codes are another generator's.
        """
        from gantk.codes.given import given_codes
        from gantk.codes.latents import parse_truncation
        from gantk.codes.source import CodeSource

        listed = numbered(self, generator, "num")
        if listed is not None and codes is not None:
            raise UsageError(f"--seeds {self.seeds} draws codes, and codes were given: leave one of the two out.")
        given = listed or given_codes(generator, codes)
        truncation = parse_truncation(self.truncation, generator.spec)
        num = self.num or (drawn if given is None else None)
        return CodeSource(generator, num, self.seed, truncation, label=self.label, codes=given)

    def name_of(self, sample: int) -> str:
        """What sample i is called below its picture: its seed where seeds were listed."""
        from gantk.codes.numbering import parse_seeds

        return f"sample {sample}" if self.seeds is None else f"seed {parse_seeds(self.seeds)[sample]}"


@dataclass(frozen=True, kw_only=True)
class SeedsShownOptions(Options):
    """Which samples are drawn with sliders, where what is found does not depend on them."""

    seeds: str | tuple[int, ...] | None = option(
        None,
        "Samples drawn with sliders, by their seeds in NVIDIA's numbering, instead of --samples: 0-2,85.",
        metavar="LIST",
    )

    def shown_codes(self, generator: Generator) -> GivenCodes | None:
        """z of the seeds, see `numbered`; None where none are listed."""
        return numbered(self, generator, "samples")


@dataclass(frozen=True, kw_only=True)
class PredictorInputs(Inputs):
    """What scores images."""

    predictor: str | None = named(
        None,
        "What scores the images: demo, places365 (scene), truth, file.py:function or a file.",
        "--predictor-name",
        metavar="NAME",
        default_text="demo for the bundled models, truth for demo-oracle, else places365",
        code=True,
    )

    def scorer(self, generator: Generator) -> Predictor:
        """Load the predictor, or the default one of the generator."""
        from gantk.predictors.defaults import predictor_for

        return predictor_for(generator, self.predictor)


@dataclass(frozen=True, kw_only=True)
class DirectionInputs(Inputs):
    """How directions that are named on a command line are read."""

    pick: str | None = named(
        None,
        "Numbers of the directions to take from a file with several: 0-3,7 or all.",
        metavar="LIST",
        default_text="0",
    )
    space: Literal["z", "w", "wp"] | None = named(None, "Space of directions whose files do not say it.")
    force: bool = named(False, "Take directions that were found with another generator of the same widths.")

    def entries(self, generator: Generator, words: Sequence[str]) -> list[Entry]:
        """Load the directions that words name: files, boundary lists, folders, names of shipped ones."""
        from gantk.codes.entries import gather

        return gather(words, generator, self.force, self.space, self.pick)
