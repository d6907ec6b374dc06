"""The tasks of ReSeFa."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gantk.errors import GantkError, UsageError
from gantk.resefa.options import DirectionsOptions, JacobianOptions
from gantk.runs.inputs import CodesInputs
from gantk.runs.options import argument, named
from gantk.runs.shared_options import ShardOptions
from gantk.runs.task import Inputs, Task


@dataclass(frozen=True, kw_only=True)
class JacobianInputs(CodesInputs):
    """A generator, its codes, and where regions are."""

    region: tuple[str, ...] = named(
        (), "Region: a published box (eyes, ffhq/mouth), a group of the bundled world's classes (house, sky, tree, "
        "ground), or classes by name or number; may be repeated.", metavar="NAME[=CLASSES]",
        default_text="all four groups for bundled models",
    )  # fmt: skip
    box: tuple[str, ...] = named(
        (), "Region as a box: its top, left, bottom and right edge in fractions of the image; may be repeated.",
        metavar="NAME=TOP,LEFT,BOTTOM,RIGHT",
    )  # fmt: skip
    mask: tuple[str, ...] = named((), "Region as a picture, bright inside; may be repeated.", metavar="NAME=FILE")
    label_map: str | None = named(None, "Labels of every pixel, [H, W] or one for each sample.", metavar="FILE")
    segmenter: str | None = named(
        None, "Segmenter that finds the classes: truth (demo-oracle), demo, a segmentation head, "
        "module:callable.", metavar="NAME", code=True, default_text="the bundled one for bundled models",
    )  # fmt: skip

    # Any: as `Inputs.load` has it
    def load(self, options: Any) -> dict[str, object]:
        from gantk.predictors.defaults import segmenter_for
        from gantk.resefa.given_regions import build_regions, read_label_map
        from gantk.resefa.regions import Labels
        from gantk.resefa.tables import WORLD
        from gantk.resefa.verbs import margin_of, output_of

        generator = self.generator()
        resolution = generator.spec.resolution
        output = output_of(options, resolution)
        if self.segmenter is not None and self.label_map is not None:
            raise UsageError("--segmenter and --label-map both say where the classes are: give one of them.")
        labels = None
        if self.label_map is not None:
            labels = Labels(maps=read_label_map(Path(self.label_map), generator.spec.size))
        elif (seer := segmenter_for(generator, self.segmenter)) is not None:
            labels = Labels(tuple(seer.class_names), seer)
        names = self.region
        if not (self.region or self.box or self.mask) and generator.bundled:
            names = WORLD
        regions = build_regions(
            names, self.box, self.mask, labels, generator.spec.size, output.size, margin_of(options)
        )
        return {"generator": generator, "regions": regions, "codes": self.codes(generator)}


@dataclass(frozen=True, kw_only=True)
class DirectionsInputs(Inputs):
    """A run of `gantk resefa jacobian`, and the generator that it names."""

    run: str = argument("RUN", "The run directory of `gantk resefa jacobian`.")
    model: str | None = named(None, "Generator, where the run's is elsewhere now.", metavar="MODEL", code=True)
    segmenter: str | None = named(
        None,
        "Segmenter that finds the classes, where the run's own is not there or is code.",
        metavar="NAME",
        code=True,
    )
    device: str = named("auto", "Device: cpu, cuda, cuda:N; auto takes a GPU when there is one.")

    def directory(self, made: str) -> str:
        return self.run

    # Any: as `Inputs.load` has it
    def load(self, options: Any) -> dict[str, object]:
        from gantk.checkpoints.load import load_generator
        from gantk.generators.devices import resolve_device
        from gantk.predictors.defaults import segmenter_for
        from gantk.resefa.results import JacobianResult
        from gantk.runs.manifest import read_manifest
        from gantk.runs.reporting import read_from, read_run
        from gantk.store.own_code import ask_again

        folder = Path(self.run)
        path = folder / "resefa-jacobian.run.json"
        if not path.is_file():
            raise GantkError(f"The folder {folder} holds no run of `gantk resefa jacobian`: give its --output-dir.")
        manifest = read_manifest(path)
        if manifest["state"] != "complete":
            raise GantkError(
                f"The run of `gantk resefa jacobian` in {folder} is {manifest['state']}: run the same command again, "
                "or merge its shards."
            )
        jacobian = read_run(JACOBIAN, folder)
        assert isinstance(jacobian, JacobianResult)
        with read_from(JACOBIAN.spelled, folder):
            jacobian.check()
        ask_again(manifest, {"model": self.model}, str(folder), {"model"})
        arguments = manifest["arguments"]
        model, precision = self.model or str(arguments["model"]), str(arguments.get("precision"))
        generator = load_generator(model, device=resolve_device(self.device), precision=precision)
        segmenter = None
        if options.held_out and not options.compat and jacobian.facts.segmenter and not jacobian.facts.own_maps:
            ask_again(manifest, {"segmenter": self.segmenter}, str(folder), {"segmenter"})
            segmenter = segmenter_for(generator, self.segmenter or jacobian.facts.segmenter)
        return {"generator": generator, "jacobian": jacobian, "segmenter": segmenter}


JACOBIAN = Task(
    name="resefa jacobian",
    summary="Add up what moving each coordinate changes in every region (Gram matrices).",
    description="The derivative is taken forward, a few columns at a time, and never stored. The rows differentiated "
    "are the rows that the directions will move, so give the --rows you want to edit.",
    inputs=JacobianInputs,
    options=JacobianOptions,
    run=ShardOptions,
    result="gantk.resefa.results:JacobianResult",
    facts="gantk.resefa.results:JacobianFacts",
    verb="gantk.resefa.verbs:jacobian",
    conclude="gantk.resefa.verbs:conclude",
    page="gantk.resefa.page:jacobian_page",
    upgrade="gantk.resefa.upgrade:jacobian",
    made="resefa",
    examples=(
        "gantk resefa jacobian demo --rows 3-9 -o runs/world",
        "gantk resefa jacobian ffhq.pkl --region eyes --region mouth --rows 4-7 --num 16 -o runs/faces",
        "gantk resefa jacobian church.pkl --box tower=0.1,0.4,0.5,0.6 --space wp --rows 4-7 -o runs/tower",
        "gantk resefa jacobian demo --segmenter demo --region lamp=window,door --shard 0/4 -o runs/lamp",
        "gantk resefa jacobian ffhq.pkl --region mouth --space wp --leading 8 -o runs/mouth",
    ),
    originals=(
        "--job",
        "--img-size",
        "--w-dim",
        "--data-name",
        "--scale-stylegan2",
        "--cfg",
        "--randomize-noise",
        "--b",
        "--batch-size",
    ),
    original_flags=("--save-jpg", "--stylegan2", "--stylegan3"),
)

DIRECTIONS = Task(
    name="resefa directions",
    summary="Find the directions that change a region most relative to what they change outside it.",
    description="RUN is the output directory of `gantk resefa jacobian`. The directions are measured on codes that "
    "were not in it, beside SeFa, GANSpace, LowRankGAN and random ones, at the same change inside.",
    inputs=DirectionsInputs,
    options=DirectionsOptions,
    result="gantk.resefa.results:DirectionsResult",
    verb="gantk.resefa.verbs:directions",
    page="gantk.resefa.page:directions_page",
    upgrade="gantk.resefa.upgrade:directions",
    made="the run's own directory",
    examples=(
        "gantk resefa directions runs/world",
        "gantk resefa directions runs/faces --region eyes --components 8 --held-out 32",
        "gantk resefa directions runs/tower --rows 4-5 --space w -o runs/tower-w",
        "gantk resefa directions runs/compat --compat --full-rank",
    ),
)
