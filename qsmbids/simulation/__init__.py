"""The numerical head: its anatomy, susceptibility, field and gradient-echo signal, as arrays."""

from qsmbids.simulation.head import simulate_head
from qsmbids.simulation.head_recipe import Head, HeadRecipe
from qsmbids.simulation.tissues import TISSUES

__all__ = ["TISSUES", "Head", "HeadRecipe", "simulate_head"]
