"""What the commands of `gantk navigan` share: the network and its samples, the metric, and the end of a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from gantk.cli.options import label_option, truncation_option

if TYPE_CHECKING:
    from torch import Tensor

    from gantk.navigan.metrics import Metric
    from gantk.navigan.target import Target
    from gantk.runs.run import Run

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]
METRIC_SIZE, SHOWN = 64, 8
CONV_HELP = "The convolution: a name or index of `gantk models info`, released:3 for NaviGAN's index, or a module's."


def conv_option(required: bool = True) -> Decorator:
    """``--conv``."""
    return click.option("--conv", metavar="LAYER", required=required, default=None, help=CONV_HELP)


def sample_options(num: int) -> Decorator:
    """Where samples come from: ``--num -i --latent-space-type --inputs --label --truncation``."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        function = truncation_option()(function)
        function = label_option()(function)
        function = click.option(
            "--inputs",
            metavar="FILE.npy",
            default=None,
            help="Inputs [N, ...] of a module:callable, such as label maps.",
        )(function)
        function = click.option(
            "--latent-space-type",
            type=click.Choice(["z", "w", "wp"]),
            default=None,
            help="The space of the codes in FILE; default: by its content.",
        )(function)
        function = click.option(
            "--latent-codes-path",
            "-i",
            metavar="FILE.npy",
            default=None,
            help="Codes to use, inverted photographs too.",
        )(function)
        return click.option(
            "--num", "-N", type=click.IntRange(1), default=num, show_default=True, help="Samples, at most."
        )(function)

    return decorate


def metric_options() -> Decorator:
    """``--metric --metric-kind --metric-size --share``."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        function = click.option(
            "--share",
            type=click.FloatRange(0.001, 2.0),
            default=0.2,
            show_default=True,
            help="A recommended strength moves pictures by this share of the distance between samples.",
        )(function)
        function = click.option(
            "--metric-size",
            type=click.IntRange(0),
            default=METRIC_SIZE,
            show_default=True,
            help="Pictures are brought to this square before they are compared; 0 leaves them.",
        )(function)
        function = click.option(
            "--metric-kind",
            type=click.Choice(["maps", "features"]),
            default="maps",
            show_default=True,
            help="Compare a predictor's feature maps (as LPIPS does) or its features.",
        )(function)
        return click.option(
            "--metric",
            metavar="NAME",
            default=None,
            help="pixels, demo, lpips-vgg, lpips-alex, any predictor; default: demo if bundled, else lpips-vgg.",
        )(function)

    return decorate


def page_options() -> Decorator:
    """``--show --animation --fps``."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        function = click.option(
            "--fps", type=click.FloatRange(0.1, 60), default=10.0, show_default=True, help="Steps per second."
        )(function)
        function = click.option(
            "--animation",
            "animations",
            type=click.Choice(["gif", "webp", "mp4"]),
            multiple=True,
            help="Also as an animation; repeatable.",
        )(function)
        return click.option(
            "--show",
            type=click.IntRange(0),
            default=None,
            show_default=str(SHOWN),
            help="Directions with pictures on the page.",
        )(function)

    return decorate


@dataclass(frozen=True)
class Subject:
    """The weight, and the samples it is looked at with.

    Attributes:
        codes: (start, stop) -> codes; samples beyond those of a file begin again.
        total: how many samples there are.
        arguments: what identifies network and samples, for a run's arguments.
    """

    target: Target
    codes: Callable[[int, int], Tensor]
    total: int
    arguments: dict[str, Any]

    @property
    def channels(self) -> int:
        """Of a picture."""
        import torch

        with torch.inference_mode():
            return int(self.target.images(self.target.prefix(self.codes(0, 1))).shape[1])


def subject(
    model: str,
    conv: str,
    *,
    device: str,
    precision: str,
    num: int,
    seed: int,
    codes: str | None,
    space: str,
    inputs: str | None,
    label: str | None,
    truncation: str | None,
) -> Subject:
    """The network that MODEL names, a generator or a module, and its samples.

    Raises:
        UsageError: options that do not go with it.
    """
    from gantk.errors import UsageError
    from gantk.navigan.modules import is_module

    if is_module(model):
        if inputs is None:
            raise UsageError(f"The network {model} is a module: give its inputs with --inputs FILE.npy.")
        if codes is not None or label is not None or truncation is not None or precision != "float32":
            raise UsageError("A module takes --inputs: leave out -i, --label, --truncation and --precision.")
        return _module(model, conv, device, inputs, num)
    if inputs is not None:
        raise UsageError(f"--inputs is for a module:callable; {model} is a generator: give -i FILE.npy with codes.")
    return _generator(model, conv, device, precision, num, seed, codes, space, label, truncation)


def _module(model: str, conv: str, device: str, path: str, num: int) -> Subject:
    from gantk.cli.options import resolve_device
    from gantk.navigan.modules import ModuleTarget, load_inputs, load_module
    from gantk.navigan.target import checksum

    module = load_module(model, resolve_device(device))
    target, inputs = ModuleTarget(module, conv), load_inputs(path, num)
    total = len(inputs)

    def codes(start: int, stop: int) -> Tensor:
        return inputs[[index % total for index in range(start, stop)]].to(target.weight.device)

    arguments = {"model": model, "weights": checksum(target.weight), "conv": target.layer,
                 "inputs": f"{path} {list(inputs.shape)} {checksum(inputs)}", "num": total}  # fmt: skip
    return Subject(target, codes, total, arguments)


def _generator(
    model: str, conv: str, device: str, precision: str, num: int, seed: int, path: str | None, space: str,
    label: str | None, truncation: str | None,
) -> Subject:  # fmt: skip
    import torch

    from gantk.cli.options import load_model
    from gantk.codes.latents import parse_truncation
    from gantk.codes.source import CodeSource, show_truncation, weights_checksum
    from gantk.navigan.target import GeneratorTarget, released_layer

    generator = load_model(model, device, precision).requires_grad_(False)
    if conv.startswith("released:") and conv[9:].isdecimal():
        conv = released_layer(int(conv[9:]))
    target = GeneratorTarget(generator, conv)
    psi = parse_truncation(truncation, generator.spec)
    source = CodeSource(generator, num, seed, psi, path, space, label)
    total = source.total

    def codes(start: int, stop: int) -> Tensor:
        with torch.no_grad():
            if path is None and label in (None, "random"):
                return source.batch(start, stop).wp.contiguous()
            rows = [source.batch(index % total, index % total + 1).wp for index in range(start, stop)]
            return torch.cat(rows)

    arguments = {"model": model, "weights": weights_checksum(generator), "conv": target.layer, **source.arguments(),
                 "truncation": show_truncation(psi), "precision": precision, "seed": seed}  # fmt: skip
    return Subject(target, codes, total, arguments)


def metric_for(name: str | None, kind: str, size: int, model: str, device: Any, nearest: bool = False) -> Metric:
    """The metric that ``--metric`` names."""
    from gantk.checkpoints.names import is_bundled
    from gantk.navigan.metrics import load_metric

    if name is None:
        name = "demo" if is_bundled(model) else "lpips-vgg"
    return load_metric(name, kind, size or None, device, nearest)


def check_animations(animations: tuple[str, ...]) -> list[str]:
    """The animations to write; an impossible one is said before any work."""
    formats = list(dict.fromkeys(animations))
    if "mp4" in formats:
        from gantk.pictures.animation import require_mp4

        require_mp4()
    return formats


def finish_page(run: Run) -> None:
    """Make the animations that were asked for, and the page."""
    from gantk.cli.originals import write_page
    from gantk.pictures.animation import GridStyle, animate
    from gantk.store.files import load_json

    kept = run.path(f"{run.command.replace(' ', '-')}.results.json")
    if kept.is_file() and "layer" not in run.results:  # of shards: the leader's are the whole's
        for key, value in load_json(kept).items():
            run.record(key, value)
    wanted = run.results.get("animation") or {"formats": [], "fps": 10.0}
    shown = run.results.get("directions") or []
    for entry in shown:
        entry["animation"] = {}
        for form in wanted["formats"]:
            name = f"{entry['name'].replace(' ', '_')}.{form}"
            animate(run.directory, entry["frames"], run.path(name), wanted["fps"], False, GridStyle())
            run.output(name, "the steps as an animation")
            entry["animation"][form] = name
    run.record("directions", shown)
    write_page(run)
