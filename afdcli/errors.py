"""Every error that afd raises on purpose.

::

    AfdError                one line for a person; the CLI prints it and exits with `exit_code`
    ├── UsageError          options or paths that do not fit together
    ├── PhotoError          one image cannot be used; becomes a row, never stops a run
    ├── BackboneError       the classifier cannot be built or loaded
    ├── ModuleError         an AFD module file is unreadable or does not fit its backbone
    ├── ResultsError        a results file cannot be read, written or continued
    └── MachineError        the machine refuses what afd needs; exit code 3
"""

from __future__ import annotations

from enum import Enum


class AfdError(Exception):
    """Base of all expected errors. The message says what is wrong, with what, and the cure.

    Attributes:
        exit_code: of a command that ends with it. The CLI makes it 3 where the cause is a fault of
            the machine, such as a full disk.
    """

    exit_code = 2


class UsageError(AfdError):
    """Options or paths that do not fit together."""


class BackboneError(AfdError):
    """The classifier cannot be built or loaded."""


class ModuleError(AfdError):
    """An AFD module file is unreadable or does not fit its backbone."""


class ResultsError(AfdError):
    """A results file cannot be read, written or continued."""


class MachineError(AfdError):
    """The machine refuses what afd needs: shared memory, a temporary folder, processes."""

    exit_code = 3


class ErrorCode(str, Enum):
    """Why an image failed; the value stands in the ``error`` column of the results."""

    UNREADABLE = "unreadable"  # cannot be opened: missing, no permission, not a regular file
    NOT_AN_IMAGE = "not-an-image"  # empty, or no image format that afd accepts
    UNSUPPORTED = "unsupported"  # an image, but of a kind that afd does not decode
    TOO_LARGE = "too-large"  # more pixels than the limit
    TRUNCATED = "truncated"  # the file ends before the picture does
    CORRUPT = "corrupt"  # the decoder refuses the data
    TIMEOUT = "timeout"  # decoding took longer than the limit
    WORKER_CRASHED = "worker-crashed"  # decoding killed its worker process
    OUT_OF_MEMORY = "out-of-memory"  # decoding needed more memory than the limit
    BAD_OUTPUT = "bad-output"  # the classifier's output for it is not a number

    def __str__(self) -> str:
        return self.value


class PhotoError(AfdError):
    """One image cannot be used.

    Attributes:
        code: the reason, one of `ErrorCode`.
        message: one sentence for a person, without the path.
    """

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(code, message)  # both in args, so that it survives pickling
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"
