"""Downloads from a server of our own: cut, truncated, wrong, gone, redirected, confirmed; the ledger; the Hub."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.error import URLError

import pytest
from file_server import BODY, Served, start

from gantk.checkpoints import download, drive, hub, names, pull
from gantk.checkpoints.download import Cut, Expected, LinkError
from gantk.errors import GantkError, UsageError
from gantk.generators.zoo import Entry, PublicFile
from gantk.store.files import load_json
from gantk.store.shipped import home

DIGEST = sha256(BODY).hexdigest()
CONFIRMATION = """<!DOCTYPE html><html><head><title>Google Drive - Virus scan warning</title></head><body>
<form id="download-form" action="{action}" method="get"><input type="submit" value="Download anyway"/>
<input type="hidden" name="id" value="abc"><input type="hidden" name="confirm" value="t&amp;u"></form></body></html>"""


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    for variable in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(download, "PAUSE", 0.0)
    monkeypatch.setattr(download, "TIMEOUT", 5.0)
    made = Served()
    server = start(made)
    yield made
    server.shutdown()
    server.server_close()


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "file.pkl"


@pytest.fixture
def zoo(served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Entry]:
    """Put one entry into an otherwise empty zoo, and an empty home under it."""
    monkeypatch.setenv("GANTK_HOME", str(tmp_path / "home"))

    def add(name: str = "net", kind: str = "generator", urls: tuple[str, ...] = (), **known: Any) -> Entry:
        file = PublicFile(f"{name}.pkl", urls or (served.url,), **known)
        entry = Entry(name, "A set", kind, "stylegan", 64, "https://example.org/page", None, "models", (file,))
        for module in (pull, names):
            monkeypatch.setattr(module, "entries", lambda: {name: entry})
        return entry

    return add


def left(target: Path) -> list[str]:
    return sorted(path.name for path in target.parent.iterdir())


def begin(served: Served, target: Path, size: int = 100_000) -> None:
    """Leave the first part of a download that was killed."""
    served.cuts = [size]
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Cut):
        patch.setattr(download, "TRIES", 1)
        download.download(served.url, target)
    assert left(target) == ["file.pkl.part", "file.pkl.part.json"]
    assert download.part_of(target).stat().st_size == size
    served.cuts, served.asked = [], []


# --- one file --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("chunked", ["", "whole"])
def test_a_file_comes_whole(served: Served, target: Path, chunked: str) -> None:
    served.chunked = chunked
    assert download.download(served.url, target, Expected(len(BODY), DIGEST)) == DIGEST
    assert target.read_bytes() == BODY and left(target) == ["file.pkl"]
    assert served.parts == [None] and served.asked[0]["accept-encoding"] == "identity"


def test_a_cut_connection_is_taken_up_at_once(served: Served, target: Path) -> None:
    served.cuts = [100_000, 50_000]
    assert download.download(served.url, target) == DIGEST
    assert served.parts == [None, "bytes=100000-", "bytes=150000-"]
    assert target.read_bytes() == BODY and left(target) == ["file.pkl"]


def test_a_cut_without_a_length_is_seen(served: Served, target: Path) -> None:
    served.chunked, served.cuts = "cut", [1000]
    assert download.download(served.url, target) == DIGEST and target.read_bytes() == BODY
    assert served.parts == [None, "bytes=1000-", "bytes=256003-"]  # the last answer says that this was all


@pytest.mark.parametrize("headers", [{"ETag": '"1"'}, {"Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT"}])
def test_a_later_call_continues(served: Served, target: Path, headers: dict[str, str]) -> None:
    served.headers = headers
    begin(served, target)
    assert download.download(served.url, target, Expected(None, DIGEST)) == DIGEST
    assert served.parts == ["bytes=100000-"]
    assert served.asked[0]["if-range"] == next(iter(headers.values()))


def test_a_server_that_always_cuts_ends_in_a_sentence(served: Served, target: Path) -> None:
    served.cuts = [1000] * 100
    with pytest.raises(Cut, match="127.0.0.1 ended after 5,000 of 256,003 bytes of net"):
        download.download(served.url, target, name="net")
    assert len(served.asked) == download.TRIES and left(target) == ["file.pkl.part", "file.pkl.part.json"]


def test_a_server_without_ranges_starts_over(served: Served, target: Path) -> None:
    begin(served, target)
    served.ranges = False
    assert download.download(served.url, target) == DIGEST and target.read_bytes() == BODY


def test_another_version_starts_over(served: Served, target: Path) -> None:
    begin(served, target)
    served.body, served.headers = b"new" * 50_000, {"ETag": '"2"'}
    download.download(served.url, target)
    assert target.read_bytes() == served.body


@pytest.mark.parametrize("headers", [{}, {"ETag": 'W/"1"'}], ids=["none", "weak"])
def test_without_a_mark_of_the_version_nothing_is_continued(
    served: Served, target: Path, headers: dict[str, str]
) -> None:
    served.headers = headers
    begin(served, target)
    assert download.download(served.url, target) == DIGEST
    assert served.parts == [None]


@pytest.mark.parametrize("span", ["bytes 5-9/256003", "nonsense", "bytes 99999-256002/256003"])
def test_a_part_from_elsewhere_is_not_appended(served: Served, target: Path, span: str) -> None:
    begin(served, target)
    served.span = span
    assert download.download(served.url, target) == DIGEST and target.read_bytes() == BODY
    assert served.parts == ["bytes=100000-", None]


def test_a_part_that_is_complete_is_taken(served: Served, target: Path) -> None:
    begin(served, target)
    download.part_of(target).write_bytes(BODY)
    assert download.download(served.url, target) == DIGEST and left(target) == ["file.pkl"]


def test_a_part_that_is_too_long_starts_over(served: Served, target: Path) -> None:
    begin(served, target)
    download.part_of(target).write_bytes(BODY + b"more")
    assert download.download(served.url, target) == DIGEST and target.read_bytes() == BODY


@pytest.mark.parametrize("state", ["{", "[]", '{"url": "http://other", "version": "\\"1\\""}', '{"version": "a\\nb"}'])
def test_a_part_of_unknown_origin_is_not_continued(served: Served, target: Path, state: str) -> None:
    begin(served, target)
    target.with_name("file.pkl.part.json").write_text(state)
    assert download.download(served.url, target) == DIGEST
    assert served.parts == [None]


def test_the_wrong_file_is_refused(served: Served, target: Path) -> None:
    target.write_bytes(b"the one before")
    with pytest.raises(GantkError, match=f"sha256 is {DIGEST} and should be 0000"):
        download.download(served.url, target, Expected(None, "0" * 64))
    with pytest.raises(GantkError, match="should begin with abcd"):
        download.download(served.url, target, Expected(None, "abcd"))
    with pytest.raises(GantkError, match="has 256,003 bytes and should have 100"):
        download.download(served.url, target, Expected(100))
    assert left(target) == ["file.pkl"] and target.read_bytes() == b"the one before"
    assert download.download(served.url, target, Expected(None, DIGEST[:8])) == DIGEST


def test_a_truncated_file_is_refused(served: Served, target: Path) -> None:
    served.body = BODY[:-10]
    with pytest.raises(GantkError, match="256,003"):
        download.download(served.url, target, Expected(len(BODY), DIGEST))
    assert left(target) == []
    served.chunked = "whole"  # no length is announced: it looks like a cut
    for expected in (Expected(len(BODY)), Expected(None, DIGEST)):
        with pytest.raises(GantkError, match="not the file that its authors named"):
            download.download(served.url, target, expected)
        assert left(target) == []


def test_an_endless_answer_ends(served: Served, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    served.chunked = "endless"
    monkeypatch.setattr(download, "LARGEST", 2_000_000)
    with pytest.raises(GantkError, match="more than the 2,000,000 bytes"):
        download.download(served.url, target)
    assert left(target) == []


def test_no_room_is_said_before(served: Served, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 1000}))
    with pytest.raises(GantkError, match="needs 256,003 more bytes and the disk .* has 1,000: make room"):
        download.download(served.url, target)
    assert left(target) == []


@pytest.mark.parametrize(
    ("status", "words"),
    [(404, "not there any more"), (403, "refuses access"), (410, "gone"), (500, "fails"), (204, "answers 204")],
)
def test_a_dead_address(served: Served, target: Path, status: int, words: str) -> None:
    served.status = status
    with pytest.raises(LinkError, match=words):
        download.download(served.url, target)
    assert left(target) == []


def test_an_empty_or_compressed_answer_is_no_file(served: Served, target: Path) -> None:
    served.headers = {"Content-Encoding": "gzip"}
    with pytest.raises(LinkError, match="compressed"):
        download.download(served.url, target)
    served.headers, served.body = {}, b""
    with pytest.raises(LinkError, match="an empty file"):
        download.download(served.url, target)
    assert left(target) == []


def test_a_server_that_falls_silent(served: Served, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "TIMEOUT", 0.2)
    monkeypatch.setattr(download, "TRIES", 1)
    served.wait = threading.Event()
    with pytest.raises(Cut, match="no answer within 0.2 s"):
        download.download(served.url, target)
    served.wait.set()


def test_no_server_and_no_name(target: Path, served: Served) -> None:
    with pytest.raises(LinkError, match="127.0.0.1 cannot be reached for net"):
        download.download("http://127.0.0.1:1/x", target, name="net")

    class NoNames:
        def open(self, *_: Any, **__: Any) -> None:
            raise URLError(OSError(-2, "Name or service not known"))

    with pytest.raises(LinkError, match=r"gone.invalid cannot be reached for net \(Name or service not known\)"):
        download._open(NoNames(), "http://gone.invalid/x", {}, "http://gone.invalid/x", "net")  # type: ignore[arg-type]


# --- redirects and pages ---------------------------------------------------------------------------------------------


def test_redirects_are_followed_and_names_are_ours(served: Served, target: Path) -> None:
    served.moves = {"/file.pkl": "/elsewhere/../../etc/passwd"}
    served.headers["Content-Disposition"] = 'attachment; filename="../../evil.pkl"'
    begin(served, target)
    assert download.download(served.url, target) == DIGEST
    assert left(target) == ["file.pkl"]
    assert served.parts == ["bytes=100000-"] * 2  # the question goes with the redirect


@pytest.mark.parametrize("place", ["file:///etc/hostname", "ftp://127.0.0.1/x", "data:,x", "mailto:x", "gopher://x"])
def test_redirects_to_anything_else_are_refused(served: Served, target: Path, place: str) -> None:
    served.moves = {"/file.pkl": place}
    with pytest.raises(LinkError, match="only http and https are followed"):
        download.download(served.url, target)
    assert left(target) == []


def test_redirects_in_a_circle_end(served: Served, target: Path) -> None:
    served.moves = {"/file.pkl": "/file.pkl"}
    with pytest.raises(LinkError, match="302"):
        download.download(served.url, target)


@pytest.mark.parametrize("url", ["file:///etc/hostname", "ftp://x/y", "/etc/hostname", "", "http://", "http://[x/"])
def test_only_web_addresses_are_taken(target: Path, url: str) -> None:
    with pytest.raises(UsageError, match="must begin with http:// or https://"):
        download.download(url, target)


def test_a_step_down_from_https_is_refused() -> None:
    with pytest.raises(LinkError, match="from https to 'http://b/x'"):
        download._check_address("http://b/x", "https://a/x")
    download._check_address("https://b/x", "http://a/x")


@pytest.mark.parametrize("action", ["/download?export=download", "/download"])
def test_drives_confirmation_is_answered(
    served: Served, target: Path, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    monkeypatch.setattr(drive, "HOSTS", {"127.0.0.1"})
    served.pages = {"/file.pkl": CONFIRMATION.format(action=action)}
    served.cuts = [len(CONFIRMATION), 1000]  # the page itself is whole, the file is cut
    assert download.download(served.url, target) == DIGEST
    assert served.paths[0] == "/file.pkl" and "id=abc&confirm=t%26u" in served.paths[1]
    assert served.parts == [None, None, "bytes=1000-", "bytes=1000-"] and left(target) == ["file.pkl"]


def test_drives_older_link_is_followed() -> None:
    page = b'<html><a id="uc-download-link" href="/uc?export=download&amp;confirm=Xy_1&amp;id=abc">Download</a></html>'
    found = drive.confirmed_address(page, "https://drive.google.com/uc?id=abc")
    assert found == "https://drive.google.com/uc?export=download&confirm=Xy_1&id=abc"


@pytest.mark.parametrize("action", ["http://evil.example/x", "file:///etc/hostname", "//evil.example/x", "http://[x"])
def test_a_form_that_leads_elsewhere_is_refused(
    served: Served, target: Path, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    monkeypatch.setattr(drive, "HOSTS", {"127.0.0.1"})
    served.pages = {"/file.pkl": CONFIRMATION.format(action=action)}
    with pytest.raises(LinkError, match="a web page .'Google Drive - Virus scan warning'. instead of net"):
        download.download(served.url, target, name="net")
    assert left(target) == [] and len(served.asked) == 1


def test_other_pages_are_refused(served: Served, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    served.pages = {"/file.pkl": CONFIRMATION.format(action="/download")}
    with pytest.raises(LinkError, match="a web page"):  # a form like Drive's, on a host that is not Drive's
        download.download(served.url, target)
    served.pages = {}
    served.body = b"\n <!DOCTYPE html><title>Sign in\x1b[31m</title>" + b" " * 2000  # says it were a file
    with pytest.raises(LinkError, match=r"a web page \('Sign in\[31m'\)"):
        download.download(served.url, target)
    monkeypatch.setattr(drive, "HOSTS", {"127.0.0.1"})
    served.pages = {path: CONFIRMATION.format(action="/again") for path in ("/file.pkl", "/again?id=abc&confirm=t%26u")}
    with pytest.raises(LinkError, match="a web page"):  # one confirmation is enough
        download.download(served.url, target)
    assert left(target) == []


# --- by name ---------------------------------------------------------------------------------------------------------


def test_the_first_hash_is_recorded_and_later_ones_compared(
    served: Served, zoo: Callable[..., Entry], gantk_command: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    zoo()
    path = home() / "models" / "net.pkl"
    code, out, err = gantk_command("models", "pull", "net")
    assert code == 0 and f"net: {path}, 256,003 bytes, sha256 {DIGEST}" in out
    assert err == "warning: no sha256 is published for net.pkl; this one was recorded for later pulls\n"
    assert load_json(home() / "pulled.json")["models/net.pkl"]["sha256"] == DIGEST
    assert left(path) == ["net.pkl"] and pull.locate("net") == names.locate("net") == path

    assert gantk_command("models", "pull", "net")[1:] == (
        f"net: {path}, already there, 256,003 bytes, sha256 {DIGEST}\n",
        "",
    )
    assert len(served.asked) == 1
    served.body, served.headers = BODY[::-1], {}
    code, out, err = gantk_command("models", "pull", "net", "-o", tmp_path / "other")
    assert (code, out) == (1, "") and "is not the file that an earlier pull named" in err
    assert not any((tmp_path / "other").iterdir())
    path.write_bytes(b"damaged")
    for words in (("models", "pull", "net"), ("models", "verify", "net")):
        code, _, err = gantk_command(*words)
        assert code == 1 and "--force" in err and str(path) in err
    assert gantk_command("models", "pull", "net", "--force")[0] == 0
    assert path.read_bytes() == BODY[::-1]
    assert load_json(home() / "pulled.json")["models/net.pkl"]["sha256"] == sha256(BODY[::-1]).hexdigest()


def test_a_known_hash_is_not_overruled(served: Served, zoo: Callable[..., Entry]) -> None:
    zoo(sha256=DIGEST, size=len(BODY))
    (file,) = pull.pull("net")
    assert file.fresh and not file.recorded
    served.body = BODY[::-1]
    with pytest.raises(GantkError, match="not the file that its authors named"):
        pull.pull("net", force=True)
    assert file.path.read_bytes() == BODY


def test_a_file_placed_by_hand_is_taken(zoo: Callable[..., Entry], served: Served) -> None:
    zoo()
    served.status = 404
    path = home() / "models" / "net.pkl"
    with pytest.raises(GantkError, match=f"404.*Look for it on https://example.org/page, save it as {path}, and run"):
        pull.pull("net")
    with pytest.raises(GantkError, match=f"`gantk models pull net`, or fetch it .* save it as {path}"):
        pull.locate("net")
    path.write_bytes(BODY)
    (file,) = pull.pull("net")
    assert file.sha256 == DIGEST and file.recorded and not file.fresh


def test_another_address_is_tried(served: Served, zoo: Callable[..., Entry]) -> None:
    zoo(urls=(served.url.replace("file", "old"), served.url))
    served.moves = {"/old.pkl": "ftp://nowhere/x"}
    assert pull.pull("net")[0].sha256 == DIGEST
    served.cuts = [1000] * 9
    with pytest.raises(GantkError, match="run the same command again to continue"):
        pull.pull("net", force=True)
    served.cuts = []
    assert pull.pull("net", force=True)[0].sha256 == DIGEST
    assert served.parts[-1] == "bytes=5000-"


def test_two_pulls_do_not_collide(served: Served, zoo: Callable[..., Entry]) -> None:
    zoo()
    served.wait = threading.Event()
    first: list[pull.Pulled] = []
    thread = threading.Thread(target=lambda: first.extend(pull.pull("net")))
    thread.start()
    while not served.asked:
        thread.join(0.01)
    with pytest.raises(GantkError, match="Another gantk process is working in .*models on net: wait"):
        pull.pull("net")
    served.wait.set()
    thread.join(10)
    assert first[0].sha256 == DIGEST and left(first[0].path) == ["net.pkl"]


def test_hashes_of_pulls_at_the_same_time_are_all_recorded(zoo: Callable[..., Entry], target: Path) -> None:
    target.write_bytes(BODY)
    zoo()
    threads = [threading.Thread(target=pull._record, args=(f"k{i}", target, DIGEST, "u")) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert set(load_json(home() / "pulled.json")) == {f"k{i}" for i in range(6)}


@pytest.mark.parametrize("text", ["{", "[]", '{"a": 1}'])
def test_a_damaged_ledger_is_named(zoo: Callable[..., Entry], text: str) -> None:
    zoo()
    home().mkdir(parents=True)
    (home() / "pulled.json").write_text(text)
    with pytest.raises(GantkError, match="pulled.json"):
        pull.pull("net")


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "", ".", "net/../net", "net\n", "NET", "models/net.pkl", "*z"])
def test_hostile_names_are_no_names(zoo: Callable[..., Entry], served: Served, name: str) -> None:
    zoo()
    for function in (pull.pull, pull.locate, pull.select):
        with pytest.raises(UsageError, match="The zoo has no"):
            function(name)
    assert not home().exists() and not served.asked


def test_only_networks_load_by_name(zoo: Callable[..., Entry]) -> None:
    zoo(kind="archive")
    with pytest.raises(UsageError, match="'net' is an archive and no generator"):
        names.locate("net")
    with pytest.raises(UsageError, match="'nett' is neither a file nor a network's name"):
        names.locate("nett")


# --- the Hub ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def fake_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, bytes]:
    """A huggingface_hub with one repository."""
    monkeypatch.setenv("GANTK_HOME", str(tmp_path / "home"))
    files: dict[str, bytes] = {}
    module: Any = ModuleType("huggingface_hub")

    class HfApi:
        def list_repo_files(self, repository: str) -> list[str]:
            if repository != "owner/net":
                raise RuntimeError(f"404: {repository} does not exist\nRequest ID: 1")
            return list(files)

    def hf_hub_download(repository: str, file: str, cache_dir: str, force_download: bool) -> str:
        path = Path(cache_dir) / repository / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(files[file])
        return str(path)

    module.HfApi, module.hf_hub_download = HfApi, hf_hub_download
    monkeypatch.setitem(sys.modules, "huggingface_hub", module)
    return files


def test_a_network_of_the_hub(fake_hub: dict[str, bytes], tmp_path: Path) -> None:
    fake_hub |= {
        "README.md": b"",
        "config.json": b"{}",
        "pytorch_model.bin": BODY,
        "../x.pt": b"",
        "model.msgpack": b"",
    }
    with pytest.raises(GantkError, match="run `gantk models pull hub:owner/net`"):
        names.locate("hub:owner/net")
    (file,) = pull.pull("hub:owner/net")
    assert file.sha256 == DIGEST and file.recorded and file.path.with_name("config.json").is_file()
    assert names.locate("hub:owner/net") == file.path
    fake_hub["pytorch_model.bin"] = b"other"
    with pytest.raises(GantkError, match="not the file of an earlier pull"):
        pull.pull("hub:owner/net")
    assert pull.pull("hub:owner/net", force=True)[0].recorded


def test_files_of_the_hub_are_chosen_by_name(fake_hub: dict[str, bytes]) -> None:
    fake_hub |= {"a.pkl": BODY, "sub/b.safetensors": BODY, "train.py": b"", "../x.pt": b""}
    with pytest.raises(UsageError, match="give one, such as hub:owner/net/a.pkl; it has a.pkl, sub/b.safetensors"):
        pull.pull("hub:owner/net")
    assert pull.pull("hub:owner/net/sub/b.safetensors")[0].path.name == "b.safetensors"
    with pytest.raises(UsageError, match="has no c.pkl: it has a.pkl, sub/b.safetensors"):
        pull.pull("hub:owner/net/c.pkl")
    with pytest.raises(GantkError, match=r"The Hub does not give hub:owner/none \(RuntimeError: 404"):
        pull.pull("hub:owner/none")
    fake_hub.clear()
    with pytest.raises(GantkError, match="no file that gantk reads"):
        pull.pull("hub:owner/net")


@pytest.mark.parametrize(
    "name",
    ["hub:", "hub:x", "hub:../x", "hub:a/..", "hub:a/b/../c.pt", "hub:a/b/train.py", "hub:a/b//c.pt", "hub:a b/c"],
)
def test_malformed_names_of_the_hub(name: str, fake_hub: dict[str, bytes]) -> None:
    with pytest.raises(UsageError, match="no name on the Hub|gantk reads no file"):
        pull.pull(name)


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(GantkError, match=r"pip install 'gantk\[hub\]'"):
        hub.fetch("hub:owner/net", Path("x"))
