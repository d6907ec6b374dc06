"""What the command line of `gantk lse` names: teachers, heads, label maps, codes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gantk.errors import UsageError
from gantk.lse.options import EvaluateOptions, FewshotOptions, SamplingOptions, TrainOptions
from gantk.runs.inputs import ModelInputs
from gantk.runs.options import argument, named
from gantk.runs.task import Inputs

if TYPE_CHECKING:
    from gantk.generators.base import Generator
    from gantk.lse.teachers import Teacher
    from gantk.predictors.heads import Head


@dataclass(frozen=True, kw_only=True)
class TeacherInputs(ModelInputs):
    """A generator and what labels its images."""

    teacher: str | None = named(
        None,
        "Teacher that labels the images: truth (of demo-oracle), demo, module:callable that gives logits [N, K, H, "
        "W], a file, "
        "or a folder of index PNGs.",
        metavar="NAME",
        default_text="the bundled one for bundled models",
        code=True,
    )

    def labeller(self, generator: Generator, classes: str | None) -> Teacher:
        from gantk.lse.teachers import load_teacher

        return load_teacher(self.teacher, generator, classes)


@dataclass(frozen=True, kw_only=True)
class TrainInputs(TeacherInputs):
    def load(self, options: TrainOptions) -> dict[str, object]:
        generator = self.generator()
        return {"generator": generator, "teacher": self.labeller(generator, options.classes)}

    def load_again(self, options: TrainOptions) -> dict[str, object]:
        """A head is solved on the joined arrays and on images drawn again; --solver adam labels fresh ones too."""
        generator = self.generator()
        if options.solver != "adam":
            return {"generator": generator}
        return {"generator": generator, "teacher": self.labeller(generator, options.classes)}


@dataclass(frozen=True, kw_only=True)
class FewshotInputs(TeacherInputs):
    codes: str | None = named(
        None,
        "Codes wp [N, L, D] of the labelled images.",
        metavar="FILE.npy",
        default_text="a folder's wp.npy, or drawn",
    )
    judge: str | None = named(
        None,
        "What the heads are scored against, named as for --teacher.",
        metavar="NAME",
        default_text="the teacher",
        code=True,
    )
    full: str | None = named(None, "Head that was trained on many images, to compare with.", metavar="HEAD")

    def load(self, options: FewshotOptions) -> dict[str, object]:
        from gantk.codes.given import codes_in
        from gantk.lse.teachers import load_teacher
        from gantk.predictors.head_files import load_head

        generator = self.generator()
        judge = self.judge
        return {
            "generator": generator,
            "teacher": self.labeller(generator, options.classes),
            "judge": None if judge is None else load_teacher(judge, generator, options.classes, "--judge"),
            "full": None if self.full is None else load_head(self.full, generator),
            "codes": None if self.codes is None else codes_in(self.codes, generator, "wp"),
        }


@dataclass(frozen=True, kw_only=True)
class ForceInputs(Inputs):
    """Whether a head of another generator is taken."""

    force: bool = named(False, "Take heads of another generator with the same maps.")


@dataclass(frozen=True, kw_only=True)
class EvaluateInputs(ForceInputs, TeacherInputs):
    heads: tuple[str, ...] = argument("HEAD", "Files of heads, or folders of them.")
    also: tuple[str, ...] = named(
        (),
        "Another generator and its heads, for the same table; may be repeated.",
        metavar="MODEL=HEAD,...",
        code=True,
    )

    def load(self, options: EvaluateOptions) -> dict[str, object]:
        from gantk.checkpoints.load import load_generator
        from gantk.generators.devices import resolve_device
        from gantk.lse.heads import find_heads
        from gantk.lse.scoring import Rival
        from gantk.store.own_code import OwnCode

        if not self.heads:
            raise UsageError("No head was given: name files, or the directory of `gantk lse train`.")
        generator = self.generator()
        arguments: dict[str, object] = {
            "generator": generator,
            "heads": find_heads(self.heads, generator, self.force),
            "teacher": self.labeller(generator, options.classes),
        }
        rivals = []
        for text in self.also:
            model, equals, heads = text.rpartition("=")
            if not equals or not model or not heads:
                raise UsageError(f"--also {text!r} is not understood: write MODEL=HEAD,HEAD.")
            model = OwnCode(model) if isinstance(text, OwnCode) else model  # a part of what was typed was typed
            other = load_generator(model, device=resolve_device(self.device), precision=self.precision)
            found = find_heads(heads.split(","), other, self.force)
            rivals.append(Rival(model, other, found, self.labeller(other, options.classes)))
        return {**arguments, "also": tuple(rivals), "name": self.model}


@dataclass(frozen=True, kw_only=True)
class HeadInputs(ForceInputs):
    head: str = argument("HEAD", "File of a head.")

    def reader(self, generator: Generator) -> Head:
        from gantk.predictors.head_files import load_head

        return load_head(self.head, generator, self.force)


@dataclass(frozen=True, kw_only=True)
class SampleInputs(HeadInputs, TeacherInputs):
    target: tuple[str, ...] = named(
        (), "Label map that is wanted (255: any class), or a folder of them; repeated.", metavar="PNG",
    )  # fmt: skip

    def load(self, options: SamplingOptions) -> dict[str, object]:
        from gantk.lse.targets import read_targets

        generator = self.generator()
        head = self.reader(generator)
        return {
            "generator": generator,
            "head": head,
            "targets": read_targets(self.target, head.info),
            "teacher": self.labeller(generator, options.classes),
        }


@dataclass(frozen=True, kw_only=True)
class EditInputs(HeadInputs, ModelInputs):
    code: str | None = named(
        None,
        "A code wp [L, D] or [1, L, D] to edit, instead of a sample of the seed.",
        metavar="FILE.npy",
    )
    stroke: str | None = named(None, "Label map of the stroke, 255 where nothing was painted.", metavar="PNG")
    session: str | None = named(
        None, "A session exported by gantk web, all of whose edits are made again.", metavar="FILE.zip",
    )  # fmt: skip

    def load(self, options: object) -> dict[str, object]:
        from gantk.codes.given import codes_in
        from gantk.lse.replay import read_session
        from gantk.pictures.label_maps import read_label_map

        generator = self.generator()
        head = self.reader(generator)
        info = head.info
        return {
            "generator": generator,
            "head": head,
            "code": None if self.code is None else codes_in(self.code, generator, "wp"),
            "stroke": None if self.stroke is None else read_label_map(self.stroke, info.classes, info.size),
            "session": None if self.session is None else read_session(self.session),
        }
