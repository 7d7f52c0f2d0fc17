"""The one exception tree: what went wrong, what to do about it, and the exit code and HTTP status it ends with.

    AnyseekError          exit  HTTP
      UsageError             2  400   a wrong call: unknown value, a file where a folder is needed, k below 1
      IndexNotFound         10  404   no index here
      IndexLocked           11  409   another writer holds the index (readers go on)
      OtherModel            12  409   the index was made by another model
      NewerFormat           13  409   the index was made by a newer Anyseek
      IndexDamaged          14  500   the catalog or the vectors cannot be trusted
      ModelNotFound         20  404   the model is not on this disk, or no such model
      LicenceNotAccepted    21  403   the weights' licence was not accepted
      DownloadFailed        22  502   the weights could not be fetched
      ModalityNotSupported  23  422   the model does not support that modality
      StoreUnreachable      30  502   the vector store does not answer
      StoreRefused          31  502   the vector store refused the request
      QueryFileError        40  422   a query file is missing, broken or empty
      RootUnavailable       41  409   an indexed folder is gone or empty (an unplugged drive?)
      NoSuchSegment         42  404   a hit's number that the index does not have
      DiskFull              50  507   no space left while writing
      ReadOnlyIndex         51  403   this user may not read or write a part of the index
      DiskFailed            52  500   the disk failed: a fault of it, or a lost connection to it
      SystemRefused         53  503   the system refused open files, memory or locks
      MissingExtra          60  501   an optional package is needed; the hint installs it
      MediaError             -  422   one file cannot be decoded; in an index it becomes a Problem

Exit codes 0 (done), 1 (a bug of ours), 3 (done, but this run met new unreadable files), 130 (Ctrl-C) and
143 (terminated) belong to no exception. Codes may be added; treat an unknown one as a failure.
"""

from __future__ import annotations

from typing import Any

EXIT_OK = 0
EXIT_BUG = 1
EXIT_NEW_PROBLEMS = 3
EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143


class AnyseekError(Exception):
    """What a person can act on: a sentence (`str(error)`), a `hint`; and a `code`, an `exit_code`, an `http_status`."""

    code = "error"
    exit_code = EXIT_BUG
    http_status = 500

    def __init__(self, message: str, hint: str = "") -> None:
        if message.endswith("..") and not message.endswith("..."):  # what is quoted was a sentence too
            message = message[:-1]
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __reduce__(self) -> tuple[type[AnyseekError], tuple[str, ...]]:
        # Errors cross process boundaries; the default would lose the hint.
        return type(self), (self.message, self.hint)


class UsageError(AnyseekError):
    """A wrong call: an unknown value, a file where a folder is needed, `k` below 1."""

    code = "usage"
    exit_code = 2
    http_status = 400


class IndexNotFound(AnyseekError):
    """There is no index in this folder or above it."""

    code = "no-index"
    exit_code = 10
    http_status = 404


class IndexLocked(AnyseekError):
    """Another writer holds the index; the message names its process and host."""

    code = "locked"
    exit_code = 11
    http_status = 409


class OtherModel(AnyseekError):
    """The index was made by another model, or by another version of this one."""

    code = "other-model"
    exit_code = 12
    http_status = 409


class NewerFormat(AnyseekError):
    """The index was made by a newer Anyseek."""

    code = "newer-format"
    exit_code = 13
    http_status = 409


class IndexDamaged(AnyseekError):
    """The catalog or the vector file cannot be trusted."""

    code = "damaged"
    exit_code = 14
    http_status = 500


class ModelNotFound(AnyseekError):
    """No such model, or its weights are not on this disk."""

    code = "no-model"
    exit_code = 20
    http_status = 404


class LicenceNotAccepted(AnyseekError):
    """The weights' licence has to be accepted before they are fetched."""

    code = "licence"
    exit_code = 21
    http_status = 403


class DownloadFailed(AnyseekError):
    """The weights could not be fetched."""

    code = "download"
    exit_code = 22
    http_status = 502


class ModalityNotSupported(AnyseekError):
    """The model does not support a requested modality."""

    code = "no-tower"
    exit_code = 23
    http_status = 422


class StoreUnreachable(AnyseekError):
    """The vector store does not answer."""

    code = "store-unreachable"
    exit_code = 30
    http_status = 502


class StoreRefused(AnyseekError):
    """The vector store answered, and refused the request."""

    code = "store-refused"
    exit_code = 31
    http_status = 502


class QueryFileError(AnyseekError):
    """A query file is missing, broken or empty."""

    code = "query-file"
    exit_code = 40
    http_status = 422


class NoSuchSegment(AnyseekError):
    """The index has no segment of that number, or has it no longer."""

    exit_code = 42
    code = "no-segment"
    http_status = 404


class RootUnavailable(AnyseekError):
    """An indexed folder is gone or empty; nothing was deleted because of it.

    `report` is the `contracts.Report` of the run, which did all else; None where there was none.
    """

    code = "root-unavailable"
    exit_code = 41
    http_status = 409

    def __init__(self, message: str, hint: str = "", report: Any = None) -> None:
        super().__init__(message, hint)
        self.report = report

    def __reduce__(self) -> tuple[type[RootUnavailable], tuple[Any, ...]]:
        return type(self), (self.message, self.hint, self.report)


class DiskFull(AnyseekError):
    """There was no space left while writing; what was committed before is whole."""

    code = "disk-full"
    exit_code = 50
    http_status = 507


class ReadOnlyIndex(AnyseekError):
    """The index, or a part of it, may not be read or written by this user."""

    code = "read-only"
    exit_code = 51
    http_status = 403


class DiskFailed(AnyseekError):
    """The disk failed, or the connection to it; this says nothing about what is stored there."""

    code = "disk-failed"
    exit_code = 52
    http_status = 500


class SystemRefused(AnyseekError):
    """The system refused open files, memory or locks; later it may not."""

    code = "refused"
    exit_code = 53
    http_status = 503


class MissingExtra(AnyseekError):
    """An optional package is needed; the hint is the command that installs it."""

    code = "missing-extra"
    exit_code = 60
    http_status = 501


class MediaError(AnyseekError):
    """One file cannot be decoded. `reason` is a short, stable word: the catalog groups problems by it.

    `detail` is what a decoder said of it, for those who know the decoder; "" for nothing.

    It never leaves the indexer, where it becomes a `Problem`; for a query file it becomes `QueryFileError`.
    """

    code = "media"
    exit_code = QueryFileError.exit_code
    http_status = QueryFileError.http_status

    def __init__(self, message: str, reason: str = "broken", hint: str = "", detail: str = "") -> None:
        super().__init__(message, hint)
        self.reason = reason
        self.detail = detail

    def __reduce__(self) -> tuple[type[MediaError], tuple[str, ...]]:
        return type(self), (self.message, self.reason, self.hint, self.detail)
