"""``cnn_face_detection_model_v1``: max-margin networks that find faces.

Source: dlib ``python/src/cnn_face_detector.cpp``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import numpy as np

from phiz.checks import U8
from phiz.compat.dlib.binding import Bound, Overloads, bound
from phiz.compat.dlib.failures import failed, runtime_errors
from phiz.compat.dlib.files import load_network
from phiz.compat.dlib.images import AnyArray, eight_bit
from phiz.compat.dlib.kinds import MISMATCH, Int32, Kind
from phiz.compat.dlib.mmod import make_mmod_rectangle, mmod_rectangles, mmod_rectangless
from phiz.compat.dlib.rectangles import make_rectangle
from phiz.values import Faces

if TYPE_CHECKING:
    from phiz.models.mmod import MmodDetector

__all__ = ["cnn_face_detection_model_v1"]


def _returned(text: str) -> Kind:
    return Kind(text, lambda _value, _convert: MISMATCH)


# dlib's own signatures spell these so: they were made before the classes had names.
_FOUND = "std::vector<dlib::mmod_rect, std::allocator<dlib::mmod_rect> >"
EarlyFound: TypeAlias = Annotated[Any, _returned(_FOUND)]
EarlyFounds: TypeAlias = Annotated[
    Any, _returned(f"std::vector<{_FOUND}, std::allocator<{_FOUND} > >")
]


@bound
class cnn_face_detection_model_v1(Bound):  # noqa: N801 - dlib's name
    """Finds faces with a network; threads may share one."""

    __slots__ = ("_model",)
    _model: MmodDetector
    __init__ = Overloads()
    __call__ = Overloads()

    @__init__.add
    def _(self, filename: str) -> None:
        self._model = load_network(filename, "mmod-detector").unrefined()

    @__call__.add
    def _(
        self, imgs: list[Any], upsample_num_times: Int32 = 0, batch_size: Int32 = 128
    ) -> EarlyFounds:
        pictures = [eight_bit(np.asarray(each)) for each in imgs]
        if len({picture.shape[:2] for picture in pictures}) > 1:
            raise RuntimeError("Images in list must all have the same dimensions.")
        if pictures and batch_size < 1:
            raise failed(
                "dlib/dnn/input.h:813",
                "void dlib::detail::input_image_pyramid<PYRAMID_TYPE>::to_tensor_init("
                "forward_iterator, forward_iterator, dlib::resizable_tensor&, unsigned int) const "
                "[with forward_iterator = __gnu_cxx::__normal_iterator<const "
                "dlib::matrix<dlib::rgb_pixel>*, std::vector<dlib::matrix<dlib::rgb_pixel> > >; "
                "PYRAMID_TYPE = dlib::pyramid_down<6>]",
                "std::distance(ibegin, iend) > 0",
                "",
            )
        made = mmod_rectangless()
        made._items = [self._find(picture, upsample_num_times) for picture in pictures]
        return made

    @__call__.add
    def _(self, img: AnyArray, upsample_num_times: Int32 = 0) -> EarlyFound:
        return self._find(eight_bit(img), upsample_num_times)

    def _find(self, picture: U8, upsample: int) -> mmod_rectangles:
        if 0 in picture.shape:
            return mmod_rectangles()
        with runtime_errors():
            return _made(self._model(picture, upsample=upsample))


def _made(faces: Faces) -> mmod_rectangles:
    made = mmod_rectangles()
    made._items = [
        make_mmod_rectangle(make_rectangle(left, top, right - 1, bottom - 1), score)
        for (left, top, right, bottom), score in zip(
            faces.boxes.astype(np.int64).tolist(), faces.scores.tolist(), strict=True
        )
    ]
    return made
