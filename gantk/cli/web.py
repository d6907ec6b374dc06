"""`gantk web`: the application in a browser."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypedDict, Unpack

import click

from gantk.cli.numbers import number_option
from gantk.cli.options import TYPED, device_option, examples, precision_option
from gantk.errors import UsageError


class Beside(TypedDict):
    """What is offered to every model; see `gantk.web.workshop.Workshop.add`."""

    heads: tuple[str, ...]
    directions: tuple[str, ...]
    segmenter: str | None
    encoder: str | None
    predictor: str | None


@click.command(
    epilog=examples(
        "gantk web demo",
        "gantk web demo --head runs/lse/heads/LSE.safetensors --directions runs/sefa",
        "gantk web church.pkl --socket ~/gantk.sock",
        "gantk web demo --write-space runs/space",
    )
)
@click.argument("models", metavar="MODEL...", nargs=-1, required=True, type=TYPED)
@click.option(
    "--head", "heads", metavar="FILE", multiple=True, help="A segmentation head to edit with; may be repeated."
)
@click.option("--directions", metavar="PATH", multiple=True, type=TYPED,
              help="A direction, or a folder of directions; may be repeated.")  # fmt: skip
@click.option("--segmenter", metavar="NAME", default=None,
              help="Segmenter that labels images; default: the bundled one for bundled models.")  # fmt: skip
@click.option("--encoder", metavar="FILE", default=None, help="Encoder for photos; default: the bundled one.")
@click.option(
    "--predictor", metavar="NAME", default=None, help="Predictor that reads attributes; default: the bundled one."
)
@click.option("--output-dir", "-o", default="runs/web", show_default=True, help="Folder of the projects.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@number_option("--port", int, "Port to listen on; default: a free one.", least=0, most=65535)
@click.option("--socket", "path", metavar="PATH", default=None, help="A Unix socket that only you can open.")
@click.option(
    "--allow-host",
    "allowed",
    metavar="NAME",
    multiple=True,
    help="A further host name that is accepted; may be repeated.",
)
@click.option("--public", is_flag=True, help="Ask for no token; each visitor has projects of their own.")
@click.option("--write-space", "space", metavar="DIR", default=None,
              help="Write a folder that a hosted Space (Docker) runs on these models, and serve nothing.")  # fmt: skip
@number_option("--cache", int, "Memory for kept states per model, in MB.", 512, least=0)
@device_option()
@precision_option()
def command(
    models: tuple[str, ...],
    output_dir: str,
    host: str,
    port: int | None,
    path: str | None,
    allowed: tuple[str, ...],
    public: bool,
    space: str | None,
    cache: int,
    device: str,
    precision: str,
    **beside: Unpack[Beside],
) -> None:
    """Look at a generator, paint on its images and train heads, in a browser.

    The link that it prints opens on this machine, and through an ssh tunnel on your own.
    """
    import contextlib
    import shlex

    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
        import websockets  # noqa: F401
    except ImportError:
        raise UsageError("gantk web needs the extra packages: pip install 'gantk[web]'.") from None
    if space is not None:
        from gantk.web.space import write_space

        files = {"--head": beside["heads"], "--directions": beside["directions"]}
        given = {"--segmenter": beside["segmenter"], "--encoder": beside["encoder"], "--predictor": beside["predictor"]}
        command_line = write_space(Path(space), models, files, {name: word for name, word in given.items() if word})
        click.echo(f"Wrote {space}: push it to a Space, which runs {shlex.join(command_line)}.")
        return
    from gantk.store.files import make_directory, remove_empty, remove_stale
    from gantk.store.locks import hold
    from gantk.web.security import new_token
    from gantk.web.serving import check_host, listen, run, scratch_in

    if host not in ("127.0.0.1", "localhost", "::1"):
        check_host(host, allowed, public)
    named = os.environ.get("SPACE_HOST")  # where a hosted Space says what it is called
    if public and named:
        allowed = (*allowed, named)
    folder = Path(output_dir)
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    make_directory(folder, "The folder of the projects")

    def forget() -> None:
        """Nothing was served: leave no folder that was not there."""
        if made:
            (folder / ".lock").unlink(missing_ok=True)
            remove_empty([folder / "projects", *made])

    token = None if public else new_token()
    with (
        contextlib.ExitStack() as undo,
        hold(folder / ".lock", what=output_dir),
        listen(host, port or 0, path) as address,
    ):
        undo.callback(forget)
        click.echo(f"Open {address.link(allowed[0] if allowed else host, token)}")
        click.echo(f"From another machine: {address.tunnel()}, then open the same link there.")
        remove_stale(folder)
        with scratch_in(folder):
            from gantk.generators.devices import resolve_device
            from gantk.web.limits import PUBLIC, Limits
            from gantk.web.server import make_app
            from gantk.web.workshop import Workshop

            workshop = Workshop(folder, cache << 20, PUBLIC if public else Limits())
            for model in models:
                workshop.add(model, str(resolve_device(device)), precision, **beside)
            app = make_app(workshop, token, allowed, "https://huggingface.co" if public else None)
            undo.pop_all()
            click.echo(f"Ready: {', '.join(workshop.models)}. Ctrl-C ends it; projects stay in {output_dir}.")
            run(app, address)
