"""What one server holds: models, their directions and heads, the compute thread, the projects."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from gantk.checkpoints.addresses import file_at, is_address, stem_of
from gantk.checkpoints.facts import TUNED, split_model
from gantk.codes.kept_directions import load_direction
from gantk.errors import GantkError
from gantk.generators.forward_mode import load_decompositions
from gantk.store.files import sha256_of
from gantk.store.json_values import JsonView
from gantk.store.memory import is_out_of_memory
from gantk.web.blobs import as_file
from gantk.web.cache import Cache
from gantk.web.catalogue import Catalogue
from gantk.web.limits import Limits
from gantk.web.projects import Project, Projects
from gantk.web.queue import Engine
from gantk.web.scene import Easel
from gantk.web.terms import Base, Class
from gantk.web.wire import ApiError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from torch import Tensor

    from gantk.ghfeat.files import EncoderFile
    from gantk.ghfeat.losses import Perception
    from gantk.lse.teachers import Teacher
    from gantk.predictors.base import Predictor
    from gantk.predictors.heads import Head, HeadInfo

    Array: TypeAlias = npt.NDArray[np.float32]
    Picture: TypeAlias = npt.NDArray[np.uint8]

CACHE = 512 << 20
JACOBIANS = 256 << 20  # bytes of kept derivatives per model: 100 MB for 512 coordinates at 128 pixels
AROUND = 64 << 20
FEATURES = 256 << 20
HEADS = 64 << 20
GROW_AFTER = 3.0  # seconds; the first picture comes first

T = TypeVar("T")
Given: TypeAlias = dict[str, list[str] | str]


@dataclass(eq=False)
class Model:
    """One model: its easel, and what reads its pictures. `name` is for people, `source` for command lines."""

    name: str
    source: str
    easel: Easel
    given: Given = field(default_factory=dict)  # what the command line named for it, beside the model
    heads: dict[str, Head] = field(default_factory=dict)
    head_sources: dict[str, str] = field(default_factory=dict)
    teacher: Teacher | None = None
    encoder: EncoderFile | None = None
    predictor: Predictor | None = None  # of attributes
    perception: Perception | None = None  # beside the squared error of an inversion
    around: Cache[Picture] = field(default_factory=lambda: Cache(AROUND))  # photos that edits are pasted into
    jacobians: Cache[Tensor] = field(default_factory=lambda: Cache(JACOBIANS))
    features: Cache[tuple[Tensor, ...]] = field(default_factory=lambda: Cache(FEATURES))  # maps of annotated images
    sorted: Cache[list[Array]] = field(default_factory=lambda: Cache(FEATURES))  # blocks of sorted samples
    loaded: Cache[Head] = field(default_factory=lambda: Cache(HEADS))  # of projects, by their file's sha

    def forget(self) -> None:
        """Empty the caches: memory ran out."""
        self.easel.forget()
        for cache in (self.around, self.jacobians, self.features, self.sorted):
            cache.clear()

    def view(self) -> dict[str, JsonView]:
        spec = self.easel.generator.spec
        truncation = spec.truncation
        return {
            "name": self.name,
            "source": self.source,
            "family": spec.family,
            "resolution": spec.resolution,
            "rows": spec.num_layers,
            "classes": spec.label_dim,
            "label_required": spec.label_required,
            "can_truncate": spec.can_truncate,
            "truncation": None if truncation is None else [truncation.psi, truncation.layers],
            "has_noise": spec.has_noise,
            "layers": [{"name": layer.name, "row": layer.row} for layer in self.easel.generator.layers],
            "heads": [head_view(id, head.info) for id, head in self.heads.items()],
            "encoder": self.encoder is not None,
            "teacher": None if self.teacher is None else reader_view(self.teacher),
        }


def name_of(source: str) -> str:
    """What a model is called here: its file's or its own name, without the facts that were given with it.

    Tuned weights make another network of it, so that they are named too.
    """
    if is_address(source):
        return stem_of(source)
    plain, facts = split_model(source)
    path = Path(plain)
    name = path.stem if path.suffix else path.name
    return f"{name}+{Path(facts[TUNED]).stem}" if TUNED in facts else name


def classes_of(reader: HeadInfo | Teacher) -> list[Class]:
    """What a head or a segmenter tells apart.

    Raises:
        ApiError: a name that no class here may have.
    """
    return [Class(name, colour) for name, colour in zip(reader.class_names, reader.class_colours, strict=True)]


def reader_view(reader: HeadInfo | Teacher) -> dict[str, JsonView]:
    pairs = zip(reader.class_names, reader.class_colours, strict=True)
    return {"name": reader.name, "classes": [{"name": name, "colour": list(colour)} for name, colour in pairs]}


def head_view(id: str, info: HeadInfo) -> dict[str, JsonView]:
    return {"id": id, "kind": info.kind, "size": info.size, **reader_view(info)}


class Workshop:
    """Models stay as long as the server; `changed` is called with a model's name when its directions grew."""

    def __init__(self, root: Path, cache: int = CACHE, limits: Limits | None = None) -> None:
        self.root, self.cache, self.limits = root, cache, limits or Limits()
        self.models: dict[str, Model] = {}
        self.projects = Projects(root)
        self.engine = Engine()
        self.changed: Callable[[str], None] = lambda name: None

    def add(
        self, source: str, device: str = "cpu", precision: str = "float32", directions: Sequence[str] = (),
        heads: Sequence[str] = (), segmenter: str | None = None, encoder: str | None = None,
        predictor: str | None = None,
    ) -> Model:  # fmt: skip
        """Load a model with all that the command line names for it.

        Raises:
            GantkError: a file is missing, damaged, or another model's.
        """
        from gantk.checkpoints.load import load_generator
        from gantk.predictors.head_files import load_head
        from gantk.predictors.load import load_predictor

        generator = load_generator(source, device=device, precision=precision).requires_grad_(False)
        name = name_of(source)
        if name in self.models:
            raise GantkError(f"Two models are called {name!r}: rename one of the files.")
        catalogue = Catalogue(generator)
        catalogue.add_shipped()
        for path in directions:
            catalogue.add_path(file_at(path) if is_address(path) else Path(path))
        named: dict[str, list[str] | str | None] = {
            "directions": list(directions), "heads": list(heads), "segmenter": segmenter, "encoder": encoder,
            "predictor": predictor, "device": None if device == "cpu" else device,
            "precision": None if precision == "float32" else precision,
        }  # fmt: skip
        given: Given = {key: value for key, value in named.items() if value}
        model = Model(name, source, Easel(catalogue, self.cache), given)
        for file in heads:
            head = load_head(file, generator).bind(generator)
            id = "h" + sha256_of(Path(file))[:12]
            model.heads[id], model.head_sources[id] = head, file
        model.teacher = self._teacher(model, segmenter)
        model.encoder, model.perception = self._seers(model, encoder)
        if predictor is not None or generator.bundled:
            model.predictor = load_predictor(predictor or "demo", generator.device, generator).eval()
        self.models[name] = model
        return model

    def _seers(self, model: Model, encoder: str | None) -> tuple[EncoderFile | None, Perception | None]:
        """What inverts photos: an encoder, where there is one, and a perceptual distance for the bundled models."""
        from gantk.ghfeat.defaults import encoder_for, has_encoder, perception_for
        from gantk.ghfeat.files import load_encoder

        generator = model.easel.generator
        perception = perception_for(generator)
        if encoder is not None:
            return load_encoder(encoder, generator), perception
        return (encoder_for(generator) if has_encoder(generator) else None), perception

    def _teacher(self, model: Model, segmenter: str | None) -> Teacher | None:
        from gantk.lse.teachers import load_teacher

        generator = model.easel.generator
        if segmenter is None and not generator.bundled:
            return None
        return load_teacher(segmenter, generator, option="--segmenter")

    def start(self) -> None:
        """Begin computing; directions in closed form follow once the first pictures had their turn."""
        self.engine.start()
        threading.Thread(target=self._grow, name="gantk-grow", daemon=True).start()

    def _grow(self) -> None:
        time.sleep(GROW_AFTER)
        load_decompositions()  # seconds of imports, which the compute thread shall not spend
        for model in list(self.models.values()):
            try:
                self.engine.call(model.easel.catalogue.add_closed_forms).result()
            except (GantkError, RuntimeError, CancelledError):
                continue  # the family has none, or the server ends
            self.changed(model.name)

    def model(self, name: str) -> Model:
        if name not in self.models:
            raise ApiError(404, f"This server has no model {name[:40]!r}: it has {', '.join(self.models)}.")
        return self.models[name]

    def of(self, project: Project) -> Model:
        return self.model(project.state.model)

    def new_project(self, model: str, base: Base) -> Project:
        found = self.model(model)
        self.check_base(found, base)
        self.make_room()
        reader = next((head.info for head in found.heads.values()), found.teacher)
        return self.projects.create(model, base, () if reader is None else classes_of(reader))

    def make_room(self) -> None:
        """Delete projects that nobody has touched for as long as they are kept.

        Raises:
            ApiError: 503 when there are as many as there may be all the same.
        """
        limits = self.limits
        if limits.kept is not None:
            self.projects.forget(time.time() - limits.kept)
        if limits.projects is not None and self.projects.count() >= limits.projects:
            raise ApiError(503, "This server has as many projects as it can hold: come back later.")

    def check_base(self, model: Model, base: Base) -> None:
        """
        Raises:
            ApiError: the model has no such class, no truncation, or no noise to seed.
        """
        spec = model.easel.generator.spec
        if base.label is not None and base.label >= spec.label_dim:
            has = f"has classes 0 to {spec.label_dim - 1}" if spec.label_dim else "takes no class"
            raise ApiError(400, f"There is no class {base.label}: this {spec.family} {has}.")
        if base.psi is not None and not spec.can_truncate:
            raise ApiError(400, f"A {spec.family} has no mean code to pull to: leave psi out.")
        if isinstance(base.noise, int) and not spec.has_noise:
            raise ApiError(400, f"A {spec.family} has no noise inputs to seed: use const or none.")

    def head(self, project: Project, id: str) -> Head:
        """A head by id: of the command line, or saved in the project.

        Raises:
            ApiError: 404 where there is none.
        """
        model = self.of(project)
        if id in model.heads:
            return model.heads[id]
        for saved in project.state.saved:
            if saved.kind == "head" and "h" + saved.sha[:12] == id:
                return self._load_saved(project, model, saved.sha)
        raise ApiError(404, "There is no such head: fit one in Train, or start the server with --head.")

    def _load_saved(self, project: Project, model: Model, sha: str) -> Head:
        from gantk.predictors.head_files import load_head

        found = model.loaded.get(sha)
        if found is None:
            data = project.blobs.get(sha)
            with as_file(data) as path:
                found = load_head(path, model.easel.generator).bind(model.easel.generator)
            model.loaded.put(sha, found, len(data))
        return found

    def heads_of(self, project: Project) -> list[dict[str, JsonView]]:
        """Every head of a project as the page sees it; the newest last."""
        model = self.of(project)
        found = [head_view(id, head.info) for id, head in model.heads.items()]
        for saved in project.state.saved:
            if saved.kind == "head":
                found.append(
                    {"id": "h" + saved.sha[:12], "name": saved.name, "sha": saved.sha, **json.loads(saved.about)}
                )
        return found

    def learn_directions(self, project: Project) -> None:
        """Directions that were saved in a project are known again after a restart."""
        catalogue = self.of(project).easel.catalogue
        for saved in project.state.saved:
            if saved.kind == "direction":
                with as_file(project.blobs.get(saved.sha)) as path:
                    catalogue.made_here(load_direction(path))

    def sparing(self, work: Callable[[], T]) -> T:
        """Work that is tried once more with empty caches when memory runs out; the server lives on."""
        try:
            return work()
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
        for model in self.models.values():
            model.forget()
        return work()
