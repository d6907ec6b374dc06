"""The page that links every other page of a run directory, with a picture of each."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from gantk.reports.images import thumbnail
from gantk.reports.page import Page
from gantk.reports.record import RunRecord, mapping, records, records_below, texts
from gantk.reports.sections import Link, Links, Picture

WHAT = {
    "synthesize": "Samples, their latents and their scores",
    "train-boundary": "One boundary per attribute, and how far to trust it",
    "rescore": "Which direction moves what, and in which layer",
    "manipulate": "Sliders along the directions",
    "demo": "The tour: what was found, and how it compares with the truth",
}


def image_names(run: RunRecord) -> Iterable[object]:
    """Paths of images a run names, likely ones first: what a thumbnail can be taken from."""
    results = run.results
    yield results.get("thumbnail")
    yield from texts(results.get("images"))[:1]
    for direction in records(results.get("directions")):
        frames = direction.get("frames")
        if isinstance(frames, list) and frames:
            yield from texts(frames[0])[-1:]
    for name in ("synthesize", "manipulate"):
        yield from texts(mapping(results.get(name)).get("images"))[:1]


def card(run: RunRecord, root: Path, title: str = "", text: str = "") -> Link:
    """A link to a run's page, relative to `root`, with a thumbnail where the run has an image."""
    name = run.command.replace("-", " ")
    folder = run.directory.relative_to(root).as_posix()
    href = (f"{folder}/" if folder != "." else "") + f"{run.command}.html"
    picture: Picture | None = None
    for candidate in image_names(run):
        found = run.picture(candidate, f"An image of the run of {name}")
        if found is not None:
            picture = thumbnail(found)
            break
    where = f" ({folder})" if folder != "." else ""
    return Link(href, title or name + where, text or WHAT.get(run.command, ""), picture)


def build(directory: Path) -> Page | None:
    """The index of a directory; None where there are fewer than two runs, or a tour that is an index itself."""
    runs = list(records_below(directory))
    if len(runs) < 2 or any(run.command == "demo" and run.directory == directory for run in runs):
        return None
    links = [card(run, directory) for run in runs]
    newest = max((run.manifest for run in runs), key=lambda manifest: str(manifest.get("ended") or manifest.get("started") or ""))
    manifest = {key: newest[key] for key in ("versions",) if key in newest}
    return Page("Reports of this run", f"{len(runs)} pages in `{directory.resolve().name}`.", [Links(links)], "", manifest, "report")


