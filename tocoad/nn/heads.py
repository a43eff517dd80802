"""Dense projector and predictor of the contrastive stage (SimSiam, Chen & He 2021, section 3, as 1x1 convolutions)."""

from __future__ import annotations

from torch import Tensor, nn


class ContrastiveHead(nn.Module):
    """Projector f and predictor h of one encoder level; discarded after training.

    SimSiam's 2048-2048 projector and 2048-512-2048 predictor, scaled to the level's width.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = max(channels // 4, 16)
        self.projector = nn.Sequential(
            nn.Conv2d(channels, channels, 1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, channels, 1, bias=False),
            nn.BatchNorm2d(channels, affine=False),
        )
        self.predictor = nn.Sequential(
            nn.Conv2d(channels, hidden, 1, bias=False),
            nn.BatchNorm2d(hidden),
            nn.ReLU(inplace=True),
            nn.Conv2d(hidden, channels, 1),
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(B, C, H, W) -> projection z and prediction p, both (B, C, H, W)."""
        z = self.projector(x)
        return z, self.predictor(z)
