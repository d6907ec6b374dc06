"""Where in a file the network is: which copy of it, in which wrapper, under which prefix.

People save the state dict, a dictionary around it, the network object itself, or a training snapshot with both copies
and everything else. `candidates` gives every place at which a generator can be, best first: a moving average, wherever
it lies, before the copy that was being trained, names as they are before names with a known prefix taken off.
reading.py takes the first whose names are those of a known format.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gantk.checkpoints.checkpoint import Raw, listed
from gantk.checkpoints.foreign import is_value
from gantk.checkpoints.nvidia import flatten
from gantk.checkpoints.pickle_machine import Inert, Source, clipped
from gantk.checkpoints.stand_ins import Record
from gantk.checkpoints.stored_tensors import Stored
from gantk.checkpoints.tensorflow import flatten as flatten_tensorflow
from gantk.checkpoints.unpickle import Container
from gantk.errors import GantkError

AVERAGES = (
    "generator_smooth", "G_ema", "g_ema", "Gs", "generator_ema", "netG_ema", "gen_ema", "params_ema", "model_ema",
    "ema", "ema_state_dict",
)  # fmt: skip
"""Keys under which programs keep the moving average of a generator."""
TRAINED = ("generator", "netG", "G", "g", "gen")
"""Keys of the copy that is trained."""
WRAPPERS = ("models", "state_dict", "model_state_dict", "params", "model", "module", "networks", "net", "weights")
"""Keys around a state dict that say nothing about what it is of."""
PREFIXES = (
    "module.", "_orig_mod.", "_forward_module.", *(f"{name}." for name in (*AVERAGES, *TRAINED)), "decoder.",
    "stylegan_decoder.", "stylegan.", "state_dict.", "model.", "net.", "network.",
)  # fmt: skip
"""What programs put before the names of a generator that is a part of something larger."""
AVERAGE_CODES = ("latent_avg", "w_avg", "dlatent_avg", "mean_latent")
TF_CLASSES = ("dnnlib.tflib.network.Network", "tfutil.Network", "network.Network")
_OTHERS = frozenset(("discriminator", "g", "d", "G", "D", "g_optim", "d_optim", "optimizer", "optimizers"))
_DEEPEST = 4
_MOST = 16  # places under names that say nothing
_WRAPPED = re.compile(r"(?<=\.)(?:module|_orig_mod|_forward_module|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.")
_AVERAGE = re.compile(r"(?i)(?<![a-z])(ema|smooth|averaged?|shadow)(?![a-z])")


def candidates(path: Path, container: Container) -> Iterator[Raw]:
    """Every place in a file at which a generator can be, best first."""
    value, source = container.value, container.source
    networks = tensorflow_networks(value)
    if networks:
        yield _tensorflow(path, source, networks)
        return
    start, met = Place(Raw(path, source, container.kind, "flat", {})), dict[str, None]()
    for average in (True, False):
        for place in _networks(value, start, 0, average, met):
            raw = place.raw
            if source.inert:
                names = listed(sorted(source.inert), 4)
                raw = noted(raw, f"the file also refers to {names}: these stayed names, nothing of them was built")
            if place.unsaid and not average:
                raw = noted(raw, place.unsaid)
            if not average and met:
                used = f"{place.trained!r}, the trained copy, is used" if place.trained else "this may be another copy"
                raw = noted(
                    raw, f"no network that gantk reads is under {listed(met, 3)}, as a moving average is; {used}"
                )
            elif place.trained and not average:
                what = f"{place.trained!r}, the trained copy, is used"
                raw = noted(raw, f"the file has no moving average of its generator; {what}")
            yield from _with_prefixes(raw, 0)


@dataclass(frozen=True)
class Place:
    """Where a network can be.

    Attributes:
        raw: the network, or, while it is looked for, how its place was reached.
        average: whether a key on the way says that it is a moving average.
        trained: the key on the way that says that it is the copy that is trained; "" where none does.
        unsaid: that a key on the way says nothing; "" where none is so.
    """

    raw: Raw
    average: bool = False
    trained: str = ""
    unsaid: str = ""


def _networks(value: object, at: Place, depth: int, average: bool, met: dict[str, None]) -> Iterator[Place]:
    """The networks inside a value, at any of the known keys down to a few levels.

    Args:
        at: how the value was reached.
        average: which are looked for: moving averages, wherever in the file, or all others.
        met: takes the keys that say so of a moving average.
    """
    raw = at.raw
    if isinstance(value, Record | Inert) and "_modules" not in value.state:  # a training program's object around it
        value = value.state or list(getattr(value, "arguments", ()))
    if isinstance(value, Record | Inert):
        if at.average == average:
            yield dataclasses.replace(at, raw=_module(value, raw))
        return
    if isinstance(value, list | tuple) and len(value) <= 8 and depth <= _DEEPEST:  # side by side, the average last
        where = "the file" if depth == 0 else repr(clipped(raw.wrapper))
        for number, item in reversed(list(enumerate(value, start=1))):
            if isinstance(item, Mapping | Record | Inert):
                one = f"{where} holds {len(value)} objects, of which number {number} is used"
                inner = noted(dataclasses.replace(raw, wrapper="flat"), one) if len(value) > 1 else raw
                yield from _networks(item, dataclasses.replace(at, raw=inner), depth + 1, average, met)
        return
    if not isinstance(value, Mapping) or depth > _DEEPEST:
        return
    beside = {**raw.extra, **{str(key): item for key, item in value.items() if key not in _OTHERS}}
    places = [
        name for name, item in value.items() if isinstance(item, Mapping | Record | Inert | list | tuple) and item
    ]
    averages = [name for name in AVERAGES if name in places]
    averages += [name for name in places if _AVERAGE.search(str(name)) and name not in averages]
    known = [name for name in (*averages, *TRAINED, *WRAPPERS) if name in places]
    others = [name for name in places if name not in known and name not in _OTHERS and "optim" not in str(name)]
    met |= dict.fromkeys(map(repr, averages))
    for name in (*known, *others[:_MOST]):
        inside = {key: item for key, item in beside.items() if key != name}
        inner, unsaid = dataclasses.replace(raw, wrapper=name, extra=inside), at.unsaid
        if name in others:
            also = [str(other) for other in others if other != name and _holds_tensors(value[other])]
            rest = f", and {listed(also, 3)} beside it {'are' if len(also) > 1 else 'is'} not read" if also else ""
            unsaid = f"it was found under {clipped(name)!r}, which does not say whether it is a moving average{rest}"
        trained = str(name) if name in TRAINED else at.trained
        found = Place(inner, at.average or name in averages, trained, unsaid)
        yield from _networks(value[name], found, depth + 1, average, met)
    if at.average != average:
        return
    entries = {str(key): item for key, item in value.items() if isinstance(item, Stored | int | float)}
    if any(isinstance(item, Stored) for item in entries.values()):
        if raw.wrapper != "flat":
            for item in value.values():
                if isinstance(item, Inert):
                    raise raw.source.forbidden(item.class_name)
        left = {key: item for key, item in beside.items() if key not in entries or key in AVERAGE_CODES}
        yield dataclasses.replace(at, raw=dataclasses.replace(raw, entries=entries, extra=left))
    parts = [name for name in places if _holds_tensors(value[name])]
    if len(parts) > 1:  # its networks one by one: mapping, synthesis
        joined = {f"{name}.{key}": item for name in parts for key, item in value[name].items()}
        tensors = {name: item for name, item in joined.items() if isinstance(item, Stored | int | float)}
        left = {key: item for key, item in beside.items() if key not in parts}
        whole = dataclasses.replace(raw, entries=tensors, extra=left)
        yield dataclasses.replace(at, raw=noted(whole, f"the tensors under {listed(parts, 3)} are read as one network"))


def noted(raw: Raw, note: str) -> Raw:
    """With one more sentence for the user."""
    return dataclasses.replace(raw, notes=(*raw.notes, note))


def _holds_tensors(value: object) -> bool:
    return isinstance(value, Mapping) and any(isinstance(item, Stored) for item in value.values())


def _module(root: Record | Inert, raw: Raw) -> Raw:
    """A network object: NVIDIA's, whose attributes say what it is, or another program's, of which the tensors do."""
    entries, records = flatten(raw.source, root)
    notes = raw.notes
    if raw.wrapper == "flat":
        notes += (
            f"the file is the network object itself ({clipped(root.class_name)}), which does not say whether it is a "
            "moving average; its tensors were read",
        )
    if isinstance(root, Inert):
        return dataclasses.replace(raw, entries=entries, notes=notes)
    kept: dict[str, dict[str, object]] = {}
    for module, own in records.items():
        for value in own.values():
            if isinstance(value, Inert) and not is_value(value.class_name):
                raise raw.source.forbidden(value.class_name)
        kept[module] = {key: value for key, value in own.items() if not isinstance(value, Inert)}
    return dataclasses.replace(raw, wrapper="nvidia", entries=entries, records=kept, notes=notes)


def _with_prefixes(raw: Raw, depth: int) -> Iterator[Raw]:
    """A network under its names, then under those that are left when a known prefix is taken off some of them."""
    if depth == 0 and any(_WRAPPED.search(name) for name in raw.entries):
        inner = {_WRAPPED.sub("", name): item for name, item in raw.entries.items()}
        if len(inner) == len(raw.entries):  # parts of it were wrapped, each by itself
            notes = (*raw.notes, "the names of wrappers around its parts are taken out")
            raw = dataclasses.replace(raw, entries=inner, notes=notes)
    yield raw
    if depth > _DEEPEST:
        return
    heads = [f"{head}." for head in dict.fromkeys(name.partition(".")[0] for name in raw.entries)][:_MOST]
    for prefix in dict.fromkeys((*(head for head in heads if _AVERAGE.search(head)), *PREFIXES, *heads)):
        inside = {name.removeprefix(prefix): item for name, item in raw.entries.items() if name.startswith(prefix)}
        if not inside:
            continue
        others = [name for name in raw.entries if not name.startswith(prefix)]
        averages = {name: raw.entries[name] for name in others if name in AVERAGE_CODES}
        note = f"its names begin with {prefix!r}, which is taken off"
        left = [name for name in others if name not in averages]
        if left:
            note += f"; others ({len(left)}: {listed(left, 2)}) are not the generator's and are ignored"
        notes = raw.notes if prefix == "module." and not left else (*raw.notes, note)
        extra = {**raw.extra, **averages}
        yield from _with_prefixes(dataclasses.replace(raw, entries=inside, extra=extra, notes=notes), depth + 1)


# --- TensorFlow ------------------------------------------------------------------------------------------------------


def tensorflow_networks(value: object) -> list[Record]:
    """The networks of a TensorFlow pickle: alone, or in a tuple or dictionary, where other things may stand between."""
    if isinstance(value, Mapping):
        return _of_tensorflow(list(value.values()))
    items = list(value) if isinstance(value, tuple | list) else [value]
    return _of_tensorflow(items) if len(items) <= 8 else []


def _of_tensorflow(items: Sequence[object]) -> list[Record]:
    return [item for item in items if isinstance(item, Record) and item.class_name in TF_CLASSES]


def is_tuple(value: object) -> bool:
    """Whether a file is a tuple as NVIDIA's programs write it: (G, D, Gs), or GH-Feat's (E, G, D, Gs)."""
    return isinstance(value, tuple | list) and len(value) in (3, 4) and len(tensorflow_networks(value)) == len(value)


def _tensorflow(path: Path, source: Source, networks: list[Record]) -> Raw:
    notes: tuple[str, ...] = ()
    chosen = networks[-1]  # (G, D, Gs) or (E, G, D, Gs): the moving average is last
    if len(networks) not in (3, 4):
        generators = [item for item in networks if str(item.state.get("build_func_name", "")).startswith("G")]
        averages = [item for item in generators if str(item.state.get("name", "")).startswith("Gs")]
        if not generators:
            raise GantkError(
                f"{path} holds {len(networks)} TensorFlow networks and none is a generator: "
                "give the file that has G or Gs in it"
            )
        chosen = (averages or generators)[-1]
        what = f"the network named {clipped(chosen.state.get('name', '?'))!r} is used"
        notes = (f"the file holds {len(networks)} network{'s' * (len(networks) != 1)} instead of (G, D, Gs); {what}",)
    return tensorflow_raw(path, source, chosen, notes)


def tensorflow_raw(path: Path, source: Source, network: Record, notes: tuple[str, ...] = ()) -> Raw:
    """One TensorFlow network as a `Raw`."""
    if network.class_name == "network.Network":
        raise GantkError(
            f"{path} is a pickle of the Theano version of progressive GAN, which gantk does not read; "
            "convert it with legacy.py of the TensorFlow version first"
        )
    entries, records = flatten_tensorflow(source, network)
    return Raw(path, source, "pickle", "tensorflow", entries, {}, records, notes)
