"""The store of subjects that networks are trained on."""

from __future__ import annotations

import numpy as np
import pytest
from training_tiny import add_subject

from qsmbids.errors import InputError
from qsmbids.training.data.subject import save_subject
from qsmbids.training.data.subjects import Subjects

GEOMETRY = {"voxel_size": (1, 1, 2), "b0_dir": (0, 0, 1)}


@pytest.fixture
def volumes():
    rng = np.random.default_rng(0)
    mask = np.zeros((20, 18, 22), bool)
    mask[3:18, 2:16, 4:20] = True
    return rng.normal(0, 0.05, mask.shape).astype(np.float32), mask


def test_a_subject_comes_back_cut_to_its_mask(tmp_path, volumes):
    field, mask = volumes
    weight = np.where(mask, 3.0, 99.0)
    weight[5, 5, 5] = 6.0
    path = save_subject(tmp_path / "new", "sub-01", field, mask, weight=weight, **GEOMETRY)
    assert path.name == "sub-01.npz"
    store = Subjects(tmp_path / "new")
    subject = store.load("sub-01")
    assert store.names == ("sub-01",)
    assert store.with_chi == ()
    np.testing.assert_array_equal(subject.field, field[3:18, 2:16, 4:20])
    assert subject.mask.all()
    assert subject.field.dtype == subject.weight.dtype == np.float32
    assert subject.weight[2, 3, 1] == 1
    assert subject.weight[0, 0, 0] == 0.5
    assert (subject.voxel_size, subject.b0_dir) == ((1, 1, 2), (0, 0, 1))
    assert subject.chi is None


def test_the_same_subject_has_the_same_checksum(tmp_path):
    for folder in ("a", "b"):
        add_subject(tmp_path / folder, "sub-01")
    add_subject(tmp_path / "b", "sub-02", seed=1, chi=False)
    first, second = (Subjects(tmp_path / folder) for folder in ("a", "b"))
    assert first.digests()["sub-01"] == second.digests()["sub-01"]
    assert second.digests()["sub-01"] != second.digests()["sub-02"]
    assert second.with_chi == ("sub-01",)


def test_only_some_subjects_stay_in_memory(tmp_path):
    for number in range(6):
        add_subject(tmp_path, f"sub-{number}", shape=(17, 17, 17), seed=number)
    store = Subjects(tmp_path)
    first = store.load("sub-0")
    assert store.load("sub-0") is first
    for name in store.names[1:]:
        store.load(name)
    again = store.load("sub-0")
    assert again is not first
    np.testing.assert_array_equal(again.field, first.field)


def test_bad_subjects_are_refused_with_their_name(tmp_path, volumes):
    field, mask = volumes
    broken = field.copy()
    broken[5, 5, 5] = np.nan

    def save(name="sub-01", field=field, mask=mask, **more):
        save_subject(tmp_path, name, field, mask, **{**GEOMETRY, **more})

    with pytest.raises(InputError, match=r"sub-01.npz: the field holds NaN"):
        save(field=broken)
    with pytest.raises(InputError, match="mask's shape"):
        save(mask=mask[1:])
    with pytest.raises(InputError, match="chi has the shape"):
        save(chi=field[1:])
    with pytest.raises(InputError, match="chi holds NaN"):
        save(chi=broken)
    with pytest.raises(InputError, match="not negative"):
        save(weight=-np.ones(mask.shape))
    with pytest.raises(InputError, match="voxel size"):
        save(voxel_size=(1, 1, 0))
    with pytest.raises(InputError, match="letters, digits"):
        save(name="../sub-01")
    assert not list(tmp_path.iterdir())


def test_bad_stores_are_refused(tmp_path, volumes):
    field, mask = volumes
    with pytest.raises(InputError, match="holds no subject"):
        Subjects(tmp_path)
    (tmp_path / "sub-01.npz").write_text("not an archive")
    with pytest.raises(InputError, match=r"sub-01.npz is damaged"):
        Subjects(tmp_path)
    np.savez(tmp_path / "sub-01.npz", field=field, mask=mask)
    with pytest.raises(InputError, match="missing 'b0_dir'"):
        Subjects(tmp_path)
    rest = {"weight": mask.astype(np.float32), "voxel_size": (1, 1, 1), "b0_dir": (0, 0, 1)}
    np.savez(tmp_path / "sub-01.npz", field=field, mask=mask.astype(int), **rest)
    with pytest.raises(InputError, match="not of the type bool"):
        Subjects(tmp_path)
    np.savez(tmp_path / "sub-01.npz", field=field * np.nan, mask=mask, **rest)
    with pytest.raises(InputError, match=r"sub-01.npz: the field holds NaN"):
        Subjects(tmp_path)


def test_a_map_alone_gets_its_own_field(tmp_path):
    chi, field, mask = add_subject(tmp_path, "measured")
    geometry = {"voxel_size": (1, 1, 2), "b0_dir": (0.0, 0.1, 1.0)}
    save_subject(tmp_path, "alone", None, mask, chi=chi, **geometry)
    measured, alone = (Subjects(tmp_path).load(name) for name in ("measured", "alone"))
    np.testing.assert_allclose(alone.field, measured.field, atol=0.02 * np.abs(field).max())
    with pytest.raises(InputError, match="neither a field nor chi"):
        save_subject(tmp_path, "none", None, mask, **geometry)
    with pytest.raises(InputError, match="broadcast"):
        save_subject(tmp_path, "none", None, mask, chi=chi[1:], **geometry)
