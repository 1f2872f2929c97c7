"""Every error that afd raises on purpose.

::

    AfdError                one line for a person; the CLI prints it and exits with `exit_code`
    ├── UsageError          options or paths are wrong or contradict each other
    ├── PhotoError          one image cannot be used; it becomes a failed row and never stops a run
    ├── BackboneError       the classifier cannot be built or loaded
    ├── ModuleError         an AFD module file is unreadable or does not fit its backbone
    ├── ResultsError        a results file cannot be read, written or continued
    └── MachineError        the machine lacks a resource that afd needs; exit code 3
"""

from __future__ import annotations

from enum import Enum


class AfdError(Exception):
    """Base class of all expected errors. The message says what is wrong, where, and what to do.

    Attributes:
        exit_code: exit code of a command that ends with this error. The CLI replaces it with 3 if
            the machine is the cause, for example a full disk.
    """

    exit_code = 2


class UsageError(AfdError):
    """Options or paths are wrong or contradict each other."""


class BackboneError(AfdError):
    """The classifier cannot be built or loaded."""


class ModuleError(AfdError):
    """An AFD module file is unreadable or does not fit its backbone."""


class ResultsError(AfdError):
    """A results file cannot be read, written or continued."""


class MachineError(AfdError):
    """The machine lacks what afd needs: shared memory, a temporary folder, processes."""

    exit_code = 3


class ErrorCode(str, Enum):
    """Why an image failed; the value goes into the ``error`` column of the results."""

    UNREADABLE = "unreadable"  # cannot be opened: missing, no permission, not a regular file
    NOT_AN_IMAGE = "not-an-image"  # empty, or no image format that afd accepts
    UNSUPPORTED = "unsupported"  # an image of a kind that afd does not decode
    TOO_LARGE = "too-large"  # more pixels than the limit
    TRUNCATED = "truncated"  # the file ends before the image data are complete
    CORRUPT = "corrupt"  # the decoder rejects the data
    TIMEOUT = "timeout"  # decoding took longer than the limit
    WORKER_CRASHED = "worker-crashed"  # decoding killed its worker process
    OUT_OF_MEMORY = "out-of-memory"  # decoding needed more memory than the limit
    BAD_OUTPUT = "bad-output"  # the classifier's output contains NaN or infinity

    def __str__(self) -> str:
        return self.value


class PhotoError(AfdError):
    """One image cannot be used.

    Attributes:
        code: the reason, one of `ErrorCode`.
        message: one sentence for a person, without the path.
    """

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(code, message)  # both in args, so that the error can be pickled
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"

    @classmethod
    def unexpected(cls, error: Exception) -> PhotoError:
        """For an *error* that reading an image should not raise."""
        return cls(ErrorCode.CORRUPT, f"unexpected {type(error).__name__}: {error}")
