"""Where weights lie on this disk, and how they get there: downloaded piece by piece, or a file that the user names.

The user's own settings (paths, licences accepted) are in `models.json` in the configuration folder, downloads in the
data folder; ANYSEEK_MODELS names another data folder.
"""

from __future__ import annotations

import errno
import hashlib
import http.client
import json
import os
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from platformdirs import user_config_path, user_data_path

from anyseek import atomic
from anyseek.embedders import checkpoint_file
from anyseek.errors import DiskFull, DownloadFailed, LicenceNotAccepted, ModelNotFound, UsageError
from anyseek.jsonable import parsed
from anyseek.printable import printable

CHUNK = 1 << 20
TRIES = 5  # in a row without a byte; a connection that drops after some is taken up again at once
TIMEOUT_S = 30.0

DownloadProgress = Callable[[int, int], None]  # bytes here, bytes in all (0: unknown)


@dataclass(frozen=True, slots=True)
class Weights:
    """One file of weights that can be downloaded. size_bytes, sha256: what it must be; 0 and "" where nobody says."""

    url: str
    file: str
    size_bytes: int = 0
    sha256: str = ""


def folder(name: str) -> Path:
    """Where the weights of a model are kept once downloaded."""
    return (
        Path(os.environ.get("ANYSEEK_MODELS") or user_data_path("anyseek", appauthor=False) / "models") / name
    )


def on_disk(name: str, weights: Weights) -> Path | None:
    """The file that the user named, else the downloaded one; None when neither is there."""
    own = _settings()["paths"].get(name)
    path = Path(own) if own else folder(name) / weights.file
    return path if path.is_file() else None


def find(name: str, weights: Weights) -> Path:
    """The file. Raises ModelNotFound with the command that downloads it."""
    path = on_disk(name, weights)
    if path is not None:
        return path
    own = _settings()["paths"].get(name)
    raise ModelNotFound(
        f"The weights of {name} are not at {own} any more."
        if own
        else f"The weights of {name} are not on this disk.",
        f"Download them: anyseek models pull {name}. Or name a file: anyseek models path {name} FILE",
    )


def name_file(name: str, path: Path, weights: Weights | None = None) -> None:
    """Remember that the weights of `name` are this file. weights: what is downloaded otherwise.

    Raises UsageError if there is no file, or one that cannot be in the place of `weights`.
    """
    if not path.is_file():
        raise UsageError(
            f"There is no file {printable(str(path))}.",
            f"anyseek models path {name} FILE takes the checkpoint itself.",
        )
    if weights is not None and Path(weights.file).suffix in checkpoint_file.SUFFIXES:
        checkpoint_file.check(path)
    settings = _settings()
    settings["paths"][name] = str(path.absolute())
    _save(settings)


def accept(name: str) -> None:
    """Remember that the user accepted the licence of `name`."""
    settings = _settings()
    settings["accepted"] = sorted({*settings["accepted"], name})
    _save(settings)


def demand_licence(name: str, licence: str, commercial_use: str) -> None:
    """Raises LicenceNotAccepted for weights that are not free for every use, until the user accepted their licence."""
    if commercial_use == "yes" or name in _settings()["accepted"]:
        return
    what = "not for commercial use" if commercial_use == "no" else "to be read before commercial use"
    raise LicenceNotAccepted(
        f"The weights of {name} are under {licence}: {what}.",
        f"If that suits you: anyseek models pull {name} --accept-licence {name}",
    )


def pull(name: str, weights: Weights, progress: DownloadProgress = lambda done, total: None) -> Path:
    """Download the weights unless they are here; a partial file is completed. Proxies are taken from the environment.

    Raises DownloadFailed (no network, HF_HUB_OFFLINE set, refused, dropped too often, not the expected bytes) and
    DiskFull.
    """
    done = folder(name) / weights.file
    if done.is_file():
        return done
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "TRUE", "YES", "ON"}:
        raise DownloadFailed(
            f"{name} cannot be downloaded: HF_HUB_OFFLINE is set.", "Unset it, or name a file."
        )
    half = done.with_name(done.name + ".part")
    try:
        done.parent.mkdir(parents=True, exist_ok=True)
        _fetch(name, weights, half, progress)
        _verify(name, weights, half)
        half.replace(done)
        atomic.sync_folder(done.parent)
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        raise DiskFull(
            f"No space is left for {name} in {done.parent}.", "Free some space, then pull again."
        ) from error
    return done


def _fetch(name: str, weights: Weights, half: Path, progress: DownloadProgress) -> None:
    """All bytes into `half`, over as many connections as needed."""
    fruitless, reason = 0, ""
    while fruitless < TRIES:
        before = half.stat().st_size if half.exists() else 0
        try:
            if _continued(name, weights, half, progress):
                return
            reason = "the connection dropped"
        except urllib.error.HTTPError as error:
            if error.code < 500 and error.code not in {408, 429}:
                hint = "Check the address, or give another: anyseek models pull NAME --from URL"
                raise DownloadFailed(f"{weights.url} answered {error.code} {error.reason}.", hint) from error
            reason = f"the server answered {error.code}"
        except (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError) as error:
            reason = str(getattr(error, "reason", error)) or type(error).__name__
        got = half.stat().st_size if half.exists() else 0
        fruitless = 0 if got > before else fruitless + 1
        if fruitless:
            time.sleep(min(8.0, 0.1 * 2**fruitless))
    raise DownloadFailed(
        f"{weights.url} could not be downloaded: {reason}.",
        f"Run it again: it continues from the {half.stat().st_size if half.exists() else 0} bytes that are here.",
    )


def _continued(name: str, weights: Weights, half: Path, progress: DownloadProgress) -> bool:
    """One connection: what is missing of `half` is appended. True when the file is whole."""
    tag = half.with_name(half.name + ".tag")
    have = half.stat().st_size if half.exists() and tag.exists() else 0
    request = urllib.request.Request(weights.url, headers={"User-Agent": "anyseek"})
    if have:  # If-Range (RFC 9110, 13.1.5): a file that changed since comes whole, not as a second half
        request.add_header("Range", f"bytes={have}-")
        request.add_header("If-Range", tag.read_text(encoding="utf-8"))
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT_S)
    except urllib.error.HTTPError as error:
        if error.code != 416 or not have:
            raise
        # Nothing lies behind what we have: it is whole, or of another file; the check that follows tells.
        if error.headers.get("Content-Range", "") == f"bytes */{have}":
            return True
        half.unlink()
        return False
    with response:
        start = have if response.status == 206 else 0
        length = response.headers.get("Content-Length")
        total = start + int(length) if length else 0
        _check_free_space(name, half, total - start)
        validator = response.headers.get("ETag") or response.headers.get("Last-Modified") or ""
        with half.open("r+b" if start else "wb") as file:
            file.seek(start)
            file.truncate()
            if validator and not validator.startswith("W/"):
                tag.write_text(validator, encoding="utf-8")
            else:
                tag.unlink(missing_ok=True)
            got, is_cut = start, False
            try:
                while chunk := response.read(CHUNK):
                    file.write(chunk)
                    got += len(chunk)
                    progress(got, total)
            except http.client.IncompleteRead as error:
                file.write(error.partial)
                got, is_cut = got + len(error.partial), True
            file.flush()
            os.fsync(file.fileno())
    return got == total if total else not is_cut


def _check_free_space(name: str, half: Path, size: int) -> None:
    free = shutil.disk_usage(half.parent).free
    if size > free:
        raise DiskFull(
            f"{name} needs {size:,} more bytes in {half.parent}, where {free:,} are free.",
            "Free some space, or set ANYSEEK_MODELS to a folder on another disk.",
        )


def _verify(name: str, weights: Weights, half: Path) -> None:
    """A file that is not what it should be is removed: going on from it could never end well."""
    wrong, size = "", half.stat().st_size
    if weights.size_bytes and size != weights.size_bytes:
        wrong = f"{size:,} bytes were received instead of {weights.size_bytes:,}"
    elif weights.sha256:
        with half.open("rb") as file:
            computed = hashlib.file_digest(file, "sha256").hexdigest()
        wrong = f"its SHA-256 is {computed}, not {weights.sha256}" if computed != weights.sha256 else ""
    half.with_name(half.name + ".tag").unlink(missing_ok=True)
    if wrong:
        half.unlink()
        raise DownloadFailed(
            f"{weights.url} is not the file of {name}: {wrong}.", "Try again, or use another address."
        )


def _settings_file() -> Path:
    return user_config_path("anyseek", appauthor=False) / "models.json"


def _settings() -> dict[str, Any]:
    """{"paths": {name: file}, "accepted": [name]}. Raises UsageError for a file that is not that."""
    settings: dict[str, Any] = {"paths": {}, "accepted": []}
    path = _settings_file()
    with suppress(FileNotFoundError):
        try:
            row = parsed(path.read_text(encoding="utf-8"))
            settings |= {"paths": dict(row["paths"]), "accepted": list(row["accepted"])}
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(f"{path} cannot be read as settings.", "Correct it, or delete it.") from error
    return settings


def _save(settings: dict[str, Any]) -> None:
    path = _settings_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic.write(path, json.dumps(settings, indent=1) + "\n")
