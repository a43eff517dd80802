"""Who is trained by which term of stage 2, and the objective put together from its terms."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from rounding import sum_error
from torch import nn

from tocoad.losses.focal import focal_loss
from tocoad.methods.tocoad.settings import Stage2Settings
from tocoad.methods.tocoad.stage2 import Batch, Networks, stage2_loss
from tocoad.nn.decoder import Discriminator, seeded_init
from tocoad.nn.encoder import build_encoder
from tocoad.nn.heads import ContrastiveHead
from tocoad.settings.sections import EncoderSettings, ImageSettings, Settings

SIZE = 64


def settings(**stage2: Any) -> Settings:
    return Settings(
        image=ImageSettings(size=SIZE),
        encoder=EncoderSettings(name="resnet18", weights="none"),
        stage2=Stage2Settings(**stage2),
    )


def networks(options: Settings) -> Networks:
    encoder, pretrained = (build_encoder(options.encoder, None, seed=0) for _ in range(2))
    discriminator = Discriminator(encoder.channels, 1)
    discriminator.init_weights(0)
    heads = nn.ModuleDict({str(level): ContrastiveHead(encoder.channels[level]) for level in (3, 4)})
    seeded_init(heads, 0)
    made = Networks(encoder, pretrained, discriminator, heads)
    made.set_modes(options.stage2.frozen_stages)
    return made


@pytest.fixture
def batch() -> Batch:
    generator = torch.Generator().manual_seed(1)
    first, second, normal, anomalous = (torch.randn(2, 3, SIZE, SIZE, generator=generator) for _ in range(4))
    gt_mask = torch.zeros(2, 1, SIZE, SIZE)
    gt_mask[:, :, 8:24, 8:24] = 1
    return Batch(first, second, normal, anomalous, gt_mask)


def gradient(module: nn.Module) -> float:
    return sum(float(p.grad.abs().sum()) for p in module.parameters() if p.grad is not None)


def test_the_guide_trains_the_encoder_through_the_frozen_d(batch: Batch) -> None:
    made = networks(options := settings(lambda_dis=1.0))
    # Without the positives only the guide is left, so what reaches F came through D.
    logits = made.discriminator(made.encoder(batch.anomalous), SIZE)
    focal_loss(logits, batch.gt_mask).backward()
    assert gradient(made.encoder) > 0
    assert gradient(made.discriminator) == 0
    made.encoder.zero_grad(set_to_none=True)
    loss, _ = stage2_loss(made, batch, options)
    loss.backward()
    assert gradient(made.encoder) > 0 and gradient(made.heads) > 0
    assert gradient(made.discriminator) == 0 and gradient(made.pretrained) == 0


def test_the_stem_and_the_frozen_stages_get_no_gradient(batch: Batch) -> None:
    made = networks(options := settings(frozen_stages=1))
    stage2_loss(made, batch, options)[0].backward()
    frozen = list(made.encoder.stem_and_stages(1))
    assert frozen and all(parameter.grad is None for parameter in frozen)
    trained = [p for p in made.encoder.parameters() if p.requires_grad]
    assert trained and all(parameter.grad is not None for parameter in trained)


def test_batch_norms_of_f_and_d_keep_their_statistics(batch: Batch) -> None:
    made = networks(options := settings())
    before = {name: value.clone() for name, value in made.encoder.state_dict().items()}
    d_before = {name: value.clone() for name, value in made.discriminator.state_dict().items()}
    stage2_loss(made, batch, options)[0].backward()
    assert all(torch.equal(value, before[name]) for name, value in made.encoder.state_dict().items())
    assert all(torch.equal(value, d_before[name]) for name, value in made.discriminator.state_dict().items())


@pytest.mark.parametrize(
    "weights",
    [
        {"lambda_dis": 1.0, "lambda_neg": 0.0},
        {"lambda_dis": 0.0, "lambda_neg": 1.0},
        {"lambda_dis": 1.0, "lambda_neg": 0.5, "lambda_anchor": 0.1},
    ],
    ids=["A", "B", "A+B+anchor"],
)
@pytest.mark.parametrize("negative_weight", ["mask", "probability"])
def test_the_objective_is_the_weighted_sum_of_its_terms(
    batch: Batch, weights: dict[str, float], negative_weight: str
) -> None:
    made = networks(options := settings(negative_weight=negative_weight, **weights))
    loss, figures = stage2_loss(made, batch, options)
    expected = figures["positive"] + sum(
        weights.get(f"lambda_{short}", 0.0) * figures[name]
        for short, name in (("dis", "discriminative"), ("neg", "negative"), ("anchor", "anchor"))
        if name in figures
    )
    assert loss.item() == pytest.approx(expected, abs=1e-5)
    assert ("negative" in figures) == (weights["lambda_neg"] > 0)
    assert ("anchor" in figures) == ("lambda_anchor" in weights)


def test_the_negatives_act_on_the_masked_places_alone(batch: Batch) -> None:
    made = networks(options := settings(lambda_dis=0.0, lambda_neg=1.0, negative_weight="mask"))
    _, with_mask = stage2_loss(made, batch, options)
    empty = Batch(batch.first, batch.second, batch.normal, batch.anomalous, torch.zeros_like(batch.gt_mask))
    _, without = stage2_loss(made, empty, options)
    assert without["negative"] == 0
    assert with_mask["negative"] > 0


def test_an_untrained_encoder_has_no_distance_from_its_anchor(batch: Batch) -> None:
    made = networks(options := settings(lambda_anchor=1.0))
    # 1 - cos of vectors of up to 512 numbers
    assert stage2_loss(made, batch, options)[1]["anchor"] == pytest.approx(0, abs=sum_error(2 * 512))
