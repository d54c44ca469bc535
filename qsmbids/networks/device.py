"""Where networks compute, and how precisely."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import scipy.fft
import torch

from qsmbids.errors import UsageError

_OUT_OF_MEMORY = ("allocate memory", "out of memory", "alloc_failed")
"""Of PyTorch on a CPU and on a GPU, and of cuFFT, cuBLAS and cuDNN."""


def pick_device(device: str | torch.device = "auto", local_rank: int | None = None) -> torch.device:
    """Return the device of that name.

    Parameters
    ----------
    device : {"auto", "cpu", "cuda", "cuda:N"}
        ``auto`` is a graphics processor where there is one.
    local_rank : int, optional
        Number of this process among several of one machine, each of which takes the graphics
        processor of its number.

    Raises
    ------
    UsageError
        If the name is unknown or there is no such graphics processor.
    """
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if str(device) == "auto":
        device = "cuda" if count else "cpu"
    try:
        picked = torch.device(device)
    except RuntimeError:
        picked = None
    if picked is None or picked.type not in ("cpu", "cuda"):
        raise UsageError(f"The device {str(device)!r} is none of auto, cpu, cuda, cuda:0, cuda:1.")
    if picked.type == "cuda" and local_rank is not None:
        picked = torch.device("cuda", local_rank)
    if picked.type == "cuda" and (picked.index or 0) >= count:
        raise UsageError(
            f"There is no device {str(picked)!r}: PyTorch finds {count} graphics processors; "
            "use cpu or auto, or install a driver and a PyTorch that know yours."
        )
    return picked


def has_bfloat16(device: str | torch.device = "cpu") -> bool:
    """Whether the device computes in bfloat16 faster than in single precision.

    Intel's vector units know it, but take half as long again as in single precision for a U-Net,
    trained or applied; its matrix units (AMX), which a virtual machine may hide, are fast.
    """
    if torch.device(device).type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if _knows("amx_tile"):
        return True
    return _knows("avx512_bf16") and not _is_from_intel()


def _knows(feature: str) -> bool:
    known = getattr(torch.cpu, f"_is_{feature}_supported", None)
    return bool(known and known())


def _is_from_intel() -> bool:
    try:
        return "GenuineIntel" in Path("/proc/cpuinfo").read_text()
    except OSError:
        return False


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, on whatever device."""
    if isinstance(error, MemoryError | torch.cuda.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(
        sign in str(error).lower() for sign in _OUT_OF_MEMORY
    )


@contextmanager
def torch_threads() -> Iterator[None]:
    """Let torch use as many threads as ``scipy.fft`` does: the caller sets them in one place."""
    before = torch.get_num_threads()
    torch.set_num_threads(scipy.fft.get_workers())
    try:
        yield
    finally:
        torch.set_num_threads(before)
