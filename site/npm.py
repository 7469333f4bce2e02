"""Fetch archives of npm, checked by their hashes and kept in ``build/npm``. The site and the documentation need one each."""

import base64
import hashlib
import urllib.request
from pathlib import Path

REGISTRY = "https://registry.npmjs.org"
CACHE = Path(__file__).parents[1] / "build" / "npm"


class SiteError(Exception):
    """The site cannot be built; the message says why and what to do."""


def from_npm(package: str, version: str, integrity: str, registry: str = REGISTRY, cache: Path = CACHE) -> bytes:
    """Fetch the archive of an npm package, or take it from an earlier build.

    Parameters
    ----------
    package, version, integrity : str
        As npm names them; the integrity is that of ``npm view PACKAGE@VERSION dist.integrity``.
    registry : str
        Its address.
    cache : Path
        Where archives are kept.

    Raises
    ------
    SiteError
        The registry cannot be reached, or the archive is not the one that was published.
    """
    archive = cache / f"{package}-{version}.tgz"
    address = f"{registry}/{package}/-/{archive.name}"
    if not archive.is_file():
        try:
            with urllib.request.urlopen(address, timeout=60) as answer:
                content = answer.read()
        except OSError as error:
            raise SiteError(
                f"{package} could not be fetched from {address}: {error}. It is needed once. Connect to the network and try "
                f"again, or put that file into {cache}."
            ) from error
        cache.mkdir(parents=True, exist_ok=True)
        archive.write_bytes(content)
    content = archive.read_bytes()
    found = "sha512-" + base64.b64encode(hashlib.sha512(content).digest()).decode()
    if found != integrity:
        archive.unlink()
        raise SiteError(f"{archive.name} is not the file that was published: its hash is {found}. It was deleted. Try again.")
    return content
