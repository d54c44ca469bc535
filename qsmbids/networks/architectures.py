"""Every network that a weights file can hold, by name."""

from __future__ import annotations

from qsmbids.networks.brainmask import BrainMaskNet
from qsmbids.networks.inversion import ConsistentNet, DirectNet
from qsmbids.networks.uncertainty_net import SpreadNet
from qsmbids.networks.unet import Network

ARCHITECTURES: dict[str, type[Network]] = {
    network.name: network for network in (DirectNet, ConsistentNet, SpreadNet, BrainMaskNet)
}
