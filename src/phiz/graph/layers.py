"""The layers, inputs and losses that dlib architectures are made of.

A layer says what a dlib network's C++ type says; what its file says comes with
:class:`phiz.graph.arch.LayerParams`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = [
    "AddPrev",
    "Affine",
    "AvgPool",
    "Con",
    "Concat",
    "Cont",
    "Fc",
    "Gelu",
    "Input",
    "InputMatrix",
    "InputPlanes",
    "InputPyramid",
    "InputRgb",
    "Layer",
    "LayerNorm",
    "LeakyRelu",
    "Linear",
    "Loss",
    "LossBarlowTwins",
    "LossMetric",
    "LossMmod",
    "LossPlain",
    "MaxPool",
    "Multiply",
    "MultmPrev",
    "PatchesToSequence",
    "Relu",
    "Repeat",
    "ReshapeTo",
    "ResizeTo",
    "RmsNorm",
    "Rotary",
    "Sig",
    "Skip",
    "Softmaxm",
    "Tag",
    "Transpose",
    "TrilMask",
    "chain",
]


@dataclass(frozen=True, slots=True)
class InputRgb:
    """RGB pictures: (value - mean) / 256, with the means from the file.

    size: side of the square picture that the network is fed.
    sized: the file states the size (dlib's input_rgb_image_sized).
    """

    size: int
    sized: bool = False


@dataclass(frozen=True, slots=True)
class InputPyramid:
    """A picture of any size and its smaller copies on one canvas (input_rgb_image_pyramid)."""


@dataclass(frozen=True, slots=True)
class InputMatrix:
    """Pictures as they are, values / 256 (dlib's input<matrix<unsigned char or rgb_pixel>>)."""

    rows: int
    columns: int
    pixels: Literal["gray", "rgb"] = "gray"


@dataclass(frozen=True, slots=True)
class InputPlanes:
    """``planes`` float32 numbers (dlib's input<array<matrix<float,1,1>>>)."""

    planes: int


@dataclass(frozen=True, slots=True)
class Con:
    """A convolution of ``filters`` square kernels.

    pad: by default half the kernel at stride 1 and none otherwise, as dlib's ``con``.
    """

    filters: int
    side: int
    stride: int = 1
    pad: int | None = None

    @property
    def padding(self) -> int:
        """Zeros around the input."""
        if self.pad is not None:
            return self.pad
        return self.side // 2 if self.stride == 1 else 0


@dataclass(frozen=True, slots=True)
class Cont(Con):
    """A transposed convolution, which makes its input larger by the stride."""


@dataclass(frozen=True, slots=True)
class Affine:
    """A scale and shift per channel; a file may have batch normalisation in its place."""


@dataclass(frozen=True, slots=True)
class Relu:
    """max(0, x)."""


@dataclass(frozen=True, slots=True)
class LeakyRelu:
    """x where it is positive, else alpha x; alpha is in the file."""


@dataclass(frozen=True, slots=True)
class Sig:
    """1 / (1 + exp(-x))."""


@dataclass(frozen=True, slots=True)
class Multiply:
    """x times a number in the file; where the file has dropout, what dropout leaves on average."""


@dataclass(frozen=True, slots=True)
class MaxPool:
    """The maximum of each window."""

    side: int
    stride: int
    pad: int = 0


@dataclass(frozen=True, slots=True)
class AvgPool:
    """The mean of each window; side 0 is the whole picture."""

    side: int = 0
    stride: int = 1


@dataclass(frozen=True, slots=True)
class Fc:
    """A fully connected layer."""

    outputs: int
    bias: bool = True


@dataclass(frozen=True, slots=True)
class Linear:
    """A fully connected layer over the columns of each row."""

    outputs: int
    bias: bool = True


@dataclass(frozen=True, slots=True)
class Gelu:
    """x times the share of a normal distribution below x."""


@dataclass(frozen=True, slots=True)
class LayerNorm:
    """A sample less its mean, over its deviation; then a scale and shift per channel."""


@dataclass(frozen=True, slots=True)
class RmsNorm:
    """A sample over the root of its mean square; then a scale per channel."""


@dataclass(frozen=True, slots=True)
class Softmaxm:
    """e to the power of each number, over the sum of its row (dlib's plane-wise softmax)."""


@dataclass(frozen=True, slots=True)
class TrilMask:
    """Minus infinity to the right of each plane's diagonal."""


@dataclass(frozen=True, slots=True)
class Transpose:
    """Rows become columns."""


@dataclass(frozen=True, slots=True)
class ReshapeTo:
    """The same numbers in as many channels, rows and columns."""

    channels: int
    rows: int
    columns: int


@dataclass(frozen=True, slots=True)
class PatchesToSequence:
    """A row for each pixel, with its channels as columns; one channel (Cydral's layer)."""


@dataclass(frozen=True, slots=True)
class Rotary:
    """Turns each row's pairs of columns by angles in the file (Su et al. 2021; Cydral's layer)."""


@dataclass(frozen=True, slots=True)
class Tag:
    """Names the value here."""

    number: int


@dataclass(frozen=True, slots=True)
class Skip:
    """Goes on from the tagged value."""

    number: int


@dataclass(frozen=True, slots=True)
class AddPrev:
    """Adds the tagged value; what is smaller is filled up with zeros at the end of each axis."""

    number: int


@dataclass(frozen=True, slots=True)
class MultmPrev:
    """Each plane as a matrix, times that of the tagged value."""

    number: int


@dataclass(frozen=True, slots=True)
class Concat:
    """The channels of tagged values, one after the other."""

    tags: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ResizeTo:
    """Bilinear resizing to the rows and columns of the tagged value."""

    number: int


@dataclass(frozen=True, slots=True)
class Repeat:
    """The same layers ``count`` times, which a file keeps together (dlib's repeat)."""

    count: int
    layers: tuple[Layer, ...]


@dataclass(frozen=True, slots=True)
class LossMetric:
    """dlib's metric learning loss; its output is the network's."""


@dataclass(frozen=True, slots=True)
class LossMmod:
    """dlib's max-margin object detection loss; its options say what the windows are."""


@dataclass(frozen=True, slots=True)
class LossBarlowTwins:
    """dlib's loss for learning without labels; its weight is in the file."""


@dataclass(frozen=True, slots=True)
class LossPlain:
    """A loss of which a file keeps nothing but the name, such as ``loss_multiclass_log_``."""

    name: str


Input: TypeAlias = "InputRgb | InputPyramid | InputMatrix | InputPlanes"
Loss: TypeAlias = "LossMetric | LossMmod | LossBarlowTwins | LossPlain"
Layer: TypeAlias = (
    "Con | Cont | Affine | Relu | LeakyRelu | Sig | Multiply | MaxPool | AvgPool | Fc"
    " | Linear | Gelu | LayerNorm | RmsNorm | Softmaxm | TrilMask | Transpose | ReshapeTo"
    " | PatchesToSequence | Rotary"
    " | Tag | Skip | AddPrev | MultmPrev | Concat | ResizeTo | Repeat"
)
Parts: TypeAlias = "Layer | Sequence[Parts]"


def chain(*parts: Parts) -> tuple[Layer, ...]:
    """Flatten nested sequences of layers, so that blocks can be functions and repeats a product.

    >>> len(chain(Relu(), 2 * [Tag(1), (Relu(), AddPrev(1))]))
    7
    """

    def flat(part: Parts) -> Iterator[Layer]:
        if isinstance(part, Sequence):
            for inner in part:
                yield from flat(inner)
        else:
            yield part

    return tuple(flat(parts))
