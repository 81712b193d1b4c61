"""``dlib.cuda``: what dlib's module says where it was made without CUDA, as its wheel is.

Source: dlib ``cuda/cuda_dlib.h``, ``python/src/cnn_face_detector.cpp``.
"""

from __future__ import annotations

from phiz.compat.dlib.binding import Overloads
from phiz.compat.dlib.failures import failed
from phiz.compat.dlib.kinds import Int32

__all__ = ["get_device", "get_num_devices", "set_device"]

get_device = Overloads("get_device", "The device in use: 0, the processor.")
get_num_devices = Overloads("get_num_devices", "How many devices there are: 1, the processor.")
set_device = Overloads("set_device", "Choose the device; there is only 0.")


@get_device.add
def _() -> Int32:
    return 0


@get_num_devices.add
def _() -> Int32:
    return 1


@set_device.add
def _(device_id: Int32) -> None:
    if device_id != 0:
        raise failed(
            "dlib/dnn/../cuda/cuda_dlib.h:936",
            "void dlib::cuda::set_device(int)",
            "id == 0",
            "dlib::cuda::set_device(id) called with an invalid device id.",
        )
