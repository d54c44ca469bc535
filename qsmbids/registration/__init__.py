"""Bringing heads onto one grid: one head in several positions, a head and a template."""

from qsmbids.registration.affine import register_affine
from qsmbids.registration.comparison import without_coil
from qsmbids.registration.itk import demand_simpleitk
from qsmbids.registration.nonlinear import Channel, register_classes
from qsmbids.registration.resample import b0_after, resample, resample_labels, resample_mask
from qsmbids.registration.rigid import Rigid, register
from qsmbids.registration.warp import Warp, pull, push, write_transform

__all__ = [
    "Channel",
    "Rigid",
    "Warp",
    "b0_after",
    "demand_simpleitk",
    "pull",
    "push",
    "register",
    "register_affine",
    "register_classes",
    "resample",
    "resample_labels",
    "resample_mask",
    "without_coil",
    "write_transform",
]
