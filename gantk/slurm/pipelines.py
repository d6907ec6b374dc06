"""The pipelines that `gantk slurm` writes, as data: which jobs, in which order, with which command lines.

In a command line ``{model}`` and the like stand for the pipeline's inputs, which the batch file sets as variables, and
``{run}`` for the job's run directory. What else a command is told comes from its own table of the settings file.
"""

from __future__ import annotations

from dataclasses import dataclass

SHARD = "--shard auto"


@dataclass(frozen=True)
class Job:
    """One batch file.

    Attributes:
        name: unique within its pipeline; also the name of its table below [slurm].
        line: the words after ``gantk --config SETTINGS``.
        about: what it does, for a comment and the page.
        run: the run directory below the chain's, "" for the chain's own.
        split: whether it runs as an array whose tasks are shards.
        together: whether its shards are tasks of one job, which start together and talk through the run directory.
        gpu: whether it asks for the GPUs of the settings; the others compute nothing with a generator.
        torchrun: whether the processes of one job work together, a GPU each.
    """

    name: str
    line: str
    about: str
    run: str = ""
    split: bool = False
    together: bool = False
    gpu: bool = True
    torchrun: bool = False

    @property
    def command(self) -> str:
        """The command as typed: the words before the first argument."""
        words = self.line.split()
        known = [word for word in words[:2] if not word.startswith(("{", "-"))]
        return " ".join(known)


@dataclass(frozen=True)
class Pipeline:
    """A chain of jobs, each of which starts when the one before has ended well.

    Attributes:
        inputs: the keys of [slurm] it needs, in the order in which they are asked for.
        optional: keys it takes with their default.
    """

    about: str
    jobs: tuple[Job, ...]
    inputs: tuple[str, ...] = ("model",)
    optional: tuple[tuple[str, str], ...] = ()


def _merge(run: str = "", name: str = "merge") -> Job:
    return Job(name, "merge {run}", "Join the shards.", run, gpu=False)


def _split(name: str, line: str, about: str, run: str = "") -> Job:
    return Job(name, f"{line} {SHARD} --output-dir {{run}}", about, run, split=True)


_SAMPLES = "synthesize {model} --generate-prediction"

PIPELINES: dict[str, Pipeline] = {
    "synthesize": Pipeline(
        "Samples of a generator: latents, images, predictions.",
        (_split("synthesize", "synthesize {model}", "Sample the generator."), _merge()),
    ),
    "predict": Pipeline(
        "Scores of the images of codes that exist.",
        (
            _split(
                "predict",
                "synthesize {model} --latent-codes-path {codes} --latent-space-type {space} --latents {space} "
                "--generate-prediction --skip-image",
                "Render and score the codes.",
            ),
            _merge(),
        ),
        ("model", "codes"),
        (("space", "w"),),
    ),
    "boundaries": Pipeline(
        "A boundary for every score.",
        (
            Job(
                "train-boundary",
                "train-boundary {latents} {scores} --output-dir {run}",
                "Train the boundary of every score.",
                gpu=False,
            ),
        ),
        ("latents", "scores"),
    ),
    "rescore": Pipeline(
        "Which attribute each boundary moves, and in which layer.",
        (_split("rescore", "rescore {model} {boundaries}", "Rescore the boundaries."), _merge()),
        ("model", "boundaries"),
    ),
    "higan": Pipeline(
        "HiGAN from samples to scores: synthesize and predict, train every boundary, rescore.",
        (
            _split("synthesize", _SAMPLES, "Sample the generator and score the images.", "samples"),
            _merge("samples", "merge-samples"),
            Job(
                "train-boundary",
                "train-boundary {chain}/samples/w.npy {chain}/samples/attribute.npy --model {model} --output-dir {run}",
                "Train the boundary of every score.",
                "boundaries",
                gpu=False,
            ),
            _split(
                "rescore",
                "rescore {model} {chain}/boundaries/boundary_list.txt",
                "Rescore every boundary.",
                "rescore",
            ),
            _merge("rescore", "merge-rescore"),
        ),
    ),
    "resefa": Pipeline(
        "ReSeFa: what moves each region, summed over samples, and the directions.",
        (
            _split("jacobian", "resefa jacobian {model}", "Add up the Gram matrices of every region."),
            _merge(),
            Job(
                "directions",
                "resefa directions {run}",
                "Find the directions and measure them on fresh samples.",
            ),
        ),
    ),
    "atlas": Pipeline(
        "The atlas: the sources' own runs, then every direction measured.",
        (
            Job("sources", "atlas {model} --prepare --output-dir {run}", "Find the directions of every source."),
            _split("measure", "atlas {model}", "Measure every direction."),
            Job("merge", "merge {run}", "Join what was measured into groups, and draw them.", gpu=False),
        ),
    ),
    "navigan": Pipeline(
        "NaviGAN: the weight directions that change the image most.",
        (
            Job(
                "hessian",
                f"navigan hessian {{model}} {SHARD} --output-dir {{run}}",
                "Find the leading eigenvectors of the Hessian; each task has its part of the samples.",
                together=True,
            ),
            _merge(),
        ),
    ),
    "lse": Pipeline(
        "LSE: segmentation heads from the Gram matrix of the features.",
        (_split("train", "lse train {model}", "Label the images and add up the Gram matrix."), _merge()),
    ),
    "ghfeat": Pipeline(
        "GH-Feat: an encoder of real images.",
        (
            Job(
                "train",
                "ghfeat train {model} --data {data} --output-dir {run}",
                "Train the encoder, a process for each GPU.",
                torchrun=True,
            ),
        ),
        ("model", "data"),
    ),
}


def input_names() -> list[str]:
    names = [name for pipeline in PIPELINES.values() for name in pipeline.inputs]
    return list(dict.fromkeys([*names, *(name for pipeline in PIPELINES.values() for name, _ in pipeline.optional)]))
