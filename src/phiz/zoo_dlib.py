"""The entries of dlib's own models.

Hashes were computed from the files themselves or taken from a published tree; none is made up.
The registry packages carry the very files of dlib-models: compressed again with ``bzip2 -9`` they
have the git blob ids of the dlib-models tree at commit fd81b63 (2025-05-28).
"""

from __future__ import annotations

from phiz.geometry import DLIB_150
from phiz.zoo_entry import Entry, Licence, Revision, Source

__all__ = ["ENTRIES", "README", "models_source"]

README = "https://github.com/davisking/dlib-models#readme"


def models_source(
    file: str, git_blob: str, *, size: int | None = None, sha256: str | None = None
) -> tuple[Source, ...]:
    """Return the place of a file in the dlib-models repository, packed with bzip2."""
    url = f"https://github.com/davisking/dlib-models/raw/master/{file}.bz2"
    return (Source(url, size, sha256, git_blob),)


def _sources(file: str, size: int, sha256: str, git_blob: str) -> tuple[Source, ...]:
    return tuple(
        Source(f"{root}/{file}.bz2", size, sha256, git_blob)
        for root in ("https://github.com/davisking/dlib-models/raw/master", "http://dlib.net/files")
    )


_RESNET = "dlib_face_recognition_resnet_model_v1.dat"
_FIVE = "shape_predictor_5_face_landmarks.dat"
_SIXTY_EIGHT = "shape_predictor_68_face_landmarks.dat"

_GTX = "shape_predictor_68_face_landmarks_GTX.dat"
_DOG = "mmod_dog_hipsterizer.dat"


def _public_domain(training_data: str) -> Licence:
    return Licence("public domain (CC0-1.0)", README, training_data, "yes")


_IMAGENET = _public_domain("ImageNet, whose terms of access are for research")

ENTRIES = (
    Entry(
        name="dlib-hog-frontal",
        kind="hog-detector",
        file="dlib_frontal_face_detector.svm",
        summary="Upright faces looking at the camera, from 80 pixels (40 with upsample 1).",
        licence=Licence(
            text="BSL-1.0",
            evidence="https://github.com/davisking/dlib/blob/master/dlib/LICENSE.txt",
            training_data="about 3,000 pictures chosen and labelled by dlib's author",
            commercial="yes",
        ),
        revisions=(
            Revision(
                "dlib 20.0.1",
                155_005,
                "f3f7aa833fb4a14a46fc48689f45b98d85ef72d6dfaf8bdc012b7d3c522a5426",
            ),
        ),
        limits="Misses profiles, faces tilted by more than about 30 degrees, and covered faces.",
        labels=("front", "left", "right", "front-rotated-left", "front-rotated-right"),
    ),
    Entry(
        name="dlib-landmarks-5",
        kind="landmarks",
        file=_FIVE,
        summary="Corners of both eyes and the bottom of the nose.",
        licence=Licence(
            text="public domain (CC0-1.0)",
            evidence=README,
            training_data="7,198 faces collected from the internet and labelled by dlib's author",
            commercial="yes",
        ),
        revisions=(
            Revision(
                "dlib-models",
                9_150_489,
                "c4b1e9804792707d3a405c2c16a80a20269e6675021f64a41d30fffafbc41888",
                _sources(
                    _FIVE,
                    5_706_710,
                    "6e787bbebf5c9efdb793f6cd1f023230c4413306605f24f299f12869f95aa472",
                    "3021e2b5f7074adc3cf0ea7590478aaf0b871876",
                ),
            ),
        ),
        limits="Made for the boxes of dlib's HOG and CNN face detectors.",
        scheme="dlib-5",
        extra="weights",
    ),
    Entry(
        name="dlib-landmarks-68",
        kind="landmarks",
        file=_SIXTY_EIGHT,
        summary="Jaw, brows, eyes, nose and mouth: the 68 iBUG points.",
        licence=Licence(
            text="not for commercial products",
            evidence=README,
            training_data="iBUG 300-W, whose licence excludes commercial use",
            commercial="no",
        ),
        revisions=(
            Revision(
                "dlib-models",
                99_693_937,
                "fbdc2cb80eb9aa7a758672cbfdda32ba6300efe9b6e6c7a299ff7e736b11b92f",
                _sources(
                    _SIXTY_EIGHT,
                    64_040_097,
                    "7d6637b8f34ddb0c1363e09a4628acb34314019ec3566fd66b80c04dda6980f5",
                    "9ab195b761b6d32d3cd8d9f0c566993b6e6e3f5f",
                ),
            ),
        ),
        limits="Made for the boxes of dlib's HOG detector; worse with differently placed boxes.",
        scheme="ibug-68",
        extra="weights68",
    ),
    Entry(
        name="dlib-face-resnet-v1",
        kind="descriptor",
        file=_RESNET,
        summary="128 numbers per face; 99.38 % on LFW.",
        licence=Licence(
            text="public domain (CC0-1.0)",
            evidence=README,
            training_data="3 million faces of 7,485 people from FaceScrub, VGG-Face and the "
            "internet; VGG-Face and FaceScrub were published for research",
            commercial="yes",
        ),
        revisions=(
            Revision(
                "dlib-models",
                22_466_066,
                "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
                _sources(
                    _RESNET,
                    21_428_389,
                    "abb1f61041e434465855ce81c2bd546e830d28bcbed8d27ffbe5bb408b11553a",
                    "6c3a71f376b4a6df36d6db00847253b0461cf5ab",
                ),
            ),
        ),
        limits="Trained mostly on celebrities of Western media. Error rates differ between groups "
        "of people and are higher for children: measure on your own data.",
        architecture="dlib-face-resnet",
        chip=DLIB_150,
        threshold=0.6,
        threshold_source="radius of its training loss; dlib examples/dnn_face_recognition_ex.cpp",
        extra="weights",
    ),
    Entry(
        name="dlib-landmarks-68-gtx",
        kind="landmarks",
        file=_GTX,
        summary="The 68 iBUG points, by a smaller, faster and smoother model.",
        licence=Licence(
            text="not for commercial products",
            evidence=README,
            training_data="iBUG 300-W, whose licence excludes commercial use",
            commercial="no",
        ),
        revisions=(
            Revision(
                "dlib-models",
                None,
                None,
                models_source(_GTX, "f381fbd244d6f2ca0bcdef242756d2a462816b12"),
            ),
        ),
        limits="Robust to detectors, but best with square boxes such as those of dlib's detectors.",
        scheme="ibug-68",
    ),
    Entry(
        name="dlib-mmod-human",
        kind="mmod-detector",
        file="mmod_human_face_detector.dat",
        summary="Faces in any pose, from 80 pixels (40 with upsample 1), by a network.",
        licence=_public_domain(
            "faces that dlib's author annotated in pictures from ImageNet, AFLW, Pascal VOC, "
            "VGG-Face, WIDER and FaceScrub, some of which were published for research"
        ),
        revisions=(
            Revision(
                "dlib-models",
                729_940,
                "be467b1a76f482693de3b0f6a1ff91d092319be71523d4d4b0628f6a53fcb87a",
                models_source(
                    "mmod_human_face_detector.dat",
                    "f5093194e8025223bad20165a8520357d1797dae",
                    size=694_687,
                    sha256="db9e9e40f092c118d5eb3e643935b216838170793559515541c56a2b50d9fc84",
                ),
            ),
            Revision(  # of the same size, with other weights
                "face_recognition_models",
                729_940,
                "4cb19393e2fbaf2b1609a9319ad5386618c886a6234ec1b971f3e87c85d87fe6",
            ),
        ),
        limits="Slower than HOG, and its boxes are placed differently: 68-point models made for "
        "HOG's boxes are worse on them.",
        architecture="dlib-mmod-human",
        extra="weights",
    ),
    Entry(
        name="dlib-mmod-rear-vehicle",
        kind="mmod-detector",
        file="mmod_rear_end_vehicle_detector.dat",
        summary="The rear ends of vehicles, seen from behind the windscreen of another.",
        licence=_public_domain("pictures from dashcams, labelled by dlib's author"),
        revisions=(
            Revision(
                "dlib-models",
                6_038_480,
                "d7d77e9091421815821d156e0e8b8b7409752b87d7d4237ffd07e14c10518cb6",
                models_source(
                    "mmod_rear_end_vehicle_detector.dat",
                    "84cbf37b2715e6161a80a36f42b6b2b9f980f3a5",
                    size=3_736_851,
                    sha256="870d512c6ee7aeafc398190fface548ba10cdd2eff266f412cf16c786dbd81d0",
                ),
            ),
        ),
        limits="Made for dashcams.",
        architecture="dlib-mmod-rear-vehicle",
        labels=("rear", "rear", "rear"),
        finds="vehicle",
    ),
    Entry(
        name="dlib-mmod-vehicle",
        kind="mmod-detector",
        file="mmod_front_and_rear_end_vehicle_detector.dat",
        summary="The fronts and rear ends of vehicles.",
        licence=_public_domain("pictures from dashcams, labelled by dlib's author"),
        revisions=(
            Revision(
                "dlib-models",
                6_092_424,
                "4baf25b1713a2c5ca2f10dbe4808c464b325a9413e9e25c066abde3d5a50741e",
                models_source(
                    "mmod_front_and_rear_end_vehicle_detector.dat",
                    "0761460380e529c111508d359292dedc353b7659",
                    size=3_865_588,
                    sha256="7cab6a83a4ddff4b7da42ffd06d8ff3456c8014fc7bb48108dc8f64ed46d2c7a",
                ),
            ),
        ),
        limits="Made for dashcams.",
        architecture="dlib-mmod-vehicle",
        finds="vehicle",
    ),
    Entry(
        name="dlib-mmod-dog",
        kind="mmod-detector",
        file=_DOG,
        summary="The faces of dogs.",
        licence=_public_domain("the Columbia Dogs data set, relabelled by dlib's author"),
        revisions=(
            Revision(
                "dlib-models",
                None,
                None,
                models_source(_DOG, "d9d4e6134e8983554b7c39e4f6b3dc234450eb1e"),
            ),
        ),
        limits="Dogs only.",
        architecture="dlib-mmod-dog",
        finds="dog",
    ),
    Entry(
        name="dlib-landmarks-dog",
        kind="landmarks",
        file=_DOG,
        summary="Six points of a dog's face: top of the head, ears, eyes and nose.",
        licence=_public_domain("the Columbia Dogs data set, relabelled by dlib's author"),
        revisions=(
            Revision(
                "dlib-models",
                None,
                None,
                models_source(_DOG, "d9d4e6134e8983554b7c39e4f6b3dc234450eb1e"),
            ),
        ),
        limits="Made for the boxes of dlib-mmod-dog.",
        architecture="dlib-mmod-dog",
        scheme="dog-6",
    ),
    Entry(
        name="dlib-imagenet-resnet34",
        kind="classifier",
        file="resnet34_1000_imagenet_classifier.dnn",
        summary="Which of 1,000 kinds of things a picture shows.",
        licence=_IMAGENET,
        revisions=(
            Revision(
                "dlib-models",
                None,
                None,
                models_source(
                    "resnet34_1000_imagenet_classifier.dnn",
                    "9d496be0af2c1e2e0e51d30a48465d2aa3a3cea0",
                ),
            ),
        ),
        limits="The 1,000 classes of ImageNet's challenge, many of them breeds of dogs.",
        architecture="dlib-imagenet-resnet34",
    ),
    Entry(
        name="dlib-imagenet-resnet50",
        kind="classifier",
        file="resnet50_1000_imagenet_classifier.dnn",
        summary="The same with 50 layers: 77.3 % right at first, 93.4 % among five.",
        licence=_IMAGENET,
        revisions=(
            Revision(
                "dlib-models",
                None,
                None,
                models_source(
                    "resnet50_1000_imagenet_classifier.dnn",
                    "095a1d43a25f6b7db3d5dbd001306a631659c782",
                ),
            ),
        ),
        limits="The 1,000 classes of ImageNet's challenge, many of them breeds of dogs.",
        architecture="dlib-imagenet-resnet50",
    ),
)
