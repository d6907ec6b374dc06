"""Addresses in the place of files: https alone, fetched once, checked, kept whole, and never because a file says so."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from file_server import Served, start
from hypothesis import given
from hypothesis import strategies as st

import gantk
from gantk.checkpoints import addresses, download
from gantk.checkpoints.addresses import Address, file_at, is_address, parse_address, stem_of
from gantk.checkpoints.load import find_model
from gantk.checkpoints.names import locate
from gantk.checkpoints.tuned import TunedWeights, save_tuned
from gantk.cli.main import run as run_command
from gantk.codes.boundary_list import parse_boundary_list
from gantk.codes.kept_directions import load_direction
from gantk.errors import GantkError, UsageError
from gantk.generators.probe import probe_of
from gantk.slurm.settings import read_settings
from gantk.store.own_code import OwnCode
from gantk.store.shipped import home

HEX = "0123456789abcdef" * 4


# --- what an address is ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("http://example.org/net.pkl", "'http://example.org/net.pkl' is not fetched: gantk fetches https:// addresses"),
        ("ftp://example.org/net.pkl", "gantk fetches https:// addresses only"),
        ("file:///etc/passwd", "gantk fetches https:// addresses only"),
        ("https://", "is no address: write https://host/path/file"),
        ("https:///net.pkl", "is no address: write https://host/path/file"),
        ("https://example.org:99999/net.pkl", "is no address: Port out of range"),
        ("https://[::1/net.pkl", "is no address: Invalid IPv6 URL"),
        ("https://example.org/a b.pkl", "without blanks"),
        ("https://example.org/a\nb.pkl", "without blanks"),
        ("https://ex\u00e4mple.org/net.pkl", "in ASCII"),
        ("https://example.org/" + "a" * 3000, "is no address"),
        ("https://me:secret@example.org/net.pkl", "An address of example.org with a user's name in it is not fetched"),
        ("https://example.org/net.pkl#md5", "has 'md5' behind it: write #sha256=HEX (64 digits) or #key=value"),
        ("https://example.org/net.pkl#sha256=", "behind it: write #sha256=HEX"),
        ("https://example.org/net.pkl#sha256=abc", "sha256=abc behind"),
        (f"https://example.org/net.pkl#sha256={HEX}&sha256={HEX}", "write #sha256=HEX"),
    ],
)
def test_what_is_no_address_is_refused_in_one_sentence(text: str, said: str) -> None:
    assert is_address(text)
    with pytest.raises(UsageError) as refused:
        parse_address(text)
    assert said in str(refused.value)
    assert "secret" not in str(refused.value) and str(refused.value).count("\n") == 0
    assert len(str(refused.value)) < 320


def test_an_address_in_its_parts() -> None:
    found = parse_address(f"HTTPS://example.org/a/My%20Net.pkl?raw=1#sha256={HEX.upper()}&label_dim=4")
    assert found == Address("https://example.org/a/My%20Net.pkl?raw=1", HEX, {"label_dim": "4"})
    assert found.name == "My_Net.pkl"
    assert stem_of("https://example.org/a/ffhq.pkl?x=/../etc#sha256=" + HEX) == "ffhq"
    assert parse_address("https://example.org").name == "file"
    assert not is_address("C:\\nets\\a.pkl") and not is_address("hub:owner/name") and not is_address("C://net.pkl")


_PARTS = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=60)


@given(_PARTS, _PARTS)
def test_whatever_an_address_says_its_file_stays_in_the_cache(path: str, more: str) -> None:
    try:
        found = parse_address(f"https://example.org/{path}{more}")
    except UsageError as refused:
        assert str(refused).count("\n") == 0
        return
    assert found.path.parent == found.folder and found.folder.parent == home() / "addresses"
    assert found.path.resolve().is_relative_to(home().resolve())
    assert found.name and not found.name.startswith(".")  # nor the record's name
    assert "#" not in found.url and found.url.startswith("https://")
    assert parse_address(found.url) == Address(found.url, None, {})  # what is recorded means the same again


@given(_PARTS, _PARTS)
def test_other_addresses_lie_elsewhere(one: str, other: str) -> None:
    a, b = Address(f"https://example.org/{one}", None, {}), Address(f"https://example.org/{other}", None, {})
    assert (a.path == b.path) == (one == other)


# --- fetching --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of 127.0.0.1 with its key, signed by itself."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl was found, which makes the test's certificate")
    folder = tmp_path_factory.mktemp("tls")
    words = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=gantk-test -addext subjectAltName=IP:127.0.0.1"
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run([openssl, *words.split(), *files], check=True, capture_output=True)
    both = folder / "both.pem"
    both.write_text((folder / "cert.pem").read_text() + (folder / "key.pem").read_text())
    return both


@pytest.fixture
def served(certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """A server with https whose certificate this process trusts, and an empty home."""
    for variable in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    monkeypatch.setenv("GANTK_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(download, "PAUSE", 0.0)
    monkeypatch.setattr(download, "TIMEOUT", 5.0)
    made = Served()
    server = start(made, certificate)
    yield made
    server.shutdown()
    server.server_close()


def kept() -> list[str]:
    """What lies in the cache, the lock aside."""
    folder = home() / "addresses"
    return sorted(path.name for path in folder.rglob("*") if path.is_file() and path.name != ".lock")


def recorded(path: Path) -> Any:
    """A JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def test_fetched_once_and_said(served: Served, capsys: pytest.CaptureFixture[str]) -> None:
    digest = sha256(served.body).hexdigest()
    path = file_at(OwnCode(served.url))
    assert path.read_bytes() == served.body and kept() == [".address.json", "file.pkl"]
    said = capsys.readouterr()
    assert said.out == ""
    assert f"file.pkl: fetched from {served.url}, {len(served.body):,} bytes, sha256 {digest}" in said.err
    assert "nobody said what it should be" in said.err
    served.body = b"another file by now"
    assert file_at(f"{served.url}#sha256={digest}") == path  # in the cache: not even typed
    fetched = recorded(path.parent / ".address.json")["fetched"]
    assert f"file.pkl: from the cache, fetched {fetched}, sha256 {digest}" in capsys.readouterr().err
    assert len(served.asked) == 1


def test_what_was_not_typed_is_not_fetched(served: Served) -> None:
    for reading in (file_at, gantk.load_generator, load_direction, find_model):
        with pytest.raises(UsageError, match=r"was never fetched here, and gantk fetches no address that a file names"):
            reading(served.url)
    with pytest.raises(UsageError, match=r"line 1: 'https://.*' is an address, and gantk fetches none that a file"):
        parse_boundary_list(f"(age, w): {served.url}\n")
    jobs = {"slurm": {"model": served.url, "output-dir": "out"}}
    with pytest.raises(UsageError, match=r"\[slurm\] of jobs.toml has the address 'https://.*' as model"):
        read_settings("synthesize", jobs, "jobs.toml")
    assert served.asked == [] and kept() == []


def test_a_wrong_sha256_leaves_nothing(served: Served) -> None:
    with pytest.raises(GantkError, match=r"is not the file that the address named: .*nothing of it was kept"):
        file_at(f"{served.url}#sha256={HEX}", fetch=True)
    assert kept() == []
    file_at(served.url, fetch=True)
    with pytest.raises(GantkError, match=rf"is not the file that was asked for: .*should be {HEX}; remove the folder"):
        file_at(f"{served.url}#sha256={HEX}", fetch=True)


def test_a_changed_file_in_the_cache_is_not_used(served: Served) -> None:
    path = file_at(served.url, fetch=True)
    path.write_bytes(served.body[:-3] + b"END")
    with pytest.raises(GantkError, match="was changed since it was fetched .*: remove the folder"):
        file_at(served.url, fetch=True)
    assert len(served.asked) == 1


def test_a_part_is_never_taken_for_the_whole(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    served.cuts = [100_000]
    monkeypatch.setattr(download, "TRIES", 1)
    with pytest.raises(GantkError, match="Not all was fetched: the connection .*; the same command continues, or"):
        file_at(served.url, fetch=True)
    assert kept() == ["file.pkl.part", "file.pkl.part.json"]
    assert file_at(served.url, fetch=True).read_bytes() == served.body
    assert served.parts == [None, "bytes=100000-"]
    assert kept() == [".address.json", "file.pkl"]


def test_a_file_without_its_record_is_fetched_again(served: Served) -> None:
    path = file_at(served.url, fetch=True)
    (path.parent / ".address.json").unlink()  # killed in between
    file_at(served.url, fetch=True)
    assert len(served.asked) == 2


@pytest.mark.parametrize("place", ["http://127.0.0.1:1/file.pkl", "file:///etc/passwd", "ftp://127.0.0.1/file.pkl"])
def test_redirects_lead_to_https_only(served: Served, place: str) -> None:
    served.moves = {"/file.pkl": place}
    with pytest.raises(GantkError, match="leads"):
        file_at(served.url, fetch=True)
    assert kept() == []
    served.moves = {"/file.pkl": "/moved.pkl"}
    assert file_at(served.url, fetch=True).name == "file.pkl"  # the name is the address's, not the server's


def test_too_large_is_not_kept(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "LARGEST", 1000)
    with pytest.raises(GantkError, match=r"announces 256,003 bytes for file.pkl, more than the 1,000 that are fetched"):
        file_at(served.url, fetch=True)
    served.chunked = "endless"  # nothing is announced
    with pytest.raises(GantkError, match="sends more than the 1,000 bytes"):
        file_at(served.url, fetch=True)
    assert kept() == []


def test_offline_is_one_sentence(
    served: Served, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["models", "info", "https://127.0.0.1:1/net.pkl"]) == 1
    said = capsys.readouterr().err.strip()
    assert (
        said.startswith("Error: Nothing was fetched: 127.0.0.1 cannot be reached for net.pkl (")
        and said.count("\n") == 0
    )
    assert said.endswith("run the same command again, or download it elsewhere and give its path.")
    monkeypatch.delenv("SSL_CERT_FILE")  # nobody vouches for the server
    with pytest.raises(GantkError, match="cannot be reached for file.pkl .*certificate"):
        file_at(served.url, fetch=True)
    assert kept() == []


# --- where names are given -------------------------------------------------------------------------------------------


def demo_bytes() -> bytes:
    found = locate("demo")
    assert isinstance(found, Path)
    return found.read_bytes()


def test_a_model_by_address(served: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    served.body = demo_bytes()
    digest = sha256(served.body).hexdigest()
    url = served.url.replace("file.pkl", "net.safetensors")
    generator = gantk.load_generator(f"{url}#sha256={digest}", fetch=True)
    assert generator.spec.z_dim == gantk.load_generator("demo").spec.z_dim
    with pytest.raises(UsageError, match="The fact label_dim=4 contradicts the file"):
        gantk.load_generator(f"{url}#label_dim=4")
    with pytest.raises(UsageError, match="'labels' is no fact that can be set"):
        gantk.load_generator(f"{url}#labels=4")

    # a settings file names no address that was not fetched, and may name one that was
    settings = tmp_path / "settings.toml"
    settings.write_text(f'[models.verify]\nmodel = "{served.url}"\n')
    assert run_command(["models", "verify", "--config", str(settings)]) != 0
    assert len(served.asked) == 1
    settings.write_text(f'[models.verify]\nmodel = "{url}"\n')
    capsys.readouterr()
    run_command(["models", "verify", url])
    assert "from the cache, fetched" in capsys.readouterr().err
    assert len(served.asked) == 1


def test_tuned_weights_and_facts_beside_an_address(served: Served, tmp_path: Path) -> None:
    """Behind ? or #, in any order; what is typed stays typed, so that the address may be fetched."""
    served.body = demo_bytes()
    file, url = tmp_path / "of one photo.safetensors", served.url.replace("file.pkl", "net.safetensors?raw=1")
    plain = gantk.load_generator("demo")
    name, weight = next(iter(plain.named_parameters()))
    save_tuned(file, TunedWeights.of({name: torch.ones_like(weight)}, probe_of(plain), {}))
    digest = sha256(served.body).hexdigest()
    for words in (
        f"{url}&tuned={file}#sha256={digest}",
        f"{url}#sha256={digest}?tuned={file}",
        f"{url}#tuned={file}&sha256={digest}&label_dim=0",
        f"{url}&label_dim=0&tuned={file}",
    ):
        generator = gantk.load_generator(OwnCode(words))
        assert torch.allclose(generator.get_parameter(name), weight + 1) and len(served.asked) == 1, words
    with pytest.raises(UsageError, match="The tuned weights are named twice"):
        gantk.load_generator(OwnCode(f"{url}&tuned={file}"), tuned="other.safetensors")
    with pytest.raises(UsageError, match="tuned=x changes a loaded network"):
        find_model(OwnCode(f"{url}&tuned=x"))
    with pytest.raises(UsageError, match=r"demo\?tuned= names no file of tuned weights"):
        gantk.load_generator("demo?tuned=")
    assert gantk.load_generator(f"demo?tuned={file}&label_dim=0").tuned_from is not None
    with pytest.raises(UsageError, match="The fact label_dim=4 contradicts the file"):
        gantk.load_generator(f"demo?label_dim=4&tuned={file}")


def test_directions_by_address_and_what_reads_the_run(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The run records the address; its page is rebuilt and its shards are merged without fetching anything."""
    moved = np.linspace(-1, 1, gantk.load_generator("demo").spec.w_dim, dtype=np.float32)[None]
    file = tmp_path / "smile.npy"
    np.save(file, moved)
    served.body = file.read_bytes()
    monkeypatch.chdir(tmp_path)
    url = served.url.replace("file.pkl", "smile.npy")
    words = ["manipulate", "demo", url, "-N", "2", "--step", "2", "-o", "out"]
    assert run_command(words) == 0, capsys.readouterr().err
    assert "smile.npy: fetched from https://" in capsys.readouterr().err
    assert len(served.asked) == 1
    manifest = recorded(tmp_path / "out" / "manipulate.run.json")
    assert manifest["arguments"]["directions"] == [url]
    served.status = 404
    shutil.rmtree(home() / "addresses")
    assert run_command(["report", "out"]) == 0
    shutil.rmtree(tmp_path / "out")
    served.status = 200
    for shard in ("0/2", "1/2"):
        assert run_command([*words, "--shard", shard]) == 0, capsys.readouterr().err
    asked = len(served.asked)
    shutil.rmtree(home() / "addresses")
    assert run_command(["merge", "out"]) == 0, capsys.readouterr().err
    assert len(served.asked) == asked


def test_a_line_of_the_web_application_vouches_for_its_address(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It runs where the file was never fetched, as the person who typed it may."""
    pytest.importorskip("starlette", reason="starlette is not installed (pip install 'gantk[web]')")
    import torch
    from web_server import serve

    from gantk.checkpoints.checkpoint import Checkpoint
    from gantk.checkpoints.native import write_checkpoint
    from gantk.generators.registry import build

    torch.manual_seed(0)
    generator = build("stylegan2", {"resolution": 16, "channels": [8, 8, 8], "z_dim": 6, "w_dim": 8,
                                    "mapping_layers": 1, "mapping_width": 8})  # fmt: skip
    path = tmp_path / "net.safetensors"
    write_checkpoint(path, Checkpoint("stylegan2", generator.config.to_dict(), generator.state_dict(), "random"))
    served.body = path.read_bytes()
    address = f"{served.url.rpartition('/')[0]}/net.safetensors#sha256={sha256(served.body).hexdigest()}"
    with serve(tmp_path / "web", lambda workshop: workshop.add(OwnCode(address))) as running:
        project = running.project(model="net")
        done = running.job(project, "superpixels", {"base": {}, "side": 16})
        text = running.ask("GET", f"jobs/{done['id']}/command").json["text"]
        picture = running.ask("GET", f"projects/{project}/command").json["python"]
    assert "fetch=True" in text and "code=True" not in text
    asked = len(served.asked)
    for line in (text, picture):
        monkeypatch.setenv("GANTK_HOME", str(tmp_path / f"elsewhere-{len(served.asked)}"))
        names: dict[str, Any] = {}
        exec(line, names)
        assert len(served.asked) > asked
        asked = len(served.asked)
        if "found" in names:
            assert names["found"].result == done["result"]
