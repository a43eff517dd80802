"""The fused map against its formula written out, and its way through a package."""

from __future__ import annotations

import pytest
import torch
from rounding import sum_error
from scipy.ndimage import gaussian_filter
from torch import Tensor

from tocoad.memory.bank import MemoryBank
from tocoad.memory.model import MemoryBankModel
from tocoad.methods.tocoad.fused import FusedModel
from tocoad.nn.decoder import Discriminator
from tocoad.nn.encoder import build_encoder
from tocoad.scoring.patches import patch_features
from tocoad.settings.sections import EncoderSettings, ScoringSettings

SIZE, BLOCKS = 64, 1
SCALE = (2.0, 6.0)


def parts(**scoring: object) -> tuple[MemoryBankModel, Discriminator]:
    """A bank on levels 2 and 3 of an encoder that has all four, and a D for it."""
    encoder = build_encoder(EncoderSettings(name="resnet18", weights="none"), None)
    with torch.inference_mode():
        maps = encoder(torch.randn(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(5)))
        vectors = patch_features({level: maps[level] for level in (2, 3)}, 1024).flatten(0, 2)[::3]
    settings = ScoringSettings.model_validate(scoring)
    bank = MemoryBankModel.assemble(encoder, {1.0: MemoryBank(vectors.clone())}, SIZE, 1024, settings, (2, 3))
    discriminator = Discriminator(encoder.channels, BLOCKS)
    discriminator.init_weights(3)
    return bank.eval(), discriminator.eval()


def fused(weight: float, **scoring: object) -> FusedModel:
    return FusedModel.assemble(*parts(**scoring), BLOCKS, SCALE, weight, 2.0).eval()


@pytest.fixture
def image() -> Tensor:
    return torch.randn(1, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(8))


@torch.inference_mode()
def test_the_bank_reads_its_layers_alone(image: Tensor) -> None:
    bank, _ = parts()
    narrow = MemoryBankModel.assemble(
        bank.encoder.with_levels((2, 3)), {1.0: bank.bank(0)}, SIZE, 1024, ScoringSettings()
    )
    torch.testing.assert_close(bank.score(image)[0], narrow.eval().score(image)[0])


@torch.inference_mode()
def test_the_map_is_the_scaled_bank_map_plus_the_weighted_smooth_probability(image: Tensor) -> None:
    model = fused(1.5)
    maps, score = model.score(image)
    bank_map, _ = model.bank.score(image)
    probability = torch.sigmoid(model.discriminator(model.bank.encoder(image), SIZE))[0, 0].numpy()
    smooth = torch.tensor(gaussian_filter(probability, 2.0, mode="mirror", truncate=4.0))
    expected = (bank_map[0] - 2.0) / 4.0 + 1.5 * smooth
    # Of the smoothing, two sums of 64 products whose weights add up to 1, and of what is added to it.
    rounding = sum_error(2 * (SIZE + 1), 1.5) + sum_error(4, float(expected.abs().max()) + 1.5)
    torch.testing.assert_close(maps[0], expected, rtol=0, atol=rounding)
    assert float(score) == float(maps.max())


@torch.inference_mode()
def test_without_weight_the_order_of_scores_is_the_banks() -> None:
    images = torch.randn(4, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))
    model = fused(0.0)
    fused_scores = torch.cat([model.score(image[None])[1] for image in images])
    bank_scores = torch.cat([model.bank.score(image[None])[1] for image in images])
    torch.testing.assert_close(fused_scores, (bank_scores - 2.0) / 4.0)


@torch.inference_mode()
def test_the_mean_of_the_top_percent_is_of_the_fused_map(image: Tensor) -> None:
    maps, score = fused(1.0, image_score="top_mean", top_percent=1.0).score(image)
    assert float(score) == pytest.approx(float(maps.flatten().topk(SIZE * SIZE // 100).values.mean()), rel=1e-6)


@torch.inference_mode()
def test_it_is_rebuilt_from_its_architecture_and_state_to_the_bit(image: Tensor) -> None:
    model = fused(0.7)
    again = FusedModel.from_architecture(model.architecture)
    again.load_state_dict(model.state_dict())
    for mine, theirs in zip(model.score(image), again.eval().score(image), strict=True):
        assert torch.equal(mine, theirs)
