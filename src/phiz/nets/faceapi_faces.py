"""face-api.js's networks that look at one face.

Source: face-api.js 0.22.2, ``src/faceFeatureExtractor``, ``src/faceLandmarkNet``,
``src/faceExpressionNet``, ``src/ageGenderNet``, ``src/xception``, ``src/faceRecognitionNet``.
"""

from __future__ import annotations

from phiz.nets.faceapi_layers import Layers, Networks, Tensors

__all__ = [
    "faceapi_age_gender",
    "faceapi_expression",
    "faceapi_face_resnet",
    "faceapi_landmarks_68",
    "faceapi_landmarks_68_tiny",
]


def _features(net: Layers, counts: tuple[int, ...], convolutions: int) -> str:
    """Append dense blocks, in each of which a convolution takes the sum of those before it."""
    x = net.pixels(112, 112)
    for block, count in enumerate(counts):
        first = net.separable if block else net.conv_3x3
        x = total = net.relu(first(x, f"dense{block}/conv0", count, stride=2))
        for i in range(1, convolutions):
            total = net.add(total, net.separable(x, f"dense{block}/conv{i}", count))
            x = net.relu(total)
    return net.mean(x, "features")


def faceapi_landmarks_68(tensors: Tensors) -> Networks:
    """Points (n, 136, 1, 1) of a face, 112 x 112: x, y in parts of the square, 68 times."""
    net = Layers("faceapi-landmarks-68", tensors)
    x = _features(net, (32, 64, 128, 256), 4)
    return Networks((net.graph(net.dense(x, "fc", 136, label="points")),))


def faceapi_landmarks_68_tiny(tensors: Tensors) -> Networks:
    """As :func:`faceapi_landmarks_68`, with a fifth of the weights."""
    net = Layers("faceapi-landmarks-68-tiny", tensors)
    x = _features(net, (32, 64, 128), 3)
    return Networks((net.graph(net.dense(x, "fc", 136, label="points")),))


def faceapi_expression(tensors: Tensors) -> Networks:
    """Logits (n, 7, 1, 1) of a face's expressions, 112 x 112."""
    net = Layers("faceapi-expression", tensors)
    x = _features(net, (32, 64, 128, 256), 4)
    return Networks((net.graph(net.dense(x, "fc", 7, label="logits")),))


def faceapi_age_gender(tensors: Tensors) -> Networks:
    """A small Xception, 112 x 112: age (n, 1, 1, 1) in years, gender (n, 2, 1, 1) as logits."""
    net = Layers("faceapi-age-gender", tensors)

    def reduction(x: str, name: str, count: int, *, active: bool = True) -> str:
        value = net.separable(net.relu(x) if active else x, f"{name}/separable_conv0", count)
        value = net.separable(net.relu(value), f"{name}/separable_conv1", count)
        straight = net.conv(x, f"{name}/expansion_conv", count, stride=2)
        return net.add(net.max_pool(value, 3), straight)

    x = net.relu(net.conv_3x3(net.pixels(112, 112), "entry_flow/conv_in", 32, stride=2))
    x = reduction(x, "entry_flow/reduction_block_0", 64, active=False)
    x = reduction(x, "entry_flow/reduction_block_1", 128)
    for block in range(2):
        value = x
        for i in range(3):
            name = f"middle_flow/main_block_{block}/separable_conv{i}"
            value = net.separable(net.relu(value), name, 128)
        x = net.add(value, x)
    x = reduction(x, "exit_flow/reduction_block", 256)
    x = net.relu(net.separable(x, "exit_flow/separable_conv", 512))
    x = net.mean(x, "features")
    age = net.dense(x, "fc/age", 1, label="age")
    return Networks((net.graph(age, net.dense(x, "fc/gender", 2, label="gender")),))


def faceapi_face_resnet(tensors: Tensors) -> Networks:
    """ResNet of dlib with 29 convolutions, 150 x 150: descriptor (n, 128, 1, 1), not normalised."""
    net = Layers("faceapi-face-resnet", tensors)

    def conv(x: str, name: str, count: int, side: int = 3, stride: int = 1) -> str:
        x = net.conv(x, f"{name}/conv", count, side, stride=stride, same=stride == 1)
        return net.scale(x, f"{name}/scale")

    def block(x: str, name: str, count: int) -> str:
        value = conv(net.relu(conv(x, f"{name}/conv1", count)), f"{name}/conv2", count)
        return net.relu(net.add(value, x))

    def down(x: str, name: str, count: int) -> str:
        value = net.relu(conv(x, f"{name}/conv1", count, stride=2))
        return net.relu(net.add(conv(value, f"{name}/conv2", count), net.avg_pool(x, 2)))

    x = net.relu(conv(net.pixels(150, 150), "conv32_down", 32, 7, 2))
    x = net.max_pool(x, 3, same=False)
    for count, blocks in ((32, 3), (64, 3), (128, 2), (256, 2)):
        if count > 32:
            x = down(x, f"conv{count}_down", count)
        for i in range(blocks):
            x = block(x, f"conv{count}_{i + 1}", count)
    x = net.mean(down(x, "conv256_down_out", 256), "features")
    return Networks((net.graph(net.matrix(x, "fc", 128, label="descriptor")),))
