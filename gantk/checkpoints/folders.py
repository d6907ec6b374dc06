"""Folders with a network in them, and networks that are split over several files.

A folder may be a Hugging Face model, the weights of BigGAN-PyTorch, or any folder with one checkpoint in it. Of a split
network, the folder, the index (`*.index.json`) and each part (`*-00001-of-00003.safetensors`) stand for all parts.
"""

from __future__ import annotations

import re
from pathlib import Path

from gantk.checkpoints.pickle_machine import clipped
from gantk.errors import GantkError
from gantk.store.bounded import parse_json
from gantk.store.inside import is_listed, regular_file

HUGGING_FACE = ("pytorch_model.bin", "model.safetensors")
WEIGHTS = (*HUGGING_FACE, "diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.bin", "G_ema.pth")
"""What programs call the weights in a folder, those that are taken first in front."""
SUFFIXES = (".pkl", ".pt", ".pth", ".safetensors", ".bin", ".ckpt", ".npz")
_INDEX = ".index.json"
_LONGEST_INDEX = 16 << 20
_PART = re.compile(r"(.+-)([0-9]{5})-of-([0-9]{5})(\.[a-z]+)")
_MOST_PARTS = 1_000


def weights_in(folder: Path) -> Path:
    """The file of a folder that holds its network.

    Raises:
        GantkError: there is none, or several of which none is known by its name.
    """
    for name in WEIGHTS:
        if (folder / name).is_file():
            return folder / name
    listed = sorted(item for item in folder.iterdir() if is_listed(item.name) and item.is_file())
    indices = [item for item in listed if item.name.endswith(_INDEX)]
    found = [item for item in listed if item.suffix.lower() in SUFFIXES]
    wholes = indices or sorted({item.with_name(_first_part(item.name)) for item in found})
    unpacked = next((item for item in (folder, *folder.iterdir()) if (item / "data.pkl").is_file()), None)
    if unpacked is not None and (unpacked / "data").is_dir():
        raise GantkError(
            f"{folder} is an unpacked file of torch.save: pack it again without compression (zip -0 -r network.pt "
            f"{clipped(unpacked.name)}, beside that folder), and name that file"
        )
    if len(wholes) == 1:
        return wholes[0]
    if wholes:
        names = ", ".join(clipped(item.name) for item in wholes[:6]) + (", ..." if len(wholes) > 6 else "")
        raise GantkError(f"{folder} is a folder of {len(wholes)} checkpoints: name one of {names}")
    from gantk.checkpoints.names import is_known

    hint = f" (the network that comes with gantk is {folder.name!r} without a path)" if is_known(folder.name) else ""
    raise GantkError(
        f"{folder} is a folder without a checkpoint (pytorch_model.bin, model.safetensors, {', '.join(SUFFIXES)})"
        f"{hint}: name a checkpoint file or a folder with one"
    )


def has_weights(folder: Path) -> bool:
    """Whether a folder holds files of networks."""
    return any(item.suffix.lower() in SUFFIXES and item.is_file() for item in folder.iterdir())


def _first_part(name: str) -> str:
    return _PART.sub(r"\g<1>00001-of-\3\4", name)


def parts_of(path: Path) -> list[Path]:
    """All files that a network is split over, where a path is one of them or their index; else nothing.

    Raises:
        GantkError: the index names no files beside it, or a part is missing.
    """
    if path.name.endswith(_INDEX):
        names = _indexed(path)
    elif match := _PART.fullmatch(path.name):
        count = int(match[3])
        if not 1 <= count <= _MOST_PARTS:
            return []
        names = [f"{match[1]}{number:05d}-of-{match[3]}{match[4]}" for number in range(1, count + 1)]
    else:
        return []
    parts = [path.with_name(name) for name in names]
    missing = [part.name for part in parts if not part.is_file()]
    if missing:
        raise GantkError(
            f"{path} is of a network in {len(parts)} files, of which {clipped(missing[0])} is not there: put all of "
            "them into one folder"
        )
    return parts


def _indexed(path: Path) -> list[str]:
    try:
        with open(regular_file(path), "rb") as file:
            table = parse_json(file.read(_LONGEST_INDEX))["weight_map"]
        names = list(dict.fromkeys(map(str, table.values())))
    except (OSError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise GantkError(f"{path} is no index of the files of a network ({clipped(error)})") from error
    outside = [name for name in names if Path(name).name != name or name in (".", "..")]
    if outside or not 1 <= len(names) <= _MOST_PARTS:
        what = f"names {clipped(outside[0])}, which does not lie beside it" if outside else f"names {len(names)} files"
        raise GantkError(f"{path} {what}: it is no index of the files of a network")
    return names
