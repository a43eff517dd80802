"""Stage 2, negative-guided contrastive learning: F is fine-tuned under the frozen D's guide (methods.md: stage 2)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from tocoad.errors import SettingsError
from tocoad.losses.contrastive import anchor_loss, collapse_indicator, negative_loss, positive_loss
from tocoad.losses.focal import anomaly_probability, focal_loss
from tocoad.methods.tocoad.drift import IMAGES, FeatureDrift, is_due
from tocoad.methods.tocoad.inputs import TrainingInputs, read_inputs
from tocoad.methods.tocoad.settings import TrainingSettings
from tocoad.methods.tocoad.stage1 import ENCODER_FILE, METRICS_FILE, load_discriminator
from tocoad.nn.decoder import Discriminator, seeded_init
from tocoad.nn.device import Compute, compute_context
from tocoad.nn.encoder import Encoder, build_encoder, run_small
from tocoad.nn.folding import FoldedForward
from tocoad.nn.heads import ContrastiveHead
from tocoad.nn.state import load_state
from tocoad.nn.whole_norm import norm_whole_batches
from tocoad.package.calibrate import calibration_images
from tocoad.settings.sections import Settings
from tocoad.stages.stage import CURVES_FILE, StageContext, StageRecord
from tocoad.training.batches import batch_indices, photometric_pair
from tocoad.training.checkpoint import TrainingState, run_key
from tocoad.training.loop import save_curves, train
from tocoad.training.parallel import Share
from tocoad.training.tensors import image_tensor, mask_tensor

_SEED_OFFSET = 1  # stage 2 draws other anomalies than stage 1


def stage2(context: StageContext) -> StageRecord:
    """Fine-tunes the encoder; writes it, the curves and their last row, the drift of the final weights in it."""
    settings = context.settings
    with compute_context(settings.compute) as compute:
        inputs = read_inputs(context, settings.seed + _SEED_OFFSET)
        networks = Networks.build(context, compute)
        curves = _train(context, networks, inputs, compute)
        save_curves(curves, context.output_dir / CURVES_FILE)
    state = {key: value.detach().cpu().contiguous() for key, value in networks.encoder.state_dict().items()}
    save_file(state, context.output_dir / ENCODER_FILE)
    metrics = {name: value for name, value in curves[-1].items() if name != "step"} if curves else {}
    (context.output_dir / METRICS_FILE).write_text(json.dumps(metrics, indent=1) + "\n", encoding="utf-8")
    return StageRecord(metrics=metrics)


@dataclass(frozen=True)
class Networks:
    """F trains above its frozen stages; F0 and D stay as they are."""

    encoder: Encoder
    pretrained: Encoder
    discriminator: Discriminator
    heads: nn.ModuleDict

    @classmethod
    def build(cls, context: StageContext, compute: Compute) -> Networks:
        settings, folder = context.settings, context.inputs["stage1"]
        encoder, pretrained = (build_encoder(settings.encoder, levels=None, seed=settings.seed) for _ in range(2))
        for network in (encoder, pretrained):
            load_state(network, folder / ENCODER_FILE, "stage1")
        stage2 = settings.of(TrainingSettings).stage2
        layers = stage2.contrast_layers
        if missing := sorted(set(layers) - set(encoder.levels)):
            have = ", ".join(map(str, encoder.levels))
            raise SettingsError(f"stage2.contrast_layers: the encoder has no level {missing[0]}; its levels are {have}")
        heads = nn.ModuleDict({str(level): ContrastiveHead(encoder.channels[level]) for level in layers})
        seeded_init(heads, settings.seed)
        discriminator = load_discriminator(folder, encoder, settings)
        for module in (encoder, pretrained, discriminator, heads):
            compute.place(module)
        networks = cls(encoder, pretrained, discriminator, heads)
        networks.set_modes(stage2.frozen_stages)
        return networks

    @cached_property
    def forward(self) -> FoldedForward:
        """F: images to maps by level; gradients reach `encoder`."""
        return FoldedForward(self.encoder, run_small)

    @cached_property
    def guide(self) -> Discriminator:
        """The frozen D; gradients pass through it."""
        return self.discriminator.folded()

    @cached_property
    def anchor(self) -> Encoder:
        """F0."""
        return self.pretrained.folded()

    def set_modes(self, frozen_stages: int) -> None:
        """Says what is trained; the encoder's batch norms stay in eval mode though it is in train mode."""
        self.encoder.requires_grad_(True).train()
        for parameter in self.encoder.stem_and_stages(frozen_stages):
            parameter.requires_grad_(False)
        self.pretrained.requires_grad_(False).eval()
        self.discriminator.requires_grad_(False).eval()
        norm_whole_batches(self.heads.train())


@dataclass(frozen=True)
class Batch:
    """Normalised images (B, 3, S, S): two views of normals, the normals, anomalies on them, their masks."""

    first: Tensor
    second: Tensor
    normal: Tensor
    anomalous: Tensor
    gt_mask: Tensor


def _train(
    context: StageContext, networks: Networks, inputs: TrainingInputs, compute: Compute
) -> list[dict[str, float]]:
    settings = context.settings.of(TrainingSettings).stage2
    share = Share.of_batches(settings.batch_size)
    trainable = [parameter for parameter in networks.encoder.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(
        [
            {"params": trainable, "lr": settings.encoder_lr},
            {"params": list(networks.heads.parameters()), "lr": settings.head_lr},
        ],
        weight_decay=settings.weight_decay,
    )
    drift = _drift(context, networks, inputs, compute)

    def step(number: int) -> Mapping[str, float]:
        batch = _batch(inputs, networks.encoder, context.settings, number, share.rows, compute)
        with compute.autocast():
            loss, figures = stage2_loss(networks, batch, context.settings)
        optimizer.zero_grad(set_to_none=True)
        share.backward(loss, optimizer)
        nn.utils.clip_grad_norm_([*trainable, *networks.heads.parameters()], settings.clip_norm)
        optimizer.step()
        # Every worker has the spread of the whole batch already; the others are means over its share.
        figures = share.of_the_batch(figures)
        return figures | drift.measure() if is_due(number, settings.iterations) else figures

    state = TrainingState(
        key=run_key(context, inputs.manifest.digest),
        modules={"encoder": networks.encoder, "heads": networks.heads},
        optimizer=optimizer,
        meter=context.meter,
    )
    folder, seconds = context.checkpoint_dir, context.checkpoint_seconds
    return train(step, settings.iterations, state, folder, context.progress, seconds)


def _drift(context: StageContext, networks: Networks, inputs: TrainingInputs, compute: Compute) -> FeatureDrift:
    """On calibration normals, at the levels that train."""
    encoder = networks.encoder
    images = image_tensor(calibration_images(context, inputs.manifest)[:IMAGES], encoder.mean, encoder.std, compute)
    frozen = context.settings.of(TrainingSettings).stage2.frozen_stages
    levels = [level for level in encoder.levels if level > frozen]
    return FeatureDrift(networks.forward, networks.pretrained, images, levels, compute)


def _batch(
    inputs: TrainingInputs, encoder: Encoder, settings: Settings, number: int, rows: slice, compute: Compute
) -> Batch:
    """The `rows` of the batch of step `number`."""
    seed, stage2 = settings.seed + _SEED_OFFSET, settings.of(TrainingSettings).stage2
    indices = batch_indices(len(inputs.images), stage2.batch_size, number, seed)[rows]
    normal = inputs.images[indices]
    first, second = photometric_pair(normal, stage2, seed, number, rows.start)
    anomalous, gt_masks = inputs.generator.batch(number, indices, clean_fraction=0.0, first=rows.start)

    def tensor(images: NDArray[np.uint8]) -> Tensor:
        return image_tensor(images, encoder.mean, encoder.std, compute)

    return Batch(tensor(first), tensor(second), tensor(normal), tensor(anomalous), mask_tensor(gt_masks, compute))


def stage2_loss(networks: Networks, batch: Batch, settings: Settings) -> tuple[Tensor, dict[str, float]]:
    """L_2 = L_pos + lambda_dis L_dis + lambda_neg L_neg + lambda_anchor L_anchor, and every term's value.

    See methods.md: stage 2. D's loss on x_g is a diagnostic where lambda_dis is 0: it must not rise.
    """
    own = settings.of(TrainingSettings)
    options, size = own.stage2, settings.image.size
    count = len(batch.first)
    maps = networks.forward(torch.cat([batch.first, batch.second, batch.anomalous]))
    # Split, not sliced: the gradient of a slice is a whole map of zeros with the slice's in it.
    parts = {level: x.split(count) for level, x in maps.items()}
    views = {level: (first, second) for level, (first, second, _) in parts.items()}
    anomalous = {level: x for level, (_, _, x) in parts.items()}

    positive = maps[options.contrast_layers[0]].new_zeros(())
    collapse = []
    for level in options.contrast_layers:
        (z1, p1), (z2, p2) = (networks.heads[str(level)](x) for x in views[level])
        positive = positive + positive_loss(p1, z2, p2, z1)
        collapse.append(collapse_indicator(z1) * z1.shape[1] ** 0.5)
    logits = networks.guide(anomalous, size)
    discriminative = focal_loss(logits.float(), batch.gt_mask, own.stage1.focal_alpha, own.stage1.focal_gamma)
    loss = positive + options.lambda_dis * discriminative
    figures = {"positive": positive, "discriminative": discriminative}
    if options.lambda_neg > 0:
        weight = batch.gt_mask if options.negative_weight == "mask" else anomaly_probability(logits)
        figures["negative"] = _negative(
            networks, batch.normal, anomalous, weight, options.contrast_layers, options.margin
        )
        loss = loss + options.lambda_neg * figures["negative"]
    if options.lambda_anchor > 0:
        with torch.no_grad():
            frozen = networks.anchor(batch.first)
        terms = [anchor_loss(views[level][0], frozen[level]) for level in options.contrast_layers]
        figures["anchor"] = torch.stack(terms).mean()
        loss = loss + options.lambda_anchor * figures["anchor"]
    values = {name: float(value.detach()) for name, value in {"loss": loss, **figures}.items()}
    # 1 is the value of projections spread evenly over the sphere; near 0 they have collapsed.
    return loss, {**values, "projection_std": min(collapse)}


def _negative(
    networks: Networks,
    normal: Tensor,
    anomalous: Mapping[int, Tensor],
    weight: Tensor,
    layers: Sequence[int],
    margin: float,
) -> Tensor:
    """The explicit negatives of reading B, summed over the levels; `weight` is (B, 1, S, S)."""
    with torch.no_grad():
        maps = networks.forward(normal)
    total = normal.new_zeros(())
    for level in layers:
        head = networks.heads[str(level)]
        with torch.no_grad():
            z_normal, _ = head(maps[level])
        _, p_anomalous = head(anomalous[level])
        small = F.adaptive_avg_pool2d(weight, p_anomalous.shape[-2:]).squeeze(1)
        total = total + negative_loss(p_anomalous, z_normal, small, margin)
    return total
