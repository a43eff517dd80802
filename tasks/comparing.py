"""Champion and challenger side by side, for the person who wants to see what the gate has seen."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import cast

from services.mlflow.calls import AwayError
from services.mlflow.comparisons import keep_comparison
from services.mlflow.registry import Registry, Version
from tasks.session import Workshop
from tocoad.errors import first_line
from tocoad.evaluation.comparison_files import Drawn
from tocoad.evaluation.folders import comparison_folders
from tocoad.files.workspace import Category
from tocoad.gate.comparison import Comparison
from tocoad.settings.sections import MethodName
from tocoad.stages.graph import detector_dir

# Of the images that are judged otherwise: a person looks at the worst.
_PICTURED = 24


def show_comparison(
    shop: Workshop,
    registry: Registry,
    category: Category,
    method: MethodName,
    comparison: Comparison,
    champion: Version,
) -> None:
    """Keeps the comparison with the category's run, with pictures of what is judged otherwise. The verdict does not
    wait for it: what fails but for a while is told, and no more. The champion's package comes from `registry`.

    Raises:
        AwayError: MLflow does not answer.
    """
    try:
        drawn = _drawn(shop, registry, category, method, comparison, champion)
    except AwayError:
        raise
    except Exception as error:
        shop.record.warnings.append(f"{category}: no pictures of what is judged otherwise ({first_line(error)})")
        drawn = {}
    try:
        keep_comparison(shop.workspace, category, shop.record.run(category), comparison, drawn)
    except AwayError:
        raise
    except Exception as error:
        shop.record.warnings.append(f"{category}: the comparison with the champion was not kept ({first_line(error)})")


def _drawn(
    shop: Workshop,
    registry: Registry,
    category: Category,
    method: MethodName,
    comparison: Comparison,
    champion: Version,
) -> Mapping[str, Drawn]:
    names = [one.image_path for one in comparison.changed[:_PICTURED]]
    if not names:
        return {}
    settings, function = shop.settings, "tocoad.evaluation.changed:draw_changed"
    with registry.package(champion) as package:
        challenger = detector_dir(shop.workspace, category, method)
        folders = comparison_folders(shop.workspace, category, challenger, package)
        texts = settings.model_dump_json(), json.dumps(names)
        label = f"pictures of {category}"
        drawn = shop.runner.call(label, function, folders, *texts, compute=settings.compute)
    return cast(Mapping[str, Drawn], drawn)
