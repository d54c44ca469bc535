"""The workflow that other Nipype workflows embed."""

import re
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import phantom
import pytest

from qsmbids.settings import Processing
from qsmbids.workflows.qsm import init_qsm_wf
from qsmbids.workflows.stages import outputs_of

PAGE = Path(__file__).parents[2] / "docs/nipype.md"


def test_the_example_of_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    magnitude, phase = phantom.signal()
    affine = np.diag([-3.0, 3.0, 3.0, 1.0])  # stored from right to left: given back so
    names: dict[str, Any] = {"magnitude": magnitude, "phase": phase, "affine": affine}
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    file = tmp_path / "example.py"  # Nipype reads a function's source from its file
    file.write_text(code.replace("mine.run()", "graph = mine.run()"))
    exec(compile(file.read_text(), file, "exec"), names)
    made = {node.name: node.result.outputs for node in names["graph"].nodes()}
    chi, mask = (nib.load(made[f"save_{name}"].image) for name in ("chi_tv", "mask"))
    np.testing.assert_allclose(chi.affine, affine)
    inside = np.asarray(mask.dataobj) > 0
    assert made["spread"].ppm == pytest.approx(chi.get_fdata()[inside].std(), rel=1e-4)
    source, sink = chi.get_fdata()[16, 20, 19], chi.get_fdata()[25, 22, 18]  # +0.3, -0.2 ppm
    assert source > 0.1
    assert sink < -0.05
    total = nib.load(made["save_total_field"].image).get_fdata()
    assert np.abs(total[inside]).max() < 2  # ppm, not Hz


@pytest.mark.parametrize(
    ("inputs", "echoes", "expected"),
    [
        (
            ["magnitude", "phase", "echo_times", "field_strength"],
            3,
            "brain_mask mask reliable_mask total_field local_field r2star t2star s0",
        ),
        (
            ["real", "imaginary", "echo_times", "field_strength"],
            1,
            "brain_mask mask reliable_mask total_field local_field",
        ),
        (["total_field", "mask"], 1, "brain_mask mask total_field local_field"),
        (["local_field", "mask"], 1, "mask local_field"),
    ],
)
def test_outputs_follow_from_the_inputs(inputs: list[str], echoes: int, expected: str) -> None:
    workflow = init_qsm_wf(Processing(methods=("tv", "uqsm+")), inputs, echoes=echoes)
    maps = {"chi_tv", "chi_uqsmplus", "uncertainty_uqsmplus"}
    assert set(outputs_of(workflow)) - maps == set(expected.split())
    assert {"chi_tv", "chi_uqsmplus"} <= set(outputs_of(workflow))
    assert set(workflow.get_node("inputnode").inputs.copyable_trait_names()) == set(inputs)


@pytest.mark.parametrize(("device", "on_gpu"), [("auto", ["dcnet"]), ("cpu", [])])
def test_networks_ask_for_a_graphics_processor(device: str, on_gpu: list[str]) -> None:
    processing = Processing(methods=("tv", "dcnet"), device=device)
    workflow = init_qsm_wf(processing, ["local_field", "mask"])
    nodes = [workflow.get_node(name) for name in workflow.list_node_names()]
    asking = [node.inputs.method for node in nodes if node.is_gpu_node()]
    assert asking == on_gpu


@pytest.mark.parametrize(("threads", "claimed"), [(1, 1), (2, 1), (6, 5)])
def test_long_stages_leave_a_processor_to_short_ones(threads: int, claimed: int) -> None:
    processing = Processing(methods=("tv",), omp_nthreads=threads)
    workflow = init_qsm_wf(processing, ["total_field", "mask"])
    for name in ("background", "inversion_tv"):
        (node,) = (workflow.get_node(one) for one in workflow.list_node_names() if name in one)
        assert node.inputs.num_threads == threads
        assert node.n_procs == claimed
