"""Bringing images of one head, taken in several positions, onto one grid."""

from qsmbids.registration.resample import b0_after, resample, resample_labels, resample_mask
from qsmbids.registration.rigid import Rigid, demand_simpleitk, register

__all__ = [
    "Rigid",
    "b0_after",
    "demand_simpleitk",
    "register",
    "resample",
    "resample_labels",
    "resample_mask",
]
