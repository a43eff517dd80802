"""Discriminative network pre-training: D learns on synthetic anomalies where they are (methods.md: stage 1)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor

from tocoad.losses.focal import focal_loss
from tocoad.methods.tocoad.inputs import TrainingInputs, read_inputs
from tocoad.methods.tocoad.pool import Draw, MapBatch, MapPool
from tocoad.methods.tocoad.settings import TrainingSettings
from tocoad.metrics.pixel import pixel_AP
from tocoad.nn.decoder import Discriminator
from tocoad.nn.device import Compute, compute_context
from tocoad.nn.encoder import Encoder, build_encoder, run_small
from tocoad.nn.folding import FoldedForward
from tocoad.nn.state import load_state
from tocoad.nn.whole_norm import norm_whole_batches
from tocoad.settings.sections import Settings
from tocoad.stages.stage import CURVES_FILE, StageContext, StageRecord
from tocoad.training.batches import batch_indices
from tocoad.training.checkpoint import TrainingState, run_key
from tocoad.training.loop import cosine, save_curves, train
from tocoad.training.parallel import Share
from tocoad.training.tensors import image_tensor, mask_tensor

DISCRIMINATOR_FILE, ENCODER_FILE, METRICS_FILE = "discriminator.safetensors", "encoder.safetensors", "metrics.json"
_ENCODER_LR_FACTOR = 0.1


def stage1(context: StageContext) -> StageRecord:
    """Trains D on the frozen encoder's maps; writes D, the encoder, the curves and D's quality on held-out normals."""
    settings = context.settings
    with compute_context(settings.compute) as compute:
        inputs = read_inputs(context, settings.seed)
        encoder = build_encoder(settings.encoder, levels=None, seed=settings.seed)
        discriminator = build_discriminator(encoder, settings)
        compute.place(encoder)
        compute.place(discriminator)
        curves = _train(context, encoder, discriminator, inputs, compute)
        quality = {
            "same_generator": _pixel_ap(encoder, discriminator, *inputs.synthesis.validation_same, settings, compute),
            "other_generator": _pixel_ap(encoder, discriminator, *inputs.synthesis.validation_other, settings, compute),
        }
    save_file(_on_cpu(discriminator.state_dict()), context.output_dir / DISCRIMINATOR_FILE)
    save_file(_on_cpu(encoder.state_dict()), context.output_dir / ENCODER_FILE)
    save_curves(curves, context.output_dir / CURVES_FILE)
    metrics = {"loss": curves[-1]["loss"], **{f"synthetic_pixel_AP_{name}": ap for name, ap in quality.items()}}
    (context.output_dir / METRICS_FILE).write_text(json.dumps(metrics, indent=1) + "\n", encoding="utf-8")
    return StageRecord(metrics=metrics)


def build_discriminator(encoder: Encoder, settings: Settings) -> Discriminator:
    """D for this encoder, freshly initialised from the seed."""
    discriminator = Discriminator(encoder.channels, settings.of(TrainingSettings).stage1.decoder_blocks)
    discriminator.init_weights(settings.seed)
    return discriminator


def load_discriminator(folder: Path, encoder: Encoder, settings: Settings) -> Discriminator:
    """D as stage 1 left it in `folder`."""
    discriminator = build_discriminator(encoder, settings)
    load_state(discriminator, folder / DISCRIMINATOR_FILE, "stage1")
    return discriminator


def _train(
    context: StageContext, encoder: Encoder, discriminator: Discriminator, inputs: TrainingInputs, compute: Compute
) -> list[dict[str, float]]:
    settings, size = context.settings.of(TrainingSettings).stage1, context.settings.image.size
    share = Share.of_batches(settings.batch_size)
    encoder.requires_grad_(settings.train_encoder).eval()
    norm_whole_batches(discriminator.train())
    groups = [{"params": list(discriminator.parameters()), "base_lr": settings.lr}]
    if settings.train_encoder:
        groups.append({"params": list(encoder.parameters()), "base_lr": settings.lr * _ENCODER_LR_FACTOR})
    optimizer = torch.optim.AdamW(groups, lr=settings.lr, weight_decay=settings.weight_decay)

    draw = _draw(context, encoder, inputs, share.rows, compute)
    if settings.pool:
        folder, progress = context.cache_dir, context.progress
        draw = MapPool(draw, settings.pool, share, context.settings.seed, compute, folder, progress).batch

    def step(number: int) -> Mapping[str, float]:
        batch = draw(number)
        with compute.autocast():
            logits = discriminator(batch.maps, size)
        loss = focal_loss(logits.float(), batch.gt_mask, settings.focal_alpha, settings.focal_gamma)
        for group in optimizer.param_groups:
            group["lr"] = group["base_lr"] * cosine(number, settings.iterations)
        optimizer.zero_grad(set_to_none=True)
        share.backward(loss, optimizer)
        optimizer.step()
        return share.of_the_batch({"loss": float(loss.detach())})

    state = TrainingState(
        key=run_key(context, inputs.manifest.digest),
        modules={"encoder": encoder, "discriminator": discriminator},
        optimizer=optimizer,
        meter=context.meter,
    )
    folder, seconds = context.checkpoint_dir, context.checkpoint_seconds
    return train(step, settings.iterations, state, folder, context.progress, seconds)


def _draw(context: StageContext, encoder: Encoder, inputs: TrainingInputs, rows: slice, compute: Compute) -> Draw:
    """Synthetic samples of a step, the `rows` of its batch, and their maps, through which gradients reach the encoder
    where it trains.
    """
    settings, seed = context.settings.of(TrainingSettings).stage1, context.settings.seed
    forward = FoldedForward(encoder, run_small) if settings.train_encoder else encoder.folded()

    def draw(number: int) -> MapBatch:
        indices = batch_indices(len(inputs.images), settings.batch_size, number, seed)[rows]
        clean = context.settings.synthesis.clean_fraction
        images, gt_masks = inputs.generator.batch(number, indices, clean, rows.start)
        x = image_tensor(images, encoder.mean, encoder.std, compute)
        with compute.autocast():
            maps = forward(x)
        return MapBatch(maps, mask_tensor(gt_masks, compute))

    return draw


@torch.no_grad()
def _pixel_ap(
    encoder: Encoder,
    discriminator: Discriminator,
    images: NDArray[np.uint8],
    gt_masks: NDArray[np.bool_],
    settings: Settings,
    compute: Compute,
) -> float | None:
    """Pixel AP of D's probability map on a synthetic validation set, (N, S, S, 3) with masks (N, S, S)."""
    encoder.eval()
    discriminator.eval()
    maps = []
    for start in range(0, len(images), settings.scoring.batch_size):
        x = image_tensor(images[start : start + settings.scoring.batch_size], encoder.mean, encoder.std, compute)
        with compute.autocast():
            maps.append(discriminator(encoder(x), settings.image.size).float().squeeze(1).cpu().numpy())
    return pixel_AP(list(np.concatenate(maps)), list(gt_masks))


def _on_cpu(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {key: value.detach().cpu().contiguous() for key, value in state.items()}
