"""The Generator contract: everything an analysis may ask of a network.

Shape legend: N samples, Z latent width, D width of w, L rows of `wp`, C channels, H x W pixels.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from typing import ClassVar, TypedDict, Unpack

import torch
from torch import Tensor, nn
from torch.func import jvp, vmap

from gantk.errors import UsageError, suggestion
from gantk.generators.arguments import listed, no_tensor, whole
from gantk.generators.compiling import Compiled
from gantk.generators.forward_mode import load_decompositions
from gantk.generators.noise import Noise as Noise
from gantk.generators.noise import noise_seeds
from gantk.generators.noise import seeded_noise as seeded_noise
from gantk.generators.probed import Probe
from gantk.generators.rows import LayerList, parse_layers
from gantk.generators.spec import Config as Config
from gantk.generators.spec import GeneratorSpec as GeneratorSpec
from gantk.generators.spec import Layer as Layer
from gantk.generators.spec import Options as Options
from gantk.generators.spec import State as State
from gantk.generators.spec import Truncation as Truncation
from gantk.generators.spec import truncation_of

Styles = tuple[Tensor, ...]
WpOrStyles = Tensor | Sequence[Tensor]  # what `synthesize` draws: wp [N, L, D], or one [N, C_l] for each styled layer
Deltas = Mapping["str | int", tuple[Tensor, "Tensor | float"]]


class Drawing(TypedDict, total=False):
    """The keywords that `Generator.synthesize`, `trace` and `cache` share beside `start`; see `synthesize`."""

    noise: Noise
    bn_truncation: float | None
    weight_deltas: Deltas | None
    lod: float | None
    transform: Tensor | None


PRECISIONS = {"float32": None, "float16": torch.float16, "bfloat16": torch.bfloat16}
AVERAGE_SAMPLES = 4096  # codes behind a w_avg that the file did not bring


class Generator(nn.Module, ABC):
    """Base of every family. A family fills `spec`, `layers`, `map`, `styles` and `_run`; the rest is shared.

    A family without space s leaves `styles` out and gets `(wp_NLD,)` as the codes of `_run`.
    """

    spec: GeneratorSpec
    layers: tuple[Layer, ...]
    config: Config  # an instance of config_class; a family says of which
    config_class: ClassVar[type[Config]]
    w_avg: Tensor | None
    source: str = "constructed"
    bundled: str | None = None  # the name under which the network comes with gantk: it draws the bundled world
    tuned_from: Probe | None = None  # the probe of the network whose weights were tuned to make this one
    channels_last: ClassVar[bool] = False  # whether convolutions are measured to be quicker with weights laid out so
    compiled: Compiled | None = None  # what `compile_synthesis` made
    half_dtype: torch.dtype | None = None  # what `set_precision` chose; the family knows which layers take it
    _estimate: Tensor | None = None

    # --- codes -------------------------------------------------------------------------------------------------

    @property
    def device(self) -> torch.device:
        return self._first().device

    @property
    def dtype(self) -> torch.dtype:
        return self._first().dtype

    def _first(self) -> Tensor:
        return next(chain(self.parameters(), self.buffers()))

    def sample_z(self, n: int, seed: int = 0, start: int = 0, truncation: float | None = None) -> Tensor:
        """Codes `start .. start+n-1` of `seed`, [n, Z]; each is bit-equal whatever the batch, device or shard.

        `truncation` scales (and for a truncated normal bounds) the draw as the family's authors do.
        """
        from gantk.store.memory import require
        from gantk.store.seeding import sample_z

        n, seed, start = whole("n", n), whole("seed", seed), whole("start", start)
        require(4 * n * self.spec.z_dim, f"The codes of {n} samples", "ask for fewer")
        z = sample_z(n, self.spec.z_dim, seed=seed, start=start, distribution=self.spec.z_distribution)
        z_ND = torch.from_numpy(z).to(self.device, self.dtype)
        return z_ND if truncation is None else z_ND * truncation_of(truncation).psi

    def sample_label(self, n: int, seed: int = 0, start: int = 0) -> Tensor | None:
        """Classes of samples `start .. start+n-1`, int64 [n], uniform; None for a network without labels."""
        from gantk.store.seeding import random_integers

        if self.spec.label_dim == 0:
            return None
        return torch.from_numpy(random_integers(n, self.spec.label_dim, seed=seed, start=start)).to(self.device)

    @abstractmethod
    def map(self, z_ND: Tensor, label: Tensor | None = None) -> Tensor:
        """z [N, Z] and label (int64 [N] or float [N, C]) to w [N, D], before truncation and repetition."""

    def expand(self, w_ND: Tensor, truncation: Truncation | float | None = None) -> Tensor:
        """w [N, D] to wp [N, L, D]: repeated, the first rows pulled towards `w_avg` when a truncation is given."""
        self._check_width("w", w_ND, self.spec.w_dim)
        wp_NLD = w_ND.unsqueeze(1).expand(-1, self.spec.num_layers, -1)
        if truncation is None:
            return wp_NLD
        truncation = truncation_of(truncation)
        if not self.spec.can_truncate:
            raise UsageError(
                f"a {self.spec.family} has no mean code to pull to, so truncation psi={truncation.psi} cannot apply; "
                "leave --truncation out"
            )
        strength_L1 = w_ND.new_tensor(truncation.strengths(self.spec.num_layers)).unsqueeze(-1)
        average = (self.average_w() if self.w_avg is None else self.w_avg).to(w_ND.dtype)  # [D], or [L, D]
        # written so that psi = 1 gives w back exactly
        return torch.where(strength_L1 == 1, wp_NLD, average + strength_L1 * (wp_NLD - average))

    @property
    def estimated_average(self) -> bool:
        """Whether the mean that truncation pulls to is gantk's estimate rather than the file's own."""
        return self.w_avg is None and self._estimate is not None

    def average_w(self) -> Tensor:
        """The file's `w_avg` [D]; without one the mean over 4096 seeded codes (and labels), computed once.

        Where the file has one for each row of `wp` (then `expand` uses those), it is their mean.
        """
        if self.w_avg is not None:
            return self.w_avg if self.w_avg.ndim == 1 else self.w_avg.mean(0)
        if self._estimate is None:
            with torch.no_grad():
                sums = [
                    self.map(self.sample_z(512, start=start), self.sample_label(512, start=start)).sum(0)
                    for start in range(0, AVERAGE_SAMPLES, 512)
                ]
            self._estimate = torch.stack(sums).sum(0) / AVERAGE_SAMPLES
        return self._estimate.to(self.device)

    def styles(self, wp_NLD: Tensor) -> Styles:
        """wp [N, L, D] to space s: one vector per layer that has a `style_dim`, as the layer multiplies it."""
        raise UsageError(f"a {self.spec.family} has no style vectors, so it has no space s; use {self._spaces()}")

    # --- images ------------------------------------------------------------------------------------------------

    def synthesize(
        self,
        wp: WpOrStyles,
        *,
        noise: Noise = "const",
        bn_truncation: float | None = None,
        start: State | None = None,
        weight_deltas: Deltas | None = None,
        lod: float | None = None,
        transform: Tensor | None = None,
    ) -> Tensor:
        """Codes wp [N, L, D] (or styles) to images [N, C, H, W], nominally in [-1, 1].

        Args:
            noise: `const`, `none`, or one seed per sample (an int for all, a sequence, an int tensor).
            bn_truncation: in (0, 1], for families whose batch-norm statistics depend on it.
            start: a state from `cache`; the layers before it are not computed.
            weight_deltas: `{layer: (delta, strength)}`, strength a float or [N]: weight + strength * delta per sample.
            lod: level of detail of a progressively grown network; the file's own by default.
            transform: StyleGAN3's forward motion of the image, [3, 3] or [N, 3, 3].
        """
        options = self._options(noise, bn_truncation, weight_deltas, lod, transform)
        codes = self._codes(wp, options, start)
        if self.compiled is not None and self.compiled.serves(options, start):
            return self.compiled.draw(self, codes, options)
        image, _, _ = self._run(codes, options, frozenset(), start, None)
        assert image is not None  # the last step of every family makes one
        return image

    def forward(self, wp: WpOrStyles, *, start: State | None = None, **drawing: Unpack[Drawing]) -> Tensor:
        """`synthesize`, under the name that `torch.func.functional_call` and module wrappers call."""
        return self.synthesize(wp, start=start, **drawing)

    def trace(
        self,
        wp: WpOrStyles,
        taps: Iterable[str | int] | str | int,
        *,
        image: bool = True,
        start: State | None = None,
        noise: Noise = "const",
        bn_truncation: float | None = None,
        weight_deltas: Deltas | None = None,
        lod: float | None = None,
        transform: Tensor | None = None,
        **family: bool,
    ) -> tuple[Tensor | None, dict[str, Tensor]]:
        """Like `synthesize`, and the maps of the layers named in `taps`; stops early with `image=False`."""
        options = self._options(noise, bn_truncation, weight_deltas, lod, transform)
        wanted = [self.layer(tap) for tap in ([taps] if isinstance(taps, (str, int)) else taps)]
        for layer in wanted:
            if not layer.has_map:
                raise UsageError(f"layer {layer.name} has no map of its own; its block's last layer has")
        stop = None if image else max((layer.index for layer in wanted), default=-1) + 1
        names = frozenset(layer.name for layer in wanted)
        picture, maps, _ = self._run(self._codes(wp, options, start), options, names, start, stop, **family)
        missing = names - maps.keys()
        if missing:
            raise UsageError(f"taps {sorted(missing)} lie before the cached state and were not computed")
        return picture, {layer.name: maps[layer.name] for layer in wanted}

    def cache(
        self, wp: WpOrStyles, before: str | int, *, start: State | None = None, **drawing: Unpack[Drawing]
    ) -> State:
        """The state just before a layer, for `synthesize(..., start=state)`; `start` is an earlier state."""
        options = self._options(**drawing)
        stop = self.layer(before)
        if start is not None and start.index > stop.index:
            raise UsageError(f"a state cached before {self.layers[start.index].name} is already past {stop.name}")
        _, _, state = self._run(self._codes(wp, options, start), options, frozenset(), start, stop.index)
        return state

    def tangent_map(
        self, codes: Styles, moving: Sequence[int], *, noise: Noise = "const", start: State | None = None
    ) -> Callable[[Sequence[Tensor]], Tensor]:
        """The derivative of the image of one sample in some of its codes, for many steps at once.

        Args:
            codes: styles [1, C_l] (or `(wp,)` in a family without space s).
            moving: which of them.
            noise, start: as `synthesize` takes them.

        Returns:
            A function of the moving codes' steps, [c, ...] each, to steps of the image [c, C, H, W].
        """
        options = self._options(noise)
        own = self._tangent_map(codes, moving, options, start)
        if own is not None:
            return own
        load_decompositions()

        def image(*moved: Tensor) -> Tensor:
            placed = list(codes)
            for place, code in zip(moving, moved, strict=True):
                placed[place] = code
            return self._run(tuple(placed), options, frozenset(), start, None)[0]  # type: ignore[return-value]

        point = tuple(codes[place] for place in moving)

        def push(steps: Sequence[Tensor]) -> Tensor:
            along = vmap(lambda *step: jvp(image, point, tuple(part[None] for part in step))[1])
            moved: Tensor = along(*steps).flatten(0, 1)
            return moved

        return push

    @property
    def styled_layers(self) -> tuple[Layer, ...]:
        """The layers that have a style, in the order of `styles`."""
        return tuple(layer for layer in self.layers if layer.style_dim)

    def parse_rows(self, rows: LayerList) -> tuple[int, ...]:
        """The rows of wp that a list names, by number, range or the name of a layer; see `parse_layers`."""
        names = {layer.name: layer.row for layer in self.layers}
        return parse_layers(rows, self.spec.num_layers, names, "row")

    def layer(self, key: str | int) -> Layer:
        """A layer by name or index; near matches are offered for a misspelt name."""
        if isinstance(key, int) or str(key).lstrip("-").isdecimal():
            if not 0 <= int(key) < len(self.layers):
                raise UsageError(f"Layer {key} does not exist: this network has layers 0 to {len(self.layers) - 1}.")
            return self.layers[int(key)]
        for layer in self.layers:
            if layer.name == key:
                return layer
        raise UsageError(f"No layer is named {key!r}.{suggestion(str(key), [layer.name for layer in self.layers])}")

    def set_precision(self, precision: str) -> Generator:
        """`float32`, or `float16` / `bfloat16` for the layers the original ran in half precision; returns self."""
        if precision not in PRECISIONS:
            raise UsageError(f"precision {precision!r} is none of {', '.join(PRECISIONS)}")
        if precision != "float32" and not self.spec.half_precision:
            raise UsageError(f"a {self.spec.family} runs in float32 only, as its authors ran it, not in {precision}")
        self.half_dtype = PRECISIONS[precision]
        return self

    # --- for the families --------------------------------------------------------------------------------------

    @abstractmethod
    def _run(
        self, codes: Styles, options: Options, taps: frozenset[str], start: State | None, stop: int | None
    ) -> tuple[Tensor | None, dict[str, Tensor], State]:
        """Run the layers from `start` to before `stop`; return the image (None if stopped), the maps, the state."""

    def _tangent_map(
        self, codes: Styles, moving: Sequence[int], options: Options, start: State | None
    ) -> Callable[[Sequence[Tensor]], Tensor] | None:
        """A family's own, faster `tangent_map`; None where it has none for these codes and options.

        Args:
            start: a cached state; every moving style belongs to a layer at or after it.
        """
        return None

    def _spaces(self) -> str:
        return " or ".join(self.spec.spaces)

    def _codes(self, wp: WpOrStyles, options: Options, start: State | None) -> Styles:
        """What `_run` computes with: the styles (or wp itself in a family without them), of one batch size."""
        spec = self.spec
        if isinstance(wp, Tensor):
            self._check_wp(wp)
            codes = self.styles(wp) if "s" in spec.spaces else (wp,)
        else:
            if not isinstance(wp, Sequence) or not all(isinstance(style, Tensor) for style in wp):
                raise no_tensor("wp", wp)
            codes = tuple(wp)
            widths = [layer.style_dim for layer in self.styled_layers]
            if "s" not in spec.spaces:
                raise UsageError(f"a {spec.family} has no space s to take styles from; use {self._spaces()}")
            if [list(style.shape[1:]) for style in codes] != [[width] for width in widths]:
                raise UsageError(
                    f"{len(codes)} styles of shapes {listed([list(style.shape) for style in codes])} do not fit: "
                    f"one [N, width] per styled layer, of widths {listed(widths)}"
                )
        n = codes[0].shape[0]
        for index, (_, strength) in options.deltas.items():
            if strength.shape[0] not in (1, n):
                raise UsageError(f"{strength.shape[0]} strengths for {self.layers[index].name} do not fit {n} samples")
        motion = options.transform
        if motion is not None and motion.ndim == 3 and motion.shape[0] not in (1, n):
            raise UsageError(f"{motion.shape[0]} transforms were given for {n} samples")
        if start is not None and start.x is not None and start.x.shape[0] != n:
            raise UsageError(f"a cached state of {start.x.shape[0]} samples cannot continue with codes of {n} samples")
        return codes

    def _options(
        self, noise: Noise = "const", bn_truncation: float | None = None, weight_deltas: Deltas | None = None,
        lod: float | None = None, transform: Tensor | None = None,
    ) -> Options:  # fmt: skip
        spec = self.spec
        if not isinstance(noise, str):
            if not spec.has_noise:
                raise UsageError(
                    f"a {spec.family} has no noise inputs, so a noise seed cannot apply; use const or none"
                )
            noise = noise_seeds(noise)
        elif noise not in ("const", "none"):
            raise UsageError(f"noise {noise!r} is neither const, none nor a seed per sample")
        for name, value, has in (
            ("bn_truncation", bn_truncation, spec.has_bn_truncation),
            ("lod", lod, spec.has_lod),
            ("transform", transform, spec.has_transform),
        ):
            if value is not None and not has:
                raise UsageError(f"{name} does not apply to a {spec.family} like this one; leave it out")
        if bn_truncation is not None and not 0 < bn_truncation <= 1:
            raise UsageError(f"bn_truncation {bn_truncation} is not in (0, 1]")
        coarsest = math.log2(spec.resolution) - 2
        if lod is not None and not 0 <= lod <= coarsest:
            raise UsageError(f"lod {lod} is not between 0, the full picture, and {coarsest:g}, one of 4 pixels")
        if transform is not None and (transform.ndim not in (2, 3) or transform.shape[-2:] != (3, 3)):
            raise UsageError(f"a transform of shape {list(transform.shape)} does not fit: [3, 3] or [N, 3, 3]")
        return Options(noise, bn_truncation, self._check_deltas(weight_deltas or {}), lod, transform)

    def _check_deltas(self, deltas: Deltas) -> dict[int, tuple[Tensor, Tensor]]:
        checked = {}
        for key, (delta, strength) in deltas.items():
            layer = self.layer(key)
            if layer.weight is None:
                raise UsageError(f"layer {layer.name} has no convolution weight that a delta could edit")
            shape = self.get_parameter(layer.weight).shape
            if delta.shape != shape:
                raise UsageError(
                    f"a delta of shape {list(delta.shape)} does not fit {layer.name}, whose weight is {list(shape)}"
                )
            strength_N = torch.as_tensor(strength, device=delta.device, dtype=delta.dtype)
            checked[layer.index] = (delta, strength_N.reshape(-1))
        return checked

    def _check_wp(self, wp_NLD: Tensor) -> None:
        if not isinstance(wp_NLD, Tensor):
            raise no_tensor("wp", wp_NLD)
        if wp_NLD.shape[1:] != (shape := self.spec.code_shape("wp")):
            wanted = f"[N, {shape[0]}, {shape[1]}]"
            raise UsageError(f"codes of shape {list(wp_NLD.shape)} do not fit: this network takes wp of shape {wanted}")

    def _check_width(self, name: str, code: Tensor, width: int) -> None:
        if not isinstance(code, Tensor):
            raise no_tensor(name, code)
        if name == "z" and code.dtype != self.dtype:
            raise UsageError(f"z is of {code.dtype} and this network of {self.dtype}: give z.to({self.dtype}).")
        if code.ndim != 2 or code.shape[-1] != width:
            raise UsageError(f"{name} of shape {list(code.shape)} does not fit: [N, {width}] is expected")
