"""Every error phiz raises on purpose.

PhizError
├── FormatError      a weight file does not hold what its format says   (ValueError)
├── ImageError       a picture cannot be decoded or is refused          (ValueError)
├── ShapeError       an array has the wrong shape, dtype or value       (ValueError)
├── OptionError      an option does not exist or does not apply         (ValueError)
├── SpaceError       descriptors of different models were compared      (ValueError)
├── ModelNotFound    no source has the weight file                      (LookupError)
├── IntegrityError   a file's hash is not the published one             (ValueError)
├── DownloadError    a file could not be fetched                        (OSError)
├── LicenceError     the licence filter refuses the model               (PermissionError)
├── DeviceError      the device asked for is not there                  (RuntimeError)
└── MissingExtra     an optional dependency is not installed            (ImportError)
"""

from __future__ import annotations

__all__ = [
    "DeviceError",
    "DownloadError",
    "FormatError",
    "ImageError",
    "IntegrityError",
    "LicenceError",
    "MissingExtra",
    "ModelNotFound",
    "OptionError",
    "PhizError",
    "ShapeError",
    "SpaceError",
]


class PhizError(Exception):
    """Root of all errors that phiz raises on purpose."""


class FormatError(PhizError, ValueError):
    """A file does not hold what its format says.

    Attributes:
        path: the file as the caller named it.
        at: byte offset at which reading failed.
        want: what the format asks for there.
        found: what the file has there.
    """

    def __init__(self, path: str, at: int, want: str, found: str) -> None:
        super().__init__(path, at, want, found)  # args survive pickling
        self.path, self.at, self.want, self.found = path, at, want, found

    def __str__(self) -> str:
        return f"{self.path} @ byte {self.at}: wanted {self.want}, found {self.found}"


class ImageError(PhizError, ValueError):
    """A picture cannot be decoded, or is larger than allowed."""


class ShapeError(PhizError, ValueError):
    """An array has the wrong shape, dtype or value."""


class OptionError(PhizError, ValueError):
    """An option does not exist, or does not apply to this model."""


class SpaceError(PhizError, ValueError):
    """Descriptors of different models, chips or precisions were compared."""


class ModelNotFound(PhizError, LookupError):  # noqa: N818 - reads as what happened
    """No source has the weight file; the message says how to get it."""


class IntegrityError(PhizError, ValueError):
    """A file's hash is not the one its publisher's file has."""


class DownloadError(PhizError, OSError):
    """A file could not be fetched."""


class LicenceError(PhizError, PermissionError):
    """The licence filter in force refuses this model."""


class DeviceError(PhizError, RuntimeError):
    """The device asked for is not there."""


class MissingExtra(PhizError, ImportError):  # noqa: N818 - reads as what happened
    """An optional dependency is not installed; the message has the install line."""
