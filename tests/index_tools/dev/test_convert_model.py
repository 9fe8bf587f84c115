import subprocess
import sys

import pytest


@pytest.mark.parametrize("package", ["onnx", "safetensors"])
def test_missing_packages_are_named_with_their_extra(package: str) -> None:
    code = f"import sys; sys.modules['{package}'] = None; import seismic_tools.dev.convert_model"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.returncode == 1
    assert done.stderr == (
        f"error: converting models needs the package {package}; pip install 'seismic-search[convert]'\n"
    )
