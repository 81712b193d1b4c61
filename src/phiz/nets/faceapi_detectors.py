"""face-api.js's face detectors that look at the picture once.

Source: face-api.js 0.22.2, ``src/ssdMobilenetv1``, ``src/tinyFaceDetector``, ``src/tinyYolov2``.
"""

from __future__ import annotations

from phiz.nets.faceapi_layers import Layers, Networks, Tensors

__all__ = ["faceapi_ssd_mobilenetv1", "faceapi_tiny", "faceapi_tiny_yolov2"]

_UNUSED = (  # constants of the converted TensorFlow graph
    *(f"Prediction/BoxPredictor_{k}/stack_1/1" for k in range(6)),
    "Prediction/BoxPredictor_0/stack_1/2",
    "Prediction/BoxPredictor_0/stack/3",
    "Prediction/BoxPredictor_0/strided_slice/stack",
    "Prediction/BoxPredictor_0/strided_slice/stack_1",
    "Postprocessor/Slice/begin",
    "Postprocessor/Slice/size",
    "Postprocessor/stack/1",
    "Preprocessor/mul/x",
    "Preprocessor/sub/y",
    "Preprocessor/ResizeImage/size",
    "concat_1/axis",
)


def faceapi_ssd_mobilenetv1(tensors: Tensors) -> Networks:
    """SSD on MobileNet V1, 512 x 512.

    Returns boxes (n, 1, 5118, 4), encoded as y, x, height, width of their anchors, and classes
    (n, 1, 5118, 3), logits of which the second is a face.  The anchors, (5118, 4), are y0 x0 y1 x1
    in parts of the square.
    """
    net = Layers("faceapi-ssd-mobilenetv1", tensors, kernel="weights")

    def conv(x: str, name: str, count: int, side: int = 1, stride: int = 1) -> str:
        bias = "convolution_bn_offset"
        return net.relu6(net.conv(x, f"{name}_pointwise", count, side, stride=stride, bias=bias))

    def depthwise(x: str, name: str, stride: int) -> str:
        x = net.depthwise(x, f"{name}_depthwise", stride=stride, kernel="depthwise_weights")
        return net.relu6(net.batch_norm(x, f"{name}_depthwise/BatchNorm"))

    maps = []
    x = conv(net.planes(512, 512), "MobilenetV1/Conv2d_0", 32, 3, 2)
    counts = (64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)
    for i, count in enumerate(counts, 1):
        x = depthwise(x, f"MobilenetV1/Conv2d_{i}", 2 if i in (2, 4, 6, 12) else 1)
        x = conv(x, f"MobilenetV1/Conv2d_{i}", count)
        if i in (11, 13):
            maps.append(x)
    for i, (inner, count) in enumerate(((256, 512), (128, 256), (128, 256), (64, 128))):
        x = conv(x, f"Prediction/Conv2d_{2 * i}", inner)
        x = conv(x, f"Prediction/Conv2d_{2 * i + 1}", count, 3, 2)
        maps.append(x)

    def head(kind: str, size: int, name: str) -> str:
        values = []
        for k, each in enumerate(maps):
            count = size * (6 if k else 3)
            at = f"Prediction/BoxPredictor_{k}/{kind}"
            values.append(net.conv(each, at, count, bias="biases", label=f"{name}{k}"))
        return net.cells(values, size, name)

    boxes = head("BoxEncodingPredictor", 4, "boxes")
    classes = head("ClassPredictor", 3, "classes")
    anchors = tensors.take("Output/extra_dim", 1, 5118, 4)[0]
    tensors.ignore(_UNUSED)
    return Networks((net.graph(boxes, classes),), {"anchors": anchors})


def _tiny(net: Layers, x: str, last: tuple[int, ...]) -> Networks:
    """Append what follows on conv0.  last: channels of conv6 and so on."""
    for i, count in enumerate((32, 64, 128, 256, 512), 1):
        x = net.leaky(net.separable(net.max_pool(x, 2), f"conv{i}", count))
    x = net.max_pool(x, 2, 1)
    for i, count in enumerate(last, 6):
        x = net.leaky(net.separable(x, f"conv{i}", count))
    return Networks((net.graph(net.conv(x, "conv8", 25)),))


def faceapi_tiny(tensors: Tensors) -> Networks:
    """The Tiny Face Detector, for any sides that are multiples of 32.

    Returns conv8, (n, 25, rows / 32, columns / 32): for each of 5 anchors x, y, width, height and
    score.
    """
    net = Layers("faceapi-tiny", tensors)
    x = net.leaky(net.conv(net.planes(None, None), "conv0", 16, 3, same=False))
    return _tiny(net, x, ())


def faceapi_tiny_yolov2(tensors: Tensors) -> Networks:
    """Tiny YOLO v2 with separable convolutions; as :func:`faceapi_tiny`."""
    net = Layers("faceapi-tiny-yolov2", tensors)
    x = net.leaky(net.separable(net.planes(None, None), "conv0", 16))
    return _tiny(net, x, (1024, 1024))
