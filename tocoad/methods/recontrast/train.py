"""ReContrast's training stage: a decoder reconstructs two encoders, one of which is trained with it.

See methods.md: ReContrast.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn

from tocoad.data.cache import stage_images
from tocoad.data.manifest import TRAIN_FILE, Manifest
from tocoad.losses.reconstruction import mining_alpha, reconstruction_loss
from tocoad.methods.recontrast.frozen import FrozenMaps
from tocoad.methods.recontrast.networks import LEVELS, Maps, ReconstructionNetwork
from tocoad.methods.recontrast.settings import ReContrastSettings, TrainSettings
from tocoad.nn.clamped_norm import EPS, clamp_batch_norms
from tocoad.nn.device import Compute, compute_context
from tocoad.nn.encoder import Encoder, build_encoder, run_small
from tocoad.nn.folding import FoldedForward
from tocoad.nn.state import load_state
from tocoad.nn.whole_norm import norm_whole_batches
from tocoad.stages.stage import CURVES_FILE, StageContext, StageRecord
from tocoad.training.batches import batch_indices
from tocoad.training.checkpoint import TrainingState, run_key
from tocoad.training.loop import save_curves
from tocoad.training.loop import train as run_training
from tocoad.training.parallel import Share
from tocoad.training.tensors import image_tensor

ENCODER_FILE, NETWORK_FILE, METRICS_FILE = "encoder.safetensors", "network.safetensors", "metrics.json"
# Where the official run keeps the encoder's batch norms in eval mode, a choice made on test results. See
# methods.md: training.
_PAPER_EVAL = {"toothbrush", "leather", "grid", "tile", "wood", "screw", "cashew", "pcb1", "oct2017"}

BatchNormMode = Literal["eval", "train", "clamped"]


def train(context: StageContext) -> StageRecord:
    """Writes the trained encoder, the bottleneck, decoder and heads, and the curves."""
    manifest = Manifest.load(context.inputs["manifest"] / TRAIN_FILE)
    return train_on(context, stage_images(context, manifest, "train"), manifest.digest)


def train_on(context: StageContext, images: NDArray[np.uint8], digest: str) -> StageRecord:
    """The stage's work on these images (N, S, S, 3), which `digest` names."""
    with compute_context(context.settings.compute) as compute:
        networks = Networks.build(context, compute)
        curves = fit_networks(context, networks, images, run_key(context, digest), compute)
    return save_networks(context, networks, curves)


@dataclass(frozen=True)
class Networks:
    """E, E0 and what lies between them. E0 has no gradient and stays in eval mode."""

    trained: Encoder
    frozen: Encoder
    network: ReconstructionNetwork
    batch_norm: BatchNormMode

    @classmethod
    def build(cls, context: StageContext, compute: Compute) -> Networks:
        settings, seed = context.settings, context.settings.seed
        trained, frozen = (build_encoder(settings.encoder, LEVELS, seed=seed) for _ in range(2))
        options = settings.of(ReContrastSettings).train
        network = build_network(frozen, options)
        network.init_weights(seed)
        mode = batch_norm_mode(options, str(context.owner))
        trained.bn_mode = "eval" if mode == "eval" else "train"
        if mode == "clamped":
            clamp_batch_norms(trained)
        for module in (trained, frozen, network):
            compute.place(module)
        trained.requires_grad_(True).train()
        frozen.requires_grad_(False).eval()
        network.train()
        for module in (trained, network):
            norm_whole_batches(module)
        return cls(trained, frozen, network, mode)


def build_network(encoder: Encoder, settings: TrainSettings) -> ReconstructionNetwork:
    """Of the encoder's widths; `init_weights` or `load_state_dict` is to follow."""
    return ReconstructionNetwork(
        encoder.channels, encoder.bottleneck_ratio, settings.decoder_blocks, settings.activation
    )


def batch_norm_mode(settings: TrainSettings, owner: str) -> BatchNormMode:
    """How E's batch norms are trained; `paper` looks the category's name up, with or without its data set before it."""
    if settings.encoder_batch_norm == "paper":
        return "eval" if owner.rpartition("/")[2] in _PAPER_EVAL else "train"
    return settings.encoder_batch_norm


def fit_networks(
    context: StageContext, networks: Networks, images: NDArray[np.uint8], key: str, compute: Compute
) -> list[dict[str, float]]:
    """Trains for the fixed budget and returns the curves; `images` are (N, S, S, 3), `key` names the run."""
    settings, seed = context.settings.of(ReContrastSettings).train, context.settings.seed
    warm_up = round(settings.warm_up * settings.iterations)
    # Until E trains, and with batch norms in eval mode, it is E0: its maps are known.
    known_until = warm_up if networks.batch_norm == "eval" else 0
    optimizer = build_optimizer(networks, settings)
    share, forward = Share.of_batches(settings.batch_size), _forward(networks)
    frozen_maps = FrozenMaps(networks.frozen.folded(), images, compute, context.cache_dir)

    def step(number: int) -> Mapping[str, float]:
        rests = start_afresh(optimizer, settings, number) or number < warm_up
        for group in optimizer.param_groups:
            group["lr"] = group["base_lr"] * lr_factor(settings, number)
        indices = batch_indices(len(images), settings.batch_size, number, seed)[share.rows]
        alpha = mining_alpha(number, settings.iterations, settings.mining_ramp)
        frozen: Maps = frozen_maps.batch(indices)
        with compute.autocast():
            trained = frozen
            if number >= known_until:
                x = image_tensor(images[indices], networks.frozen.mean, networks.frozen.std, compute)
                with torch.set_grad_enabled(not rests):
                    trained = forward(x)
            loss = crossed_loss(networks.network, trained, frozen, alpha)
        optimizer.zero_grad(set_to_none=True)
        share.backward(loss, optimizer)
        optimizer.step()
        return share.of_the_batch({"loss": float(loss.detach())})

    modules = {"encoder": networks.trained, "network": networks.network}
    state = TrainingState(key=key, modules=modules, optimizer=optimizer, meter=context.meter)
    folder, seconds = context.checkpoint_dir, context.checkpoint_seconds
    return run_training(step, settings.iterations, state, folder, context.progress, seconds)


def crossed_loss(network: ReconstructionNetwork, trained: Maps, frozen: Maps, alpha: float) -> Tensor:
    """Each encoder's maps against their reconstruction from the other's code; gradient reaches E as the source of a
    code alone, never as a target (methods.md: pairing).
    """
    of_frozen, of_trained = network(trained, frozen)
    return reconstruction_loss(frozen, trained, of_frozen, of_trained, alpha)


def build_optimizer(networks: Networks, settings: TrainSettings) -> torch.optim.AdamW:
    """One group for bottleneck, decoder and heads, one for E: the same as two optimisers, whose state is not shared."""
    groups = [
        {"params": list(networks.network.parameters()), "base_lr": settings.lr},
        {"params": list(networks.trained.parameters()), "base_lr": settings.encoder_lr},
    ]
    return torch.optim.AdamW(
        groups, lr=settings.lr, weight_decay=settings.weight_decay, eps=settings.adam_eps, amsgrad=settings.amsgrad
    )


def start_afresh(optimizer: torch.optim.Optimizer, settings: TrainSettings, number: int) -> bool:
    """Clears the decoder's optimiser state where this step (from 0) is due for it; True where E rests."""
    if not settings.reset_every or number < settings.reset_every:
        return False
    since = number % settings.reset_every
    if since == 0:
        for parameter in optimizer.param_groups[0]["params"]:
            optimizer.state.pop(parameter, None)
    return since < settings.rest


def lr_factor(settings: TrainSettings, number: int) -> float:
    """Of the learning rates at a step (from 0)."""
    return settings.drop_to if number >= settings.drop_at * settings.iterations else 1.0


def save_networks(context: StageContext, networks: Networks, curves: list[dict[str, float]]) -> StageRecord:
    """Into the stage's output folder."""
    for module, name in ((networks.trained, ENCODER_FILE), (networks.network, NETWORK_FILE)):
        state = {key: value.detach().cpu().contiguous() for key, value in module.state_dict().items()}
        save_file(state, context.output_dir / name)
    save_curves(curves, context.output_dir / CURVES_FILE)
    metrics = {"loss": curves[-1]["loss"]}
    (context.output_dir / METRICS_FILE).write_text(json.dumps(metrics, indent=1) + "\n", encoding="utf-8")
    return StageRecord(metrics=metrics)


def load_networks(context: StageContext) -> Networks:
    """As the stage `train` left them, in eval mode on the CPU."""
    settings, folder = context.settings, context.inputs["train"]
    trained, frozen = (build_encoder(settings.encoder, LEVELS, seed=settings.seed) for _ in range(2))
    options = settings.of(ReContrastSettings).train
    network = build_network(frozen, options)
    stage = folder.name.partition("-")[0]  # in a study its key follows
    load_state(trained, folder / ENCODER_FILE, stage)
    load_state(network, folder / NETWORK_FILE, stage)
    mode = batch_norm_mode(options, str(context.owner))
    if mode == "clamped":
        trained.set_norm_eps(EPS)
    return Networks(trained, frozen, network.eval(), mode)


def _forward(networks: Networks) -> Callable[[Tensor], Maps]:
    """E: images to maps by level, gradients reach its parameters; folded where its batch norms stay as they are."""
    if networks.batch_norm == "eval":
        return FoldedForward(networks.trained, run_small)
    encoder: nn.Module = networks.trained
    return encoder
