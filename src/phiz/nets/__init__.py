"""Published architectures: one short function each, read like the tables of their authors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Final

from phiz.graph.arch import Arch, Layout
from phiz.nets.barel_densenet import barel_face_densenet
from phiz.nets.cydral_attributes import cydral_age, cydral_gender
from phiz.nets.cydral_colorify import cydral_colorify
from phiz.nets.cydral_dcgan import cydral_dcgan, cydral_dcgan_generator
from phiz.nets.cydral_training import cydral_resnet34_stable, cydral_resnet50_ssl
from phiz.nets.dlib_face_resnet import dlib_face_resnet
from phiz.nets.dlib_mmod import dlib_mmod_dog, dlib_mmod_human, dlib_mmod_vehicle
from phiz.nets.faceapi import TFJS_ARCHITECTURES, PixelSpec, TfjsArch, match_tensors
from phiz.nets.faceapi_layers import Networks
from phiz.nets.resnet import dlib_imagenet_resnet34, dlib_imagenet_resnet50, taguchi_gender

__all__ = [
    "ARCHITECTURES",
    "TFJS_ARCHITECTURES",
    "Networks",
    "PixelSpec",
    "TfjsArch",
    "match_tensors",
]

ARCHITECTURES: Final[Mapping[str, Callable[[], Arch | Layout]]] = MappingProxyType(
    {
        "dlib-face-resnet": dlib_face_resnet,
        "barel-face-densenet": barel_face_densenet,
        "dlib-mmod-human": dlib_mmod_human,
        "dlib-mmod-dog": dlib_mmod_dog,
        "dlib-mmod-rear-vehicle": partial(dlib_mmod_vehicle, "dlib-mmod-rear-vehicle", 3),
        "dlib-mmod-vehicle": partial(dlib_mmod_vehicle, "dlib-mmod-vehicle", 6),
        "cydral-gender": cydral_gender,
        "cydral-age": cydral_age,
        "taguchi-gender": taguchi_gender,
        "dlib-imagenet-resnet34": dlib_imagenet_resnet34,
        "dlib-imagenet-resnet50": dlib_imagenet_resnet50,
        "cydral-dcgan": cydral_dcgan,
        "cydral-dcgan-3x3": partial(cydral_dcgan, 3),
        "cydral-dcgan-generator": cydral_dcgan_generator,
        "cydral-colorify": cydral_colorify,
        "cydral-resnet34-stable": cydral_resnet34_stable,
        "cydral-resnet50-ssl": cydral_resnet50_ssl,
    }
)
"""Every dlib architecture phiz knows, by name: a network, or all that its weight file holds."""
