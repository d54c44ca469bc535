"""Every network that a weights file can hold, by name."""

from __future__ import annotations

from qsmbids.nets.brainmask import BrainMaskNet
from qsmbids.nets.inversion import ConsistentNet, DirectNet
from qsmbids.nets.spread import SpreadNet
from qsmbids.nets.unet import Network

ARCHITECTURES: dict[str, type[Network]] = {
    network.name: network for network in (DirectNet, ConsistentNet, SpreadNet, BrainMaskNet)
}
