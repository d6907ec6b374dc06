"""Any torch module that draws images from codes, behind the Generator contract.

Shape legend: N samples, Z latent width, D width of w, L rows of `wp`, K classes, C channels, H x W pixels.

A module z -> image has the spaces z and w: w is z (joined with the label's K columns where there are labels), and wp
its one row. A module with parts called `mapping` and `synthesis` has w and wp of its own. Layers are the module's
convolutions by their names; a layer's map is the last of its size before the next convolution, so after norm,
activation and the sum of a residual block.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from gantk.errors import UsageError
from gantk.generators.arguments import checked, whole
from gantk.generators.base import Generator, GeneratorSpec, Layer, Options, State, Styles
from gantk.generators.called_steps import CalledSteps
from gantk.generators.graph_steps import GraphSteps
from gantk.generators.labels import label_matrix
from gantk.generators.spec import Config
from gantk.generators.steps import Pause, Steps
from gantk.store.channels import MOST_CHANNELS
from gantk.store.own_code import foreign

Range = tuple[float, float]
CHECKED = 16  # codes behind the detected range
_LARGEST = 1 << 20  # width of codes and labels
FORMS = ("rows", "ids")


@dataclass(frozen=True)
class WrappedConfig(Config):
    """How the module is called. It is no recipe: the module's code is its user's.

    Attributes:
        z_dim, label_dim: widths of its inputs.
        label_form: `rows` [N, K] of floats, or `ids` [N].
        output_range: what the module draws black and white as.
        rows: L.
        parts: whether `mapping` and `synthesis` are used apart.
    """

    z_dim: int
    label_dim: int
    label_form: str
    output_range: Range
    rows: int
    parts: bool


class Wrapped(Generator):
    """What `wrap` returns."""

    config_class = WrappedConfig
    config: WrappedConfig
    w_avg = None
    network: nn.Module

    def __init__(self, network: nn.Module, config: WrappedConfig, steps: Steps, sizes: tuple[int, int, int, int]):
        super().__init__()
        self.config, self.network = config, network
        self._steps = steps
        w_dim, channels, height, width = sizes
        self.layers = _layers(steps, "network.synthesis." if config.parts else "network.", channels, (height, width))
        if next(self.network.parameters(), next(self.network.buffers(), None)) is None:
            self.register_buffer("place", torch.zeros(1), persistent=False)  # where a module without weights runs
        self.spec = GeneratorSpec(
            family="wrapped network",
            resolution=max(height, width),
            image_channels=channels,
            z_dim=config.z_dim,
            w_dim=w_dim,
            wp_dim=w_dim,
            label_dim=config.label_dim,
            num_layers=config.rows,
            spaces=("z", "w", "wp"),
            normalizes_z=False,
            can_truncate=config.parts,
            label_required=config.label_dim > 0,
            canvas=None if height == width else (height, width),
        )

    def train(self, mode: bool = True) -> Wrapped:
        """Evaluation mode, whatever is asked for: batch statistics would make each image depend on its batch."""
        del mode
        super().train(False)
        return self

    def map(self, z_ND: Tensor, label: Tensor | None = None) -> Tensor:
        """w: of the module's own mapping, else z joined with the label's columns."""
        self._check_width("z", z_ND, self.spec.z_dim)
        label_NK = label_matrix(self.spec, label, z_ND.shape[0], z_ND)
        if label_NK is not None and self.config.label_form == "ids" and label is not None and label.ndim == 2:
            raise UsageError("this module looks its label up by number, so that a soft label has no meaning; give ids")
        if not self.config.parts:
            return z_ND if label_NK is None else torch.cat([z_ND, label_NK], 1)
        w: Tensor = self.network.get_submodule("mapping")(*_inputs(self.config, z_ND.clone(), label_NK))
        return w[:, 0] if w.ndim == 3 else w

    def _run(
        self, codes: Styles, options: Options, taps: frozenset[str], start: State | None, stop: int | None
    ) -> tuple[Tensor | None, dict[str, Tensor], State]:
        end = len(self.layers) if stop is None else stop
        begin = 0 if start is None else start.index
        names = {layer.name: layer.index for layer in self.layers if layer.name in taps and layer.index >= begin}
        last = len(self.layers) - 1
        inner = frozenset(index for index in names.values() if index != last)  # the last map is the image
        wp_NLD, whole = codes[0], self.config.rows > 1
        if start is not None and whole:
            # a pause would hold styles of rows that are still to come, and these may be others now: all is computed
            # again, of the rows as they were that feed nothing from here on, and of the others as they are
            fed = {layer.row for layer in self.layers[begin:]}
            spent_L1 = torch.tensor([[row not in fed] for row in range(self.config.rows)], device=wp_NLD.device)
            wp_NLD = torch.where(spent_L1, start.kept[0], wp_NLD)
        given = self._module_inputs(wp_NLD) if start is None or whole else Pause(start.kept)
        raw, maps, pause = self._steps.run(given, 0 if whole else begin, end, inner, options.deltas)
        found = {name: maps[index] for name, index in names.items() if index in maps}
        image = None if raw is None else self._image(raw)
        if image is not None and self.layers[last].name in names:
            found[self.layers[last].name] = image
        kept = (wp_NLD,) if whole else pause.kept
        return (image if stop is None else None), found, State(end, kept[0] if kept else None, image, kept=kept)

    def _module_inputs(self, wp_NLD: Tensor) -> tuple[Tensor, ...]:
        config = self.config
        wp_NLD = wp_NLD.clone()  # a module may change what it is given, and these codes are kept
        if config.parts:
            return (wp_NLD if config.rows > 1 else wp_NLD[:, 0],)
        code, z_dim = wp_NLD[:, 0], config.z_dim
        return _inputs(config, code[:, :z_dim], code[:, z_dim:] if config.label_dim else None)

    def _image(self, raw: Tensor) -> Tensor:
        low, high = self.config.output_range
        return raw if (low, high) == (-1.0, 1.0) else (raw - low) * (2 / (high - low)) - 1


@checked
def wrap(
    module: nn.Module,
    z_dim: int | None = None,
    *,
    label_dim: int | None = None,
    output_range: Range | None = None,
    rows: int = 1,
) -> Wrapped:
    """Any module that draws images from codes as a Generator.

    The module is taken over: frozen, in evaluation mode, in-place activations off, and spectral or weight norm folded
    into the weights. It is run a few times here, and what does not fit the contract is refused.

    Args:
        module: `forward(z [N, Z])`, with `label_dim` `forward(z, label)`, to images [N, C, H, W], of any number of
            channels, square or not. A label is given as rows [N, K] of floats or, where the module cannot take those,
            as ids [N].
        z_dim, label_dim, output_range: by default the module's attributes of those names.
        output_range: what black and white are: (-1, 1), (0, 1), (0, 255) or others; by default found from the images.
        rows: of wp, where `synthesis` takes [N, L, D] and `mapping` gives [N, D].

    Raises:
        UsageError: no module, no images, images that are not finite, that depend on the batch or on chance.
    """
    z_dim = _whole("z_dim", getattr(module, "z_dim", None) if z_dim is None else z_dim, 1)
    label_dim = _whole("label_dim", (getattr(module, "label_dim", 0) if label_dim is None else label_dim) or 0, 0)
    _settle(module)
    config = WrappedConfig(z_dim, label_dim, "rows", (-1.0, 1.0), _whole("rows", rows, 1), False)
    source = next(module.parameters(), next(module.buffers(), torch.zeros(())))
    random = torch.Generator().manual_seed(0)
    z_ND = torch.randn(CHECKED, z_dim, generator=random).to(source.device)
    if source.is_floating_point():
        z_ND = z_ND.to(source.dtype)
    label_NK = None
    if label_dim:
        ids = torch.arange(CHECKED, device=source.device) % label_dim
        label_NK = torch.nn.functional.one_hot(ids, label_dim).to(z_ND.dtype)
    config, image = _first_image(module, config, z_ND, label_NK)
    _check(module, config, z_ND, label_NK, image)
    config = replace(config, output_range=_range(output_range or getattr(module, "output_range", None), image))
    split = _parts(module, config, z_ND, label_NK, image, rows)
    network: nn.Module = module
    pair = tuple(_inputs(config, z_ND[:n], None if label_NK is None else label_NK[:n]) for n in (2, 3))
    w_dim = z_dim + label_dim
    if split is not None:
        config = replace(config, parts=True, rows=split.shape[1] if split.ndim == 3 else 1)
        network, w_dim = module.get_submodule("synthesis"), int(split.shape[-1])
        pair = tuple((split[:n],) for n in (2, 3))
    steps = _drawn(network, (pair[0], pair[1]))
    made = Wrapped(module, config, steps, (w_dim, image.shape[1], image.shape[2], image.shape[3]))
    made.source = f"module {type(module).__name__}"
    made.eval().requires_grad_(False)
    if config.rows > 1 and split is not None:
        made.layers = _with_rows(made, split)
    return made


# --- the dry run -----------------------------------------------------------------------------------------------------


def _settle(module: nn.Module) -> None:
    """Evaluation mode, nothing in place, norms that are kept as weights applied."""
    module.eval().requires_grad_(False)
    for part in module.modules():
        if getattr(part, "inplace", False) is True:
            setattr(part, "inplace", False)  # noqa: B010
        if parametrize.is_parametrized(part):
            for name in list(part.parametrizations):  # type: ignore[arg-type]
                parametrize.remove_parametrizations(part, name)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the older forms are deprecated, and networks still have them
            for remove in (nn.utils.remove_spectral_norm, nn.utils.remove_weight_norm):
                try:
                    remove(part)
                except ValueError:
                    continue  # it has none
    module.requires_grad_(False)


def _inputs(config: WrappedConfig, z_NZ: Tensor, label_NK: Tensor | None) -> tuple[Tensor, ...]:
    if label_NK is None:
        return (z_NZ,)
    return (z_NZ, label_NK if config.label_form == "rows" else label_NK.argmax(1))


def _called(module: nn.Module, inputs: tuple[Tensor, ...]) -> Tensor:
    shapes = " and ".join(str(list(x.shape)) for x in inputs)
    with foreign(f"The module {type(module).__name__}, given inputs of shape {shapes},", UsageError), torch.no_grad():
        image: Tensor = module(*(x.clone() for x in inputs))
    return image


def _first_image(
    module: nn.Module, config: WrappedConfig, z_ND: Tensor, label_NK: Tensor | None
) -> tuple[WrappedConfig, Tensor]:
    """The first images, and the form of the label that the module takes."""
    if label_NK is None:
        return config, _called(module, (z_ND,))
    try:
        return config, _called(module, _inputs(config, z_ND, label_NK))
    except UsageError as error:
        config = replace(config, label_form="ids")
        try:
            return config, _called(module, _inputs(config, z_ND, label_NK))
        except UsageError:
            raise error from None


def _check(module: nn.Module, config: WrappedConfig, z_ND: Tensor, label_NK: Tensor | None, image: object) -> None:
    name, n = type(module).__name__, len(z_ND)
    if not isinstance(image, Tensor) or image.ndim != 4 or not image.is_floating_point():
        what = f"{image.dtype} of shape {list(image.shape)}" if isinstance(image, Tensor) else type(image).__name__
        raise UsageError(f"The module {name} returned {what}, where images [N, C, H, W] of floats were expected.")
    if image.is_meta:
        raise UsageError(f"The module {name} returned images without values (device meta): give it its weights.")
    if image.shape[1] > MOST_CHANNELS or (image.shape[1] > 4 and image.shape[3] in (1, 3, 4)):
        raise UsageError(
            f"The module {name} returned images of shape {list(image.shape)}, where [N, C, H, W] with at most "
            f"{MOST_CHANNELS} channels were expected: if channels are last, return image.permute(0, 3, 1, 2)."
        )
    if not image.numel():
        raise UsageError(f"The module {name} made images of shape {list(image.shape)}, which have no pixels.")
    if len(image) != n:
        raise UsageError(f"The module {name} made {len(image)} images of {n} codes: one for each was expected.")
    if not bool(torch.isfinite(image).all()):
        raise UsageError(f"The module {name} draws images that are not finite: check its weights.")
    scale = float(image.abs().max()) + 1e-12
    inputs = _inputs(config, z_ND, label_NK)
    again = _called(module, inputs)
    if again.shape != image.shape or float((again - image).abs().max()) > 1e-5 * scale:
        raise UsageError(
            f"The module {name} draws randomness of its own: the same codes gave two different images; make its noise "
            "an input, or fix it."
        )
    alone = _called(module, tuple(x[:1] for x in inputs))
    if alone.shape != image[:1].shape or float((alone - image[:1]).abs().max()) > 1e-3 * scale:
        raise UsageError(
            f"The images of the module {name} depend on the batch they are drawn in, which nothing can use."
        )


def _range(declared: Sequence[float] | None, image: Tensor) -> Range:
    """The declared range, or the narrowest usual one that holds the images with a little overshoot.

    Raises:
        UsageError: none does, or the declared one is no range.
    """
    low, high = float(image.min()), float(image.max())
    if declared is not None:
        try:
            pair = tuple(float(value) for value in declared)
        except (TypeError, ValueError):
            pair = ()
        if len(pair) != 2 or not pair[0] < pair[1]:
            raise UsageError(f"output_range {declared!r} is no range: give two numbers such as (-1, 1).")
        return pair[0], pair[1]
    if low < -0.02:
        found: Range | None = (-1.0, 1.0) if max(-low, high) < 3 else None
    else:
        found = (0.0, 1.0) if high < 1.5 else (0.0, 255.0) if 8 < high < 300 else None
    if found is None:
        raise UsageError(f"The images run from {low:.3g} to {high:.3g}: say what is black and white by output_range=.")
    return found


def _parts(
    module: nn.Module, config: WrappedConfig, z_ND: Tensor, label_NK: Tensor | None, image: Tensor, rows: int
) -> Tensor | None:
    """The codes between `mapping` and `synthesis`, where the module is just these two in turn; else None."""
    children = dict(module.named_children())
    if "mapping" not in children or "synthesis" not in children:
        if rows > 1:
            raise UsageError(f"rows={rows} is for a module with parts called mapping and synthesis.")
        return None
    try:
        with torch.no_grad():
            w = children["mapping"](*_inputs(config, z_ND, label_NK))
            if w.ndim == 2 and rows > 1:
                w = w[:, None].repeat(1, rows, 1)
            again = children["synthesis"](w)
    except Exception:  # the parts need more than their codes: the module is used whole
        return None
    same = again.shape == image.shape and torch.allclose(again, image, 1e-4, 1e-5) and w.ndim in (2, 3)
    if same and w.ndim == 3 and not torch.equal(w, w[:, :1].expand_as(w)):
        return None  # its mapping already makes different rows of one code
    return w if same else None


def _drawn(network: nn.Module, inputs: tuple[tuple[Tensor, ...], tuple[Tensor, ...]]) -> Steps:
    """The steps of a module: as a graph where it can be drawn and its graph gives the same images, else as it is."""
    try:
        steps: Steps = GraphSteps(network, inputs)
        with torch.no_grad():
            again = steps.run(inputs[1], 0, len(steps.steps), frozenset(), {})[0]
            expected = network(*inputs[1])
        if again is None or again.shape != expected.shape or not torch.allclose(again, expected, 1e-4, 1e-5):
            raise ValueError("its graph draws other images")  # a branch or a number was frozen into it
    except Exception:  # whatever tracing foreign code raises: it is called as it is
        steps = CalledSteps(network, inputs[0])
    return steps


def _with_rows(made: Wrapped, w_NLD: Tensor) -> tuple[Layer, ...]:
    """Layers with the row of wp that first reaches each, found by moving one row at a time."""
    taps = [layer.name for layer in made.layers if layer.has_map]
    with torch.no_grad():
        _, base = made.trace(w_NLD[:2], taps)
        first: dict[str, int] = {}
        for row in range(made.spec.num_layers):
            moved = w_NLD[:2].clone()
            moved[:, row] += moved[:, row].std() + 1e-3
            _, maps = made.trace(moved, taps)
            reached = next((name for name in taps if not torch.equal(maps[name], base[name])), None)
            if reached is not None:
                first.setdefault(reached, row)
    return tuple(replace(layer, row=first.get(layer.name)) for layer in made.layers)


def _layers(steps: Steps, prefix: str, channels: int, size: tuple[int, int]) -> tuple[Layer, ...]:
    found: list[Layer] = []
    for index, step in enumerate(steps.steps):
        last = index == len(steps.steps) - 1
        found.append(
            Layer(
                index,
                step.name,
                max(size) if last else max(step.height, step.width),
                channels if last else step.channels,
                0 if index == 0 else None,
                None if step.weight is None else prefix + step.weight,
                has_map=last or step.channels > 0,
                is_rgb=last,
            )
        )
    return tuple(found)


def _whole(name: str, value: object, least: int) -> int:
    if value is None:
        raise UsageError(f"The width of the codes is not known: give {name}=, or the module an attribute {name}.")
    number = whole(name, value, least)
    if number > _LARGEST:
        raise UsageError(f"{name} {number} is larger than any that gantk takes: give at most {_LARGEST}.")
    return number
