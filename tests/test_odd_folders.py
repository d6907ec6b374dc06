"""Folders with a network in them, and networks that are split over several files."""

import json
import shutil
import zipfile

import biggan_files
import foreign_files as foreign
import pytest
import torch
from safetensors.torch import save
from test_odd_checkpoints import image, rosinality

from gantk.checkpoints.load import build_generator, load_generator
from gantk.checkpoints.reading import read_checkpoint
from gantk.errors import GantkError

SQUARE = {"z_dim": 8, "w_dim": 8, "mapping_width": 8}


def folder(tmp_path, **files):
    made = tmp_path / "folder"
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir()
    for name, data in files.items():
        data = data if isinstance(data, bytes) else foreign.torch_file(data)
        (made / name).write_bytes(data)
    return made


def expected():
    return image(build_generator(foreign.small_checkpoint(**SQUARE)))


def split(form):
    """The files of a network in two parts, with their index, by name."""
    state = {name: tensor.contiguous() for name, tensor in rosinality()["g_ema"].items()}
    middle = len(state) // 2
    halves = [dict(list(state.items())[:middle]), dict(list(state.items())[middle:])]
    stem, suffix = {"safetensors": ("model", "safetensors"), "bin": ("pytorch_model", "bin")}[form]
    names = [f"{stem}-{number:05d}-of-00002.{suffix}" for number in (1, 2)]
    files = {name: save(half) if form == "safetensors" else half for name, half in zip(names, halves, strict=True)}
    table = {key: name for name, half in zip(names, halves, strict=True) for key in half}
    return {**files, f"{stem}.{suffix}.index.json": json.dumps({"metadata": {}, "weight_map": table}).encode()}


@pytest.mark.parametrize("form", ["safetensors", "bin"])
def test_a_network_in_several_files(form, tmp_path):
    """The folder, the index and every part stand for all of it, the parts without an index too."""
    files = split(form)
    made = folder(tmp_path, **files)
    for path in (made, *(made / name for name in files)):
        assert torch.allclose(image(load_generator(path)), expected(), atol=1e-5)
    (made / next(name for name in files if name.endswith(".json"))).unlink()
    assert torch.allclose(image(load_generator(made)), expected(), atol=1e-5)


def test_parts_that_are_not_there_or_elsewhere(tmp_path):
    files = split("safetensors")
    made = folder(tmp_path, **files)
    (made / "model-00002-of-00002.safetensors").unlink()
    for path in (made, made / "model-00001-of-00002.safetensors", made / "model.safetensors.index.json"):
        with pytest.raises(GantkError, match="in 2 files, of which model-00002-of-00002.safetensors is not there"):
            load_generator(path)
    index = made / "model.safetensors.index.json"
    for table, said in (
        ({"a": "../model.safetensors"}, "names ../model.safetensors, which does not lie beside it"),
        ({}, "names 0 files"),
        ([1], "is no index"),
    ):
        index.write_text(json.dumps({"weight_map": table}))
        with pytest.raises(GantkError, match=said):
            load_generator(index)
    shutil.copy(made / "model-00001-of-00002.safetensors", made / "model-00002-of-00002.safetensors")
    with pytest.raises(GantkError, match="each with tensors of its own"):
        load_generator(made / "model-00001-of-00002.safetensors")


@pytest.mark.parametrize(
    "name", ["diffusion_pytorch_model.safetensors", "network-snapshot-000100.pt", "checkpoint.safetensors"]
)
def test_a_folder_with_one_checkpoint(name, tmp_path):
    state = {key: tensor.contiguous() for key, tensor in rosinality()["g_ema"].items()}
    made = folder(tmp_path, **{name: save(state) if name.endswith("tensors") else state, "log.txt": b"", ".x.pt": b"."})
    assert torch.allclose(image(load_generator(made)), expected(), atol=1e-5)
    assert read_checkpoint(made).notes[0] == f"of the folder, {name} is read"


def test_a_folder_with_several_checkpoints_asks(tmp_path):
    made = folder(tmp_path, **{"a-1.pkl": b".", "a-2.pkl": b"."})
    with pytest.raises(GantkError, match="a folder of 2 checkpoints: name one of a-1.pkl, a-2.pkl"):
        load_generator(made)
    with pytest.raises(GantkError, match="is a folder without a checkpoint"):
        load_generator(folder(tmp_path, **{"a.txt": b"."}))


def test_the_weights_of_bigganpytorch(tmp_path):
    """Each network, its optimiser and the state of training lie in files of their own; the average is read."""
    state = biggan_files.author_file()
    other = {name: tensor + 1 for name, tensor in state.items()}
    made = folder(tmp_path, **{"G.pth": other, "G_ema.pth": state, "D.pth": other, "state_dict.pth": {"itr": 3}})
    read, alone = read_checkpoint(made), read_checkpoint(made / "G_ema.pth")
    assert read.notes == ("of the folder, G_ema.pth is read", *alone.notes)
    assert all(torch.equal(read.state[name], tensor) for name, tensor in alone.state.items())


def test_hugging_faces_settings_under_their_published_name(tmp_path):
    config = json.dumps(biggan_files.CONFIG).encode()
    made = folder(
        tmp_path,
        **{
            "biggan-deep-128-pytorch_model.bin": biggan_files.huggingface_file(),
            "biggan-deep-128-config.json": config,
        },
    )
    assert read_checkpoint(made).config["epsilon"] == biggan_files.CONFIG["eps"]
    with pytest.raises(GantkError, match=r"config\.json, which lies beside the weights, is no table of settings"):
        read_checkpoint(
            folder(tmp_path, **{"pytorch_model.bin": biggan_files.huggingface_file(), "config.json": b"[1]"})
        )


def test_an_unpacked_file_of_torch_save_says_how_to_pack_it(tmp_path):
    data = tmp_path / "net.pt"
    torch.save(rosinality(), data)
    with zipfile.ZipFile(data) as archive:
        archive.extractall(tmp_path / "net")
        with zipfile.ZipFile(tmp_path / "again.pt", "w", zipfile.ZIP_DEFLATED) as packed:
            for name in archive.namelist():
                packed.writestr(name, archive.read(name))
    with pytest.raises(GantkError, match=r"unpacked file of torch.save: pack it again .*zip -0 -r network.pt net"):
        load_generator(tmp_path / "net")
    with pytest.raises(GantkError, match="as data.pkl of an unpacked file of torch.save does"):
        load_generator(next((tmp_path / "net").rglob("data.pkl")))
    with pytest.raises(GantkError, match="pack it without compression"):
        load_generator(tmp_path / "again.pt")
