"""The bundled world's renderer: a house in a landscape, drawn from factors that are known exactly.

Everything is a handful of flat shapes with analytic coverage, composited front to back, so that the picture and the
class maps are smooth functions of the factors: they can be differentiated, at any resolution and on any device.

Shapes
  N  scenes              F  factors (FACTORS)          M  nuisance numbers (NUISANCE_DIM)
  C  colour channels, 3  K  classes (CLASSES)          H, W  pixels, H = W = resolution
Inside, every number of a scene is [N, 1, 1, 1], x is [1, 1, 1, W] and y is [1, 1, H, 1]: x and y run over [0, 1]
from the left and from the *top*, so that all lengths are fractions of the picture and `px` is one pixel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

RGB = tuple[float, float, float]


@dataclass(frozen=True)
class Factor:
    """One thing that can be changed about a scene: its name, its group and the range of its values."""

    name: str
    group: str  # "layout", "objects" or "attributes"
    low: float = 0.0
    high: float = 1.0

    @property
    def is_count(self) -> bool:
        """Whether the factor is a number of objects: sampled as an integer, though any float between renders."""
        return self.high > 1.0


FACTORS = (
    Factor("horizon", "layout"),  # 0: the ground starts at 48 % of the height from the top, 1: at 75 %
    Factor("house_x", "layout"),  # 0: left, 1: right
    Factor("house_size", "layout"),
    Factor("mountain", "layout"),  # height of the mountains
    Factor("trees", "objects", 0.0, 4.0),
    Factor("tree_size", "objects"),  # cannot be seen in a scene without trees
    Factor("clouds", "objects", 0.0, 3.0),
    Factor("time_of_day", "attributes"),  # day, dusk, night
    Factor("season", "attributes"),  # green, autumn, snow
    Factor("material", "attributes"),  # wood under red, brick under brown, white plaster under blue-grey
    Factor("window_light", "attributes"),  # dark glass to lit
)
FACTOR_NAMES = tuple(factor.name for factor in FACTORS)

CLASSES = ("ground", "sky", "sun", "cloud", "mountain", "tree", "wall", "roof", "window", "door")
CLASS_COLOURS = (
    (124, 168, 84), (135, 190, 235), (255, 214, 92), (245, 245, 250), (124, 124, 168),
    (38, 110, 62), (214, 170, 120), (186, 66, 56), (250, 236, 130), (34, 92, 100),
)  # fmt: skip

# Slots keep objects countable: a tree or a cloud only ever wanders a little around its own place.
# In the order in which they appear as the count grows: x, how far below the horizon the trunk stands, the kind.
_TREE_SLOTS = ((0.18, 0.16, "round"), (0.94, 0.12, "fir"), (0.06, 0.11, "fir"), (0.82, 0.15, "round"))
_TREE_FRONT_TO_BACK = (0, 3, 1, 2)
_CLOUD_SLOTS = (0.50, 0.19, 0.81)

# Columns of the nuisance: sun x, sun y, mountain shift, then (x, y, size) per cloud and (x, size) per tree.
NUISANCE_DIM = 3 + 3 * len(_CLOUD_SLOTS) + 2 * len(_TREE_SLOTS)

# Three colours per ramp, for the values 0, 1/2 and 1 of the factor it follows.
_SKY_TOP = ((0.36, 0.64, 0.92), (0.36, 0.34, 0.62), (0.07, 0.09, 0.26))
_SKY_LOW = ((0.80, 0.92, 0.98), (0.99, 0.64, 0.46), (0.31, 0.36, 0.60))
_LIGHT = ((1.00, 1.00, 1.00), (0.90, 0.72, 0.68), (0.46, 0.50, 0.66))  # multiplies whatever does not shine itself
_SUN = ((1.00, 0.90, 0.45), (1.00, 0.55, 0.30), (0.94, 0.95, 0.88))
_HALO = ((0.20, 0.18, 0.08), (0.22, 0.10, 0.02), (0.14, 0.15, 0.16))
_GRASS = ((0.47, 0.72, 0.34), (0.84, 0.66, 0.30), (0.90, 0.94, 1.00))
_PATH = ((0.87, 0.78, 0.58), (0.72, 0.54, 0.34), (0.76, 0.80, 0.88))
_MOUNTAIN = ((0.42, 0.50, 0.68), (0.50, 0.45, 0.62), (0.56, 0.64, 0.80))
_ROUND_CROWN = ((0.23, 0.55, 0.27), (0.90, 0.44, 0.14), (0.72, 0.82, 0.90))
_FIR_CROWN = ((0.12, 0.42, 0.30), (0.72, 0.32, 0.14), (0.60, 0.74, 0.84))
_WALL = ((0.78, 0.54, 0.32), (0.70, 0.32, 0.25), (0.96, 0.92, 0.83))
_ROOF = ((0.80, 0.24, 0.20), (0.46, 0.30, 0.27), (0.34, 0.46, 0.66))
_TRUNK = (0.36, 0.24, 0.16)
_GLASS = (0.17, 0.24, 0.32)
_FRAME = (0.96, 0.93, 0.88)
_EMBER, _LIT = (1.00, 0.62, 0.22), (1.00, 0.88, 0.38)  # the colour of the light itself as it grows
_DOOR = (0.12, 0.34, 0.38)


class Scene(NamedTuple):
    """What `render` draws: `factors_NF` in each factor's range and `nuisance_NM` in [0, 1], both float32."""

    factors_NF: Tensor
    nuisance_NM: Tensor


class Render(NamedTuple):
    """A batch of pictures: `image_NCHW` in [-1, 1], `mask_NKHW` the share of each pixel each class covers (sum 1)."""

    image_NCHW: Tensor
    mask_NKHW: Tensor

    @property
    def class_map_NHW(self) -> Tensor:
        """The class that covers most of each pixel, an index into CLASSES; int64."""
        return self.mask_NKHW.argmax(1)


def sample_scene(n: int, seed: int = 0, start: int = 0) -> Scene:
    """Draw scenes `start` to `start + n - 1` of a seed; scene i is the same bits whatever `n` and `start`.

    Continuous factors and the nuisance are uniform in [0, 1), counts uniform over their integers. Every number is a
    hash of (seed, scene, column), so there is no generator whose state would depend on what was drawn before.
    """
    index_N1 = np.arange(start, start + n).astype(np.uint64)[:, None]
    column_1J = np.arange(len(FACTORS) + NUISANCE_DIM).astype(np.uint64)[None, :]
    key = _scramble(np.array([[seed % 2**64]], dtype=np.uint64))
    bits_NJ = _scramble(_scramble(key + index_N1) + column_1J) >> np.uint64(40)  # 24 bits: what a float32 can hold
    uniform_NJ = (bits_NJ.astype(np.float64) / 2**24).astype(np.float32)
    for column, factor in enumerate(FACTORS):
        if factor.is_count:
            values = np.uint64(factor.high - factor.low + 1)
            uniform_NJ[:, column] = factor.low + ((bits_NJ[:, column] * values) >> np.uint64(24))
    factors_NF, nuisance_NM = np.split(uniform_NJ, [len(FACTORS)], axis=1)
    return Scene(torch.from_numpy(factors_NF.copy()), torch.from_numpy(nuisance_NM.copy()))


def _scramble(x: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """splitmix64: neighbouring integers become unrelated ones (uint64 arithmetic wraps, as it should)."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def render(factors_NF: Tensor, nuisance_NM: Tensor, resolution: int = 64) -> Render:
    """Draw scenes: `factors_NF` [N, 11] in the ranges of FACTORS and `nuisance_NM` [N, 20] in [0, 1] to a `Render`.

    Differentiable in both. Counts may be any float: object i fades and grows in while the count passes from i to
    i + 1, and an integer count is exact. `tree_size` shows only where there are trees. Only geometry reaches the
    masks: time of day, season, material and window light leave them unchanged to the bit.
    """
    if factors_NF.ndim != 2 or factors_NF.shape[1] != len(FACTORS):
        raise ValueError(f"factors have shape {tuple(factors_NF.shape)}, expected [N, {len(FACTORS)}]")
    if nuisance_NM.shape != (factors_NF.shape[0], NUISANCE_DIM):
        raise ValueError(
            f"nuisance has shape {tuple(nuisance_NM.shape)}, expected [{factors_NF.shape[0]}, {NUISANCE_DIM}]"
        )
    f = dict(zip(FACTOR_NAMES, factors_NF[..., None, None, None].unbind(1), strict=True))
    nuisance = nuisance_NM[..., None, None, None].unbind(1)
    (sun_x, sun_y, mountain_shift), nuisance = nuisance[:3], nuisance[3:]
    cloud_places, tree_places = nuisance[: 3 * len(_CLOUD_SLOTS)], nuisance[3 * len(_CLOUD_SLOTS) :]

    canvas = _Canvas(factors_NF.shape[0], resolution, factors_NF.dtype, factors_NF.device)
    light = canvas.ramp(_LIGHT, f["time_of_day"])
    horizon = 0.48 + 0.27 * f["horizon"]

    for i in _TREE_FRONT_TO_BACK:
        _draw_tree(canvas, i, f, horizon, light, *tree_places[2 * i : 2 * i + 2])
    house_x = 0.26 + 0.48 * f["house_x"]
    _draw_house(canvas, f, house_x, horizon + 0.07, light)
    _draw_ground(canvas, f, house_x, horizon, light)
    for i in range(len(_CLOUD_SLOTS)):
        _draw_cloud(canvas, i, f["clouds"], light, *cloud_places[3 * i : 3 * i + 3])
    _draw_mountain(canvas, f, horizon, mountain_shift, light)
    _draw_sky(canvas, f["time_of_day"], horizon, 0.15 + 0.7 * sun_x, 0.12 + 0.16 * sun_y)
    return canvas.finish()


class _Canvas:
    """Pixel coordinates and the picture so far, painted from the front to the back.

    A shape gets what is still visible of each pixel times its coverage; shapes behind share the rest. So each pixel's
    weights sum to one by construction, and the same weights make both the colours and the masks.
    """

    def __init__(self, n: int, resolution: int, dtype: torch.dtype, device: torch.device):
        self.dtype, self.device = dtype, device
        self.px = 1.0 / resolution
        centres = (torch.arange(resolution, dtype=dtype, device=device) + 0.5) * self.px
        self.x, self.y = centres.view(1, 1, 1, -1), centres.view(1, 1, -1, 1)
        self.visible = torch.ones(n, 1, resolution, resolution, dtype=dtype, device=device)
        self.image = torch.zeros(n, 3, resolution, resolution, dtype=dtype, device=device)
        self.masks = {name: torch.zeros_like(self.visible) for name in CLASSES}

    def paint(self, name: str, coverage: Tensor, colour: Tensor) -> None:
        """Put a shape of class `name` behind everything painted so far."""
        weight = self.visible * coverage
        self.visible = self.visible - weight
        self.image = torch.addcmul(self.image, weight, colour)
        self.masks[name] = self.masks[name] + weight

    def finish(self) -> Render:
        mask_NKHW = torch.cat([self.masks[name] for name in CLASSES], 1)
        return Render(self.image * 2 - 1, mask_NKHW)

    def colour(self, rgb: RGB) -> Tensor:
        return torch.tensor(rgb, dtype=self.dtype, device=self.device).view(1, 3, 1, 1)

    def ramp(self, colours: tuple[RGB, RGB, RGB], t: Tensor) -> Tensor:
        """The colour at `t` in [0, 1] on the way from the first of three colours over the second to the third."""
        first, second, third = (self.colour(rgb) for rgb in colours)
        return first + (second - first) * _unit(2 * t) + (third - second) * _unit(2 * t - 1)

    def fill(self, distance: Tensor, softness: float = 1.0) -> Tensor:
        """Coverage of a shape from the signed distance to its edge (negative inside); the edge is 1 pixel wide."""
        return _unit(0.5 - distance / (softness * self.px))

    def box(self, centre_x: Tensor, half_width: Tensor, top: Tensor, bottom: Tensor) -> Tensor:
        """Coverage of an upright rectangle: exactly the share of each pixel's area, however thin it is."""
        across = self.fill(self.x - centre_x - half_width) - self.fill(self.x - centre_x + half_width)
        return across * (self.fill(self.y - bottom) - self.fill(self.y - top))

    def ellipse(self, x: Tensor, y: Tensor, half_width: Tensor, half_height: Tensor) -> Tensor:
        """Distance to an ellipse: exact for a circle, near enough for the slightly squashed ones used here."""
        squared = ((self.x - x) / half_width) ** 2 + ((self.y - y) / half_height) ** 2
        return ((squared + 1e-6).sqrt() - 1) * (half_width * half_height).sqrt()

    def triangle(self, x: Tensor, half_width: Tensor, top: Tensor, bottom: Tensor) -> Tensor:
        """Coverage of an upright isosceles triangle standing on `bottom`."""
        slope = half_width / (bottom - top)
        side = ((self.x - x).abs() - slope * (self.y - top)) / (1 + slope**2).sqrt()
        return self.fill(side) * self.fill(self.y - bottom)


def _unit(t: Tensor) -> Tensor:
    """`t` cut to [0, 1]. At the very ends its derivative is the mean of both sides', where `clamp` has none: whole
    counts, and attributes of exactly 0, 1/2 or 1, could not be moved by their gradient otherwise."""
    return torch.minimum(torch.maximum(t, t.new_zeros(())), t.new_ones(()))


def _present(count: Tensor, i: int) -> Tensor:
    """How much of object i there is: 0 while the count is at most i, 1 from i + 1 on."""
    return _unit(count - i)


def _draw_tree(
    canvas: _Canvas, i: int, f: dict[str, Tensor], horizon: Tensor, light: Tensor, place: Tensor, jitter: Tensor
) -> None:
    slot_x, below, kind = _TREE_SLOTS[i]
    present = _present(f["trees"], i)
    # Opacity and size grow together: a shape of size zero would have no gradient to grow by.
    height = (0.17 + 0.19 * f["tree_size"]) * (0.97 + 0.06 * jitter) * (0.4 + 0.6 * present)
    x = slot_x + 0.04 * (place - 0.5)
    base = horizon + below
    top = base - height
    if kind == "round":
        crown = canvas.fill(canvas.ellipse(x, top + 0.38 * height, 0.25 * height, 0.38 * height))
        colour = canvas.ramp(_ROUND_CROWN, f["season"])
    else:
        lower = canvas.triangle(x, 0.25 * height, top + 0.24 * height, base - 0.16 * height)
        crown = torch.maximum(lower, canvas.triangle(x, 0.19 * height, top, base - 0.48 * height))
        colour = canvas.ramp(_FIR_CROWN, f["season"])
    # The side away from the light is a little darker, which tells neighbouring crowns apart.
    shade = 1.06 - 0.16 * _unit((canvas.x - x) / (0.25 * height) + 0.5)
    canvas.paint("tree", present * crown, colour * shade * light)
    trunk = canvas.box(x, 0.045 * height, base - 0.4 * height, base)
    canvas.paint("tree", present * trunk, canvas.colour(_TRUNK) * light)


def _draw_house(canvas: _Canvas, f: dict[str, Tensor], x: Tensor, base: Tensor, light: Tensor) -> None:
    size = f["house_size"]
    height = 0.22 + 0.20 * size  # from the doorstep to the ridge
    half = 0.5 * (0.27 + 0.20 * size)
    eaves, ridge = base - 0.56 * height, base - height
    wall = canvas.ramp(_WALL, f["material"])
    snow = _unit(2 * f["season"] - 1)
    roof = canvas.ramp(_ROOF, f["material"])
    roof = roof + 0.3 * snow * (canvas.colour(_GRASS[2]) - roof)

    # Windows shine by themselves: their light is not dimmed with the day's.
    ember, glass = canvas.colour(_EMBER), canvas.colour(_GLASS) * light
    pane = glass + f["window_light"] * (ember + f["window_light"] * (canvas.colour(_LIT) - ember) - glass)
    sill, rim = base - 0.13 * height, 0.055 * half
    for side in (-1, 1):
        window_x, lintel = x + side * 0.57 * half, base - 0.48 * height
        canvas.paint("window", canvas.box(window_x, 0.32 * half - rim, lintel + rim, sill - rim), pane)
        canvas.paint("window", canvas.box(window_x, 0.32 * half, lintel, sill), canvas.colour(_FRAME) * light)
    canvas.paint("door", canvas.box(x, 0.17 * half, base - 0.42 * height, base), canvas.colour(_DOOR) * light)

    slope = 0.34 * half / (0.50 * height)  # the roof narrows upwards from the overhanging eaves
    gable = ((canvas.x - x).abs() - 1.14 * half + slope * (eaves - canvas.y)) / (1 + slope**2).sqrt()
    bands = canvas.fill(canvas.y - eaves - 0.03 * height) - canvas.fill(canvas.y - ridge)
    canvas.paint("roof", canvas.fill(gable) * bands, roof * light)
    under_eaves = 1 - 0.22 * canvas.fill(canvas.y - eaves - 0.09 * height, softness=3.0)
    canvas.paint("wall", canvas.box(x, half, eaves, base), wall * under_eaves * light)
    chimney = canvas.box(x + 0.5 * half, 0.13 * half, ridge - 0.10 * height, eaves)
    canvas.paint("roof", chimney, 0.8 * roof * light)


def _draw_ground(canvas: _Canvas, f: dict[str, Tensor], house_x: Tensor, horizon: Tensor, light: Tensor) -> None:
    depth = (canvas.y - horizon) / (1 - horizon)
    # A path from the door towards the viewer, widening as it comes nearer.
    spread = _unit(depth)
    path_x = house_x + (0.5 - house_x) * spread * spread
    path = canvas.fill((canvas.x - path_x).abs() - 0.02 - 0.10 * spread, softness=2.0)
    grass = canvas.ramp(_GRASS, f["season"]) * (0.90 + 0.12 * spread)
    colour = grass + path * (canvas.ramp(_PATH, f["season"]) - grass)
    canvas.paint("ground", canvas.fill(horizon - canvas.y), colour * light)


def _draw_cloud(
    canvas: _Canvas, i: int, clouds: Tensor, light: Tensor, place: Tensor, height: Tensor, size: Tensor
) -> None:
    present = _present(clouds, i)
    x, y = _CLOUD_SLOTS[i] + 0.10 * (place - 0.5), 0.10 + 0.06 * height
    unit = (0.040 + 0.014 * size) * (0.4 + 0.6 * present)
    # Three puffs on a flat bottom.
    middle = canvas.ellipse(x, y - 0.35 * unit, 1.35 * unit, 1.25 * unit)
    left = canvas.ellipse(x - 1.4 * unit, y + 0.1 * unit, 1.1 * unit, 0.85 * unit)
    right = canvas.ellipse(x + 1.5 * unit, y, 1.2 * unit, 1.0 * unit)
    puffs = torch.minimum(middle, torch.minimum(left, right))
    coverage = canvas.fill(puffs, softness=1.5) * canvas.fill(canvas.y - y - 0.45 * unit)
    canvas.paint("cloud", present * coverage, canvas.colour((1.0, 1.0, 1.0)) * (0.15 + 0.85 * light))


def _draw_mountain(canvas: _Canvas, f: dict[str, Tensor], horizon: Tensor, shift: Tensor, light: Tensor) -> None:
    height = 0.04 + 0.26 * f["mountain"]
    outline = slope = torch.zeros_like(canvas.x)
    for centre, width, share in ((0.27, 0.19, 0.80), (0.76, 0.16, 1.0)):
        u = (canvas.x - centre - 0.10 * (shift - 0.5)) / width
        hump = share * torch.exp(-u * u)
        outline, slope = outline + hump, slope - 2 * u / width * hump
    above = horizon - canvas.y
    distance = (above - height * outline) / (1 + (height * slope) ** 2).sqrt()
    haze = _unit(above / 0.30)  # paler towards the foot, whatever the height
    colour = canvas.ramp(_MOUNTAIN, f["season"]) * (1.16 - 0.36 * haze)
    # Dimmed more than the rest, to stay darker than the sky at every hour.
    canvas.paint("mountain", canvas.fill(distance), colour * light * (0.5 + 0.5 * light))


def _draw_sky(canvas: _Canvas, time_of_day: Tensor, horizon: Tensor, sun_x: Tensor, sun_y: Tensor) -> None:
    disc = canvas.ellipse(sun_x, sun_y, canvas.x.new_tensor(0.065), canvas.x.new_tensor(0.065))
    canvas.paint("sun", canvas.fill(disc), canvas.ramp(_SUN, time_of_day))
    top, low = canvas.ramp(_SKY_TOP, time_of_day), canvas.ramp(_SKY_LOW, time_of_day)
    sky = top + (low - top) * _unit(canvas.y / horizon)
    halo = torch.exp(-disc.clamp(min=0) / 0.09)
    sky = sky + canvas.ramp(_HALO, time_of_day) * halo * (1 - sky)
    canvas.paint("sky", torch.ones_like(canvas.visible), sky)
