"""Starting up is cheap: what only computes or plots is imported when it is needed."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = {
    "bids",
    "matplotlib",
    "nibabel",
    "nilearn",
    "nipype",
    "pandas",
    "scipy",
    "skimage",
    "sklearn",
    "templateflow",
    "torch",
}


def imported_by(code):
    """Return the heavy packages that a fresh interpreter has imported after ``code``."""
    program = (
        f"import sys, json, contextlib, io\n"
        f"with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):\n"
        f"    {code}\n"
        f"print(json.dumps(sorted({{m.partition('.')[0] for m in sys.modules}})))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return HEAVY.intersection(json.loads(done.stdout))


@pytest.mark.parametrize("package", ["qsmbids", "qsmbids.registry", "qsmbids.settings"])
def test_importing_the_package_imports_nothing_heavy(package):
    assert imported_by(f"import {package}") == set()


@pytest.mark.parametrize("argument", ["--help", "--version"])
@pytest.mark.parametrize("command", ["main", "demo", "dicom", "invert"])
def test_help_and_version_import_nothing_heavy(command, argument):
    code = f"from qsmbids.cli.{command} import main; sys.argv[1:] = ['{argument}']; main()"
    assert imported_by(code) == set()


def test_help_of_evaluate_imports_nothing_heavy():
    code = "from qsmbids.cli.main import main; sys.argv[1:] = ['evaluate', '--help']; main()"
    assert imported_by(code) == set()


def test_usage_error_imports_nothing_heavy():
    arguments = ["/nowhere", "/out", "participant"]
    code = f"from qsmbids.cli.main import main; sys.argv[1:] = {arguments}; main()"
    assert imported_by(code) == set()


def test_public_name_is_the_inversion():
    import qsmbids
    from qsmbids.inversion import invert

    assert qsmbids.invert is invert
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = qsmbids.nothing
