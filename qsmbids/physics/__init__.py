"""The physics of magnetic susceptibility: units, geometry, the dipole kernel and its field."""

from qsmbids.physics.dipole import DipoleConvolution, forward_field
from qsmbids.physics.geometry import b0_direction, bounding_box, voxel_size
from qsmbids.physics.kernel import dipole_kernel
from qsmbids.physics.problem import Problem
from qsmbids.physics.units import GAMMA_HZ_PER_T, hz_per_ppm, radians_per_ppm

__all__ = [
    "GAMMA_HZ_PER_T",
    "DipoleConvolution",
    "Problem",
    "b0_direction",
    "bounding_box",
    "dipole_kernel",
    "forward_field",
    "hz_per_ppm",
    "radians_per_ppm",
    "voxel_size",
]
