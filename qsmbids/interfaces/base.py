"""What all interfaces share: threads, time, and errors in one sentence."""

from __future__ import annotations

import errno
import time
from contextlib import nullcontext
from typing import Any

from nipype.interfaces.base import (
    BaseInterfaceInputSpec,
    File,
    SimpleInterface,
    TraitedSpec,
    traits,
)

from qsmbids.errors import InputError, QsmbidsError
from qsmbids.freed_memory import nothing_kept
from qsmbids.interfaces import memory
from qsmbids.provenance import code_digest

_DISK = {
    errno.ENOSPC: "the disk is full; free space, or choose another folder",
    errno.EDQUOT: "the disk quota is used up; free space, or choose another folder",
    errno.EROFS: "the folder is read-only; choose another",
    errno.EACCES: "permission is denied; choose another folder, or change its mode",
    errno.EPERM: "permission is denied; choose another folder, or change its mode",
}


def saved_array(**metadata: Any) -> Any:
    """A saved array: its path tells its content, so that only the path is hashed."""
    return File(exists=True, hash_files=False, **metadata)


class StageInputs(BaseInterfaceInputSpec):
    """Inputs of every stage."""

    key = traits.Str(mandatory=True, desc="the series' name")
    code = traits.Str(code_digest(), usedefault=True, desc="other code's results are stale")
    num_threads = traits.Range(low=1, value=1, usedefault=True, nohash=True, desc="threads")


class GridInputs(StageInputs):
    """Inputs of stages whose arrays lie on one grid."""

    grid = traits.Dict(mandatory=True, desc="shape, affine, voxel size and B0 direction")


class LocalFieldInputs(GridInputs):
    """Inputs of stages that take a local field with all that belongs to it."""

    field = saved_array(mandatory=True, desc="(x, y, z) in ppm")
    mask = saved_array(mandatory=True, desc="where it is valid")
    weight = saved_array(desc="how far to trust it, 0 to 1")


class MethodInputs(StageInputs):
    """Inputs of stages that offer several methods."""

    method = traits.Str(mandatory=True)
    options = traits.Dict(desc="the method's own")


class StageOutputs(TraitedSpec):
    """Outputs of every stage."""

    stage = traits.Dict(desc="Name, Method, Parameters, Seconds, PeakMemoryMB, Warnings")


class WrittenOutputs(StageOutputs):
    """Outputs of stages that write files."""

    written = traits.List(traits.Str)


class Stage(SimpleInterface):
    """A stage of the chain: subclasses fill `_compute`.

    Whatever goes wrong with the data or the disk leaves as an `InputError` of one sentence that
    begins with the series' name.
    """

    _iterates = False  # whether it asks for the same memory again and again

    def _run_interface(self, runtime: Any) -> Any:
        from scipy.fft import set_workers

        start = time.perf_counter()
        memory.forget_peak()
        key = self.inputs.key
        try:
            kept = nullcontext() if self._iterates else nothing_kept()
            with set_workers(self.inputs.num_threads), kept:
                self._compute(runtime.cwd)
        except QsmbidsError as error:
            text = str(error)
            raise InputError(text if text.startswith("sub-") else f"{key}: {text}") from error
        except ValueError as error:
            raise InputError(f"{key}: {str(error).rstrip('.')}.") from error
        except MemoryError as error:
            raise InputError(
                f"{key}: memory ran out; lower --nprocs, or run where there is more."
            ) from error
        except OSError as error:
            raise _plain(key, error) from error
        told = memory.peak()
        if told:  # under Nipype's own name, which it keeps beside the results of every stage
            runtime.mem_peak_gb = told["PeakMemoryMB"] / 1024
        if "stage" in self._results:
            self._results["stage"]["Seconds"] = round(time.perf_counter() - start, 2)
            self._results["stage"].update(told)
        return runtime

    def _compute(self, cwd: str) -> None:
        raise NotImplementedError

    def _describe(
        self, name: str, method: str, parameters: dict[str, Any], warnings: Any = ()
    ) -> None:
        """Note what the stage did, for sidecars and the methods text."""
        self._results["stage"] = {
            "Name": name,
            "Method": method,
            "Parameters": parameters,
            "Warnings": list(warnings),
        }


class WritingStage(Stage):
    """A stage that writes files; always run, for somebody may have removed them."""

    output_spec = WrittenOutputs
    _always_run = True


def _plain(key: str, error: OSError) -> Exception:
    """Say in one sentence what is wrong with the disk; return other errors as they are."""
    number = error.errno
    if number is None and "requested and" in str(error):  # NumPy's words for a short write
        number = errno.ENOSPC
    if number not in _DISK:
        return error
    return InputError(f"{key}: {error.filename or 'writing'}: {_DISK[number]}.")
