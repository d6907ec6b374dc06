"""A generator as two ONNX files, for programs without PyTorch: NAME-mapping.onnx and NAME-synthesis.onnx.

Two, because everything that gantk does with codes happens between them: a direction is added to what the first gives,
and the second draws it. One after the other they are z -> image.

    mapping:    z [N, Z] (and label [N, C], truncation [L])  ->  wp [N, L, D]
    synthesis:  wp [N, L, D]                                 ->  image [N, 3, H, W], nominally in [-1, 1]

`truncation` is the strength psi of every row of wp, 1 for none; only networks with a mean code take it. Noise is the
file's own constant noise. N is free. Each file is run with onnxruntime and compared before it is left.

Shape legend: N samples, Z width of z, C classes, L rows of wp, D width of wp, H x W pixels.
"""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from gantk.checkpoints.pickle_machine import clipped
from gantk.errors import GantkError, UsageError
from gantk.generators.base import Generator
from gantk.store.files import write_atomic

OPSET = 18
TOLERANCE = 1e-4  # of the largest value, where that is more than 1
BATCHES = (1, 3)  # that are compared; the graph is taken with 2
LARGEST = 2_000_000_000  # bytes of one protobuf message

Arrays = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Written:
    """One file that was written.

    Attributes:
        path: where.
        size: its bytes.
        error: the largest difference to gantk's own output in the batches that were compared.
        limit: what it had to stay below.
    """

    path: Path
    size: int
    error: float
    limit: float


class MappingGraph(nn.Module):
    """z (and label, truncation) to wp."""

    names: tuple[str, ...]

    def __init__(self, generator: Generator) -> None:
        super().__init__()
        self.generator = generator
        spec = generator.spec
        self.names = ("z", *(("label",) if spec.label_dim else ()), *(("truncation",) if spec.can_truncate else ()))
        if spec.can_truncate:
            average = generator.average_w() if generator.w_avg is None else generator.w_avg
            self.register_buffer("average", average.detach().clone())
        self.average: Tensor

    def forward(self, *inputs: Tensor) -> Tensor:
        given = dict(zip(self.names, inputs, strict=True))
        wp_NLD = self.generator.expand(self.generator.map(given["z"], given.get("label")))
        if "truncation" not in given:
            return wp_NLD + 0.0  # a tensor of its own, not a view
        strength_L1 = given["truncation"][:, None]
        return torch.where(strength_L1 == 1, wp_NLD, self.average + strength_L1 * (wp_NLD - self.average))


class SynthesisGraph(nn.Module):
    """wp to the image."""

    names: tuple[str, ...]

    def __init__(self, generator: Generator) -> None:
        super().__init__()
        self.generator, self.names = generator, ("wp",)

    def forward(self, wp_NLD: Tensor) -> Tensor:
        return self.generator.synthesize(wp_NLD)


def require_onnx() -> None:
    """Say so before any work where files cannot be written and checked.

    Raises:
        UsageError: the extra is not installed.
    """
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError:
        raise UsageError("The layout onnx needs extra packages: pip install 'gantk[onnx]'.") from None


def file_names(out: str | Path) -> tuple[Path, Path]:
    """The two files that `NAME.onnx` stands for.

    Raises:
        UsageError: it ends otherwise.
    """
    path = Path(out)
    if path.suffix != ".onnx" or not path.stem:
        raise UsageError(f"OUT must end with .onnx, not {str(out)!r}.")
    return path.with_name(f"{path.stem}-mapping.onnx"), path.with_name(f"{path.stem}-synthesis.onnx")


def write_onnx(generator: Generator, out: str | Path, facts: Mapping[str, str] | None = None) -> tuple[Written, ...]:
    """Write both files, or neither.

    Args:
        generator: on the CPU, in float32.
        out: ``NAME.onnx``.
        facts: further texts for the files' metadata, such as where the network comes from.

    Raises:
        UsageError: the extra is missing, or `out` ends otherwise.
        GantkError: the network cannot be written as such a graph, or what onnxruntime computes differs from gantk.
    """
    require_onnx()
    paths = file_names(out)
    if generator.device.type != "cpu" or generator.half_dtype is not None:
        raise GantkError("A network is written as ONNX from the CPU in float32, and this one is elsewhere.")
    made = []
    graphs: tuple[MappingGraph | SynthesisGraph, ...] = (MappingGraph(generator), SynthesisGraph(generator))
    with torch.no_grad():
        for path, graph, output in zip(paths, graphs, ("wp", "image"), strict=True):
            graph.eval()
            data = _graph(graph, _inputs(generator, graph.names, 2, 0), output, {**_facts(generator), **(facts or {})})
            made.append((path, data, *_compare(graph, data, generator, path)))
    for path, data, _, _ in made:
        write_atomic(path, data)
    return tuple(Written(path, len(data), error, limit) for path, data, error, limit in made)


def _inputs(generator: Generator, names: tuple[str, ...], n: int, seed: int) -> dict[str, Tensor]:
    """Inputs of a graph for n seeded samples; truncation is not the same in all rows."""
    spec = generator.spec
    z_NZ, label = generator.sample_z(n, seed=seed), generator.sample_label(n, seed=seed)
    rows_NC = None if label is None else nn.functional.one_hot(label, spec.label_dim).to(z_NZ.dtype)
    found = {"z": z_NZ, "truncation": torch.linspace(0.5, 1.0, spec.num_layers)}
    if rows_NC is not None:
        found["label"] = rows_NC
    if "wp" in names:
        found["wp"] = generator.expand(generator.map(z_NZ, rows_NC)).contiguous()
    return {name: found[name] for name in names}


def _facts(generator: Generator) -> dict[str, str]:
    from gantk import __version__

    spec = generator.spec
    return {
        "gantk": __version__,
        "family": spec.family,
        "resolution": f"{spec.height} x {spec.width}",
        "num_layers": str(spec.num_layers),
        "range": "images are nominally in [-1, 1], NCHW",
    }


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """The exporter prints, warns and logs of its own affairs."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)


def _graph(module: nn.Module, inputs: dict[str, Tensor], output: str, facts: Mapping[str, str]) -> bytes:
    import onnx

    batch = torch.export.Dim("N")
    free = tuple({} if name == "truncation" else {0: batch} for name in inputs)
    # a module with *inputs takes its shapes as one tuple of them
    shapes: Any = (free,) if isinstance(module, MappingGraph) else free
    try:
        with _quietly(), TemporaryDirectory() as folder:
            program = torch.onnx.export(
                module,
                tuple(inputs.values()),
                dynamo=True,
                opset_version=OPSET,
                input_names=list(inputs),
                output_names=[output],
                dynamic_shapes=shapes,
                verbose=False,
            )
            assert program is not None
            path = Path(folder) / "graph.onnx"
            program.save(str(path), external_data=True)
            model = onnx.load(str(path))
    except Exception as error:  # the exporter raises many kinds
        reason = clipped(" ".join(str(error).split()), 160)
        raise GantkError(
            f"PyTorch's exporter does not write this network's graph ({type(error).__name__}: {reason})."
        ) from error
    onnx.helper.set_model_props(model, dict(facts))
    model.producer_name = "gantk"
    if model.ByteSize() > LARGEST:
        raise GantkError(f"The graph has {model.ByteSize():,} bytes, and one ONNX file holds {LARGEST:,}.")
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def _compare(module: Any, data: bytes, generator: Generator, path: Path) -> tuple[float, float]:
    """The largest difference between onnxruntime and gantk, and the limit.

    Raises:
        GantkError: it is larger.
    """
    import onnxruntime

    worst, limit = 0.0, 0.0
    try:
        session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
        for n in BATCHES:
            inputs = _inputs(generator, module.names, n, seed=n)
            want = module(*inputs.values()).numpy()
            [got] = session.run(None, {name: value.numpy() for name, value in inputs.items()})
            if got.shape != want.shape:
                raise GantkError(f"onnxruntime gives {got.shape} for {path.name} where {want.shape} was expected.")
            if not np.isfinite(got).all():
                raise GantkError(f"onnxruntime gives numbers for {path.name} that are not finite: nothing was written.")
            limit = max(limit, TOLERANCE * max(1.0, float(np.abs(want).max())))
            worst = max(worst, float(np.abs(got - want).max()))
    except GantkError:
        raise
    except Exception as error:  # onnxruntime has no common base class
        reason = clipped(" ".join(str(error).split()), 160)
        raise GantkError(
            f"onnxruntime does not run {path.name} ({type(error).__name__}: {reason}); nothing was written."
        ) from error
    if worst > limit:
        raise GantkError(
            f"{path.name} in onnxruntime differs by {worst:.2g} from gantk, more than {limit:.2g}: nothing was written."
        )
    return worst, limit
