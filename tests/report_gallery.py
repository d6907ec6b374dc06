"""A page with every kind of section, from made-up data: what the tests of reports look at, and what to open when
styling.

    python tests/report_gallery.py OUT.html
"""

from __future__ import annotations

import sys

import numpy as np

from gantk.reports import (
    BarPlot,
    Bins,
    Cell,
    Column,
    Facts,
    Headline,
    HeatMap,
    Histogram,
    LinePlot,
    Link,
    Links,
    Page,
    Panels,
    Picture,
    Points,
    Prose,
    ScatterPlot,
    Series,
    Sheet,
    SliderGrid,
    SliderStrip,
    Table,
)

NAMES = ("horizon", "mountain", "trees", "tree_size", "clouds", "time_of_day", "season", "material", "window_light")
VERSIONS = {"gantk": "0.1.0", "torch": "2.9.0", "numpy": "2.4.0"}
TIMES = {"started": "2026-01-02T03:04:05+00:00", "ended": "2026-01-02T03:05:17+00:00", "timings": {"total": 72.4}}


def bins_of(name: str, values: np.ndarray, bins: int = 40, span: tuple[float, float] | None = None) -> Bins:
    """Values as bins."""
    return Bins(name, *np.histogram(np.asarray(values, np.float64), bins=bins, range=span))


def scene(seed: int, light: float = 0.0, size: int = 64) -> np.ndarray:
    """A small landscape, uint8 `[size, size, 3]`: sky, sun, hills and a house.

    `light` runs from -3 (night) to 3 (noon).
    """
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:size, 0:size] / size
    day = np.clip((light + 3) / 6 + random.uniform(-0.1, 0.1), 0, 1)
    horizon = random.uniform(0.5, 0.68)
    low, high = (
        np.array([30, 40, 80]) * (1 - day) + np.array([226, 235, 246]) * day,
        np.array([8, 12, 40]) * (1 - day) + np.array([96, 152, 222]) * day,
    )
    image = low + (high - low) * np.clip((horizon - y) / horizon, 0, 1)[..., None]
    sun = np.hypot(x - random.uniform(0.15, 0.85), y - random.uniform(0.12, 0.3)) < 0.07
    image[sun] = np.array([236, 236, 220]) * (1 - day) + np.array([255, 220, 120]) * day
    hill = y > horizon - 0.16 - 0.1 * np.sin(6 * x + random.uniform(0, 6))
    image[hill] = np.array([92, 110, 128]) * (0.35 + 0.65 * day)
    ground = y > horizon
    image[ground] = np.array([random.uniform(80, 190), 158, 84]) * (0.3 + 0.7 * day)
    left, width = random.uniform(0.15, 0.5), random.uniform(0.22, 0.34)
    top = horizon - 0.16
    image[(x > left) & (x < left + width) & (y > top) & (y < top + 0.3)] = np.array([205, 170, 140]) * (0.4 + 0.6 * day)
    roof = (y < top) & (y > top - 0.14) & (np.abs(x - left - width / 2) < (y - top + 0.14) / 0.14 * (width / 2 + 0.03))
    image[roof] = np.array([150, 64, 52]) * (0.4 + 0.6 * day)
    window = (np.abs(x - left - width / 2) < 0.045) & (np.abs(y - top - 0.11) < 0.045)
    image[window] = [250, 214, 120] if day < 0.5 else [90, 120, 150]
    return np.clip(image, 0, 255).astype(np.uint8)


def strip(seed: int, steps: int = 9) -> SliderStrip:
    values = np.linspace(-3, 3, steps)
    frames = [
        Picture(scene(seed, value), f"sample {seed}, time_of_day at {value:+.2f}", name=f"time_{seed}_{value:+.2f}")
        for value in values
    ]
    return SliderStrip(frames, values.tolist(), f"sample {seed}")


def gallery(samples: int = 48) -> Page:
    random = np.random.default_rng(0)
    gain = np.sort(random.gamma(2, 0.22, len(NAMES)))[::-1]
    half = 0.03 + 0.05 * random.random(len(NAMES))
    cosine = np.clip(np.eye(len(NAMES)) + 0.22 * random.standard_normal((len(NAMES), len(NAMES))), -1, 1)
    cosine = np.triu(cosine, 1) + np.triu(cosine, 1).T + np.eye(len(NAMES))
    layer_gain = np.abs(random.standard_normal((len(NAMES), 10))) * np.exp(
        -((np.arange(10) - random.integers(0, 10, (len(NAMES), 1))) ** 2) / 5
    )
    x = np.arange(10)
    curves = [
        Series(name, x, layer_gain[i], layer_gain[i] - 0.05, layer_gain[i] + 0.05) for i, name in enumerate(NAMES[:4])
    ]
    negative, positive = random.normal(-1.4, 0.9, 2000), random.normal(1.6, 1.0, 2000)
    points = random.standard_normal((2, 900))
    rows = [
        [
            rank + 1,
            name,
            Cell(float(gain[rank]), bar=float(gain[rank] / gain[0])),
            Cell(float(gain[rank] - half[rank]), "in the tooltip", "95 %"),
            100 - rank,
            rank % 3 == 0,
        ]
        for rank, name in enumerate(NAMES)
    ]
    rows[4][3] = None
    sections = [
        Headline(
            [
                (0.962, "mean accuracy", "nine boundaries, held-out samples"),
                ("6\u20139", "layers of time of day", "true: 6\u20139"),
                (8, "of 9 found", "named factors"),
            ]
        ),
        Prose(
            "Time of day is stored in **layers 6 to 9** and moves nothing else by more than a tenth of a standard "
            "deviation.\n\n- `season` leaks into `trees`\n- `material` is clean",
            "What was found",
            "finding",
        ),
        Prose("These figures are estimates of the predictor, not the truth.", tone="warning"),
        Sheet(
            [Picture(scene(i, (i * 7) % 13 / 2 - 3), f"Sample {i}", str(i)) for i in range(samples)],
            "Samples",
            "Samples of `demo`, numbered by their place in the seed's sequence.",
        ),
        SliderGrid(
            [strip(seed) for seed in range(4)],
            "Time of day",
            "Four samples moved in w, layers 6-9.",
            downloads=[Link("time.gif", "Animation (GIF)")],
        ),
        SliderStrip(strip(11, 5).frames, strip(11, 5).values, "One strip", "A single sample."),
        Table(
            [Column("rank", digits=0), "boundary", Column("gain", "mean rise"), "interval", "samples", "clean"],
            rows,
            "Most relevant semantics",
            "Boundaries by how much they raise their own attribute. Click a heading to sort by it.",
        ),
        HeatMap(
            layer_gain,
            NAMES,
            [str(i) for i in range(10)],
            "Where each attribute is stored",
            "Gain when only one layer is moved.",
            "attribute",
            "layer",
            quantity="gain",
        ),
        HeatMap(
            cosine,
            NAMES,
            NAMES,
            "Alignment of the boundaries",
            "Cosine between boundaries.",
            "boundary",
            "",
            "diverging",
            1.0,
            quantity="cosine",
            diagonal=True,
        ),
        LinePlot(curves, "Layer by layer", "Gain per layer with 95 % intervals.", "layer", "gain"),
        BarPlot(
            NAMES,
            gain - 0.1,
            gain - 0.1 - half,
            gain - 0.1 + half,
            "Ranking",
            "Signed change with 95 % intervals.",
            "change",
        ),
        Histogram(
            [bins_of("negative", negative, 40, (-5, 5)), bins_of("positive", positive, 40, (-5, 5))],
            "Separation",
            "Signed distances of held-out samples.",
            "signed distance",
            (0.0, "boundary"),
        ),
        ScatterPlot(
            [
                Points("trained", points[0], points[0] + 0.4 * points[1]),
                Points("marked", points[0, :9], points[1, :9], NAMES),
            ],
            "Truth against estimate",
            "One dot per sample.",
            "true",
            "estimated",
            True,
        ),
        Panels(
            [Histogram([bins_of("", random.normal(i, 1 + i / 4, 800), 30)], name) for i, name in enumerate(NAMES[:6])],
            "Scores",
            "How the scores are distributed.",
        ),
        Facts(
            [
                ("model", "demo"),
                ("truncation", 0.7),
                ("layers", [6, 7, 8, 9]),
                ("a long value", "sha256:" + "0123456789abcdef" * 4),
                ("images", True),
            ],
            "Settings",
        ),
        Links(
            [
                Link(
                    "manipulate.html",
                    "manipulate",
                    "Sliders along the directions",
                    Picture(scene(3, 2), "A house by day"),
                ),
                Link(
                    "rescore.html", "rescore", "Which direction moves what", Picture(scene(4, -2), "A house by night")
                ),
                Link("x.npy", "z.npy", "Latents"),
            ],
            "All reports",
        ),
    ]
    manifest = {"versions": VERSIONS, **TIMES, "seed": 0, "device": "cpu", "state": "complete", "arguments": {}}
    command = (
        "gantk manipulate demo time_of_day --num 4 --step 9 --start-distance -3 --end-distance 3 --output-dir "
        "results/time"
    )
    return Page(
        "Every kind of section",
        "What a page of gantk can show, from made-up numbers about **houses in landscapes**.",
        sections,
        command,
        manifest,
        "gallery",
    )


if __name__ == "__main__":
    print(gallery().write(sys.argv[1]))
