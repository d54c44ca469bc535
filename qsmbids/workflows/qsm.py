"""From images to susceptibility: the workflow that other Nipype workflows embed."""

from __future__ import annotations

from collections.abc import Collection

from nipype.interfaces.utility import IdentityInterface
from nipype.pipeline.engine import Node, Workflow

from qsmbids.interfaces.save_image import SaveImage
from qsmbids.settings import Processing
from qsmbids.workflows.node import stage_node
from qsmbids.workflows.stages import init_stages_wf, outputs_of

_IMAGES = {
    "brain": "brain_mask",
    "eroded": "mask",
    "reliable": "reliable_mask",
    "total": "total_field",
    "local": "local_field",
    "r2star": "r2star",
    "t2star": "t2star",
    "s0": "s0",
    "swi": "swi",
    "minimum": "swi_minimum",
}
"""Arrays that `init_qsm_wf` gives as images, and how it calls them."""
_MAPS = ("chi_", "uncertainty_")


def init_qsm_wf(
    processing: Processing,
    inputs: Collection[str] = ("magnitude", "phase", "echo_times", "field_strength"),
    *,
    echoes: int = 1,
    voxels: int = 10_000_000,
    name: str = "qsm_wf",
) -> Workflow:
    """Build a workflow from images to susceptibility that other Nipype workflows embed.

    Parameters
    ----------
    processing : Processing
        Methods and their options.
    inputs : collection of str
        Which of the inputs below will be set or connected. What is asked of them decides where
        the workflow starts: at ``magnitude`` and ``phase`` (or ``real`` and ``imaginary``), at
        a ``total_field`` or at a ``local_field``.
    echoes : int
        How many echoes there are; R2*, T2* and S0 need two.
    voxels : int
        Voxels of one volume, from which the memory of each stage is told.
    name : str
        The workflow's name.

    Returns
    -------
    Workflow
        With the nodes ``inputnode`` and ``outputnode``. Inputs: ``magnitude``, ``phase``,
        ``real``, ``imaginary`` (a NIfTI file an echo, in the order of time), ``phase_units``
        (``rad`` or ``arbitrary``), ``manufacturer``; ``echo_times`` (list, s),
        ``field_strength`` (T); ``total_field``, ``local_field`` (NIfTI), ``field_units``
        (``ppm``, ``Hz``, ``rad/s``), ``b0_dir`` (along the voxel axes, if not the affine's);
        ``mask`` (NIfTI; without it the brain is found in the magnitude). Outputs, NIfTI files on
        the grid of the input: for each method ``chi_<label>`` and, where it is given,
        ``uncertainty_<label>`` (ppm), the label being `qsmbids.bids.desc_label` of its name;
        with ``Processing.swi``, ``swi`` and ``swi_minimum``;
        ``total_field``, ``local_field`` (ppm), ``brain_mask``, ``reliable_mask``, ``mask``
        (where susceptibility is known); ``r2star`` (1/s), ``t2star`` (s), ``s0``.
    """
    size = {"voxels": voxels, "echoes": echoes}
    stages = init_stages_wf(inputs, processing, key=name, decay=echoes > 1, **size)
    workflow = Workflow(name=name)
    given = Node(IdentityInterface(fields=list(inputs)), name="inputnode")
    workflow.connect([(given, stages, [(one, f"inputnode.{one}") for one in inputs])])
    images = {name: _IMAGES[name] for name in _IMAGES if name in outputs_of(stages)}
    images |= {name: name for name in outputs_of(stages) if name.startswith(_MAPS)}
    outputs = Node(IdentityInterface(fields=list(images.values())), name="outputnode")
    for array, image in images.items():
        save = stage_node(SaveImage(), f"save_{image}", {"key": name, "name": image}, voxels=voxels)
        links = [(f"outputnode.{array}", "array"), ("outputnode.grid", "grid")]
        workflow.connect([(stages, save, links), (save, outputs, [("image", image)])])
    return workflow
