"""Our own image, built by a real engine from a bare base, without a network."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from docker.utils.build import tar
from support import image
from support.docker_engine import Containers
from support.packaging import ROOT, build, pip, unpacked

DOCKERFILE = "compose/Dockerfile"
_BASE = "sleeptui-test/base"


def context(to: Path) -> Path:
    """What the image is built from: a source distribution, and in dist/ all that it needs."""
    built = build(ROOT, to / "built")
    source = unpacked(built.sdist, to)
    pip("download", "--quiet", "--dest", source / "dist", built.wheel, "hatchling")
    (source / "dist" / built.wheel.name).unlink()
    return source


@contextmanager
def own_image(containers: Containers, source: Path) -> Iterator[str]:
    """The name of the image, which is removed at the end."""
    base, name = f"{_BASE}:{image.tag()}", containers.name("own")
    path = f"ENV PATH={image.interpreter().parent}:/bin"
    client = containers.client
    client.api.import_image_from_data(
        image.base_file_system(), repository=_BASE, tag=image.tag(), changes=[path]
    )
    ignored = (source / f"{DOCKERFILE}.dockerignore").read_text().splitlines()
    patterns = [line for line in ignored if line and not line.startswith("#")]
    with tar(str(source), exclude=patterns, dockerfile=(DOCKERFILE, None)) as sent:
        said = client.api.build(
            fileobj=sent,
            custom_context=True,
            dockerfile=DOCKERFILE,
            # Nothing is compiled: that takes longer than all else, and the tests need no speed.
            buildargs={"BASE": base, "PIP_ARGS": "--no-index --no-compile"},
            network_mode="none",
            tag=name,
            rm=True,
            decode=True,
        )
        lines = list(said)
    assert not [line for line in lines if "error" in line], lines[-20:]
    try:
        yield name
    finally:
        client.images.remove(name, force=True)
