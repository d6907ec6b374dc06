"""An uploaded picture, decoded and written again in a process of its own that may use little memory.

    python -m gantk.web.decode < picture > picture.png

Its exit code is 0, or 1 with one sentence on stderr. Nothing but Pillow is imported.
"""

from __future__ import annotations

import io
import subprocess
import sys

from gantk.errors import GantkError
from gantk.web.wire import ApiError

MOST_BYTES, MOST_PIXELS, MOST_SIDE = 20 << 20, 40_000_000, 4096
MEMORY, SECONDS = 1 << 30, 20
FORMATS = ("PNG", "JPEG", "WEBP")
MAGIC = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF")  # what the files of these begin with


def rewrite(data: bytes) -> bytes:
    """A picture as a PNG of its own pixels, upright, without metadata.

    Raises:
        ApiError: 415 for another kind of file, 413 for one of too many pixels or bytes, 400 for a damaged one.
    """
    if not data.startswith(MAGIC):
        raise ApiError(415, "This is no PNG, JPEG or WebP picture (its content says so, whatever its name).")
    command = [sys.executable, "-m", "gantk.web.decode"]
    try:
        done = subprocess.run(command, input=data, capture_output=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        raise ApiError(413, f"The picture takes longer than {SECONDS} s to decode: send a smaller one.") from None
    if done.returncode == 0 and done.stdout:
        return done.stdout
    said = done.stderr.decode("utf-8", "replace").strip().splitlines()
    status, _, sentence = (said[-1] if said else "").partition(" ")
    if done.returncode == 1 and status in ("400", "413", "415"):
        raise ApiError(int(status), sentence)
    raise ApiError(413, "The picture needs more memory than decoding may use: send a smaller one.")


def decode(data: bytes) -> bytes:
    """What the process does."""
    from PIL import Image

    from gantk.pictures.opening import open_picture, picture_frames, picture_sides

    called = "The picture"
    try:
        width, height = picture_sides(data, name=called, max_pixels=1 << 62)
        if width * height > MOST_PIXELS:
            raise ApiError(413, f"The picture has {width} x {height} pixels, and at most 40 million are taken.")
        if picture_frames(data, name=called, max_pixels=MOST_PIXELS) != 1:
            raise ApiError(415, "The picture moves: send one with a single frame.")
        upright = open_picture(data, name=called, max_pixels=MOST_PIXELS, formats=FORMATS)
    except ApiError:
        raise
    except MemoryError:
        raise ApiError(413, "The picture needs more memory than decoding may use: send a smaller one.") from None
    except GantkError as error:
        if "too large" in str(error):  # Pillow's own limit, which it applies on opening
            raise ApiError(413, "The picture has more than 40 million pixels: send a smaller one.") from None
        raise ApiError(400, "The picture cannot be read: it is damaged.") from None
    upright.thumbnail((MOST_SIDE, MOST_SIDE))
    plain = Image.frombytes("RGB", upright.size, upright.tobytes())  # pixels alone, nothing else of the file
    buffer = io.BytesIO()
    plain.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def main() -> None:
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    except (ImportError, ValueError, OSError):
        pass  # no such limit on this system: the size was read from the header
    try:
        sys.stdout.buffer.write(decode(sys.stdin.buffer.read(MOST_BYTES + 1)))
    except ApiError as error:
        print(f"{error.status} {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
