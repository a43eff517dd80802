"""ResNet-50 v2 as Gluon trained it (ONNX Model Zoo resnet50-v2-7), stages 1-3."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from timm.layers.create_conv2d import create_conv2d
from timm.layers.norm_act import BatchNormAct2d
from timm.models.resnetv2 import ResNetV2
from torch import Tensor, nn


def resnetv2_50_gluon() -> nn.Module:
    """timm's pre-activation ResNet-50 without its fourth stage, behind Gluon's stem.

    Gluon normalises the input by a batch norm of its own and follows the first convolution with batch norm and ReLU.
    The maps are the raw stage sums: 256, 512 and 1024 wide at strides 4, 8 and 16.
    """
    backbone: Any = ResNetV2(
        layers=[3, 4, 6], channels=(256, 512, 1024), num_classes=0, norm_layer=BatchNormAct2d, conv_layer=create_conv2d
    )
    stem = OrderedDict(
        in_norm=nn.BatchNorm2d(3),
        conv=nn.Conv2d(3, 64, kernel_size=7, stride=2, padding=3, bias=False),
        norm=BatchNormAct2d(64),
        pool=nn.MaxPool2d(kernel_size=3, stride=2, padding=1),
    )
    backbone.stem = nn.Sequential(stem)
    backbone.pretrained_cfg = {"mean": IMAGENET_DEFAULT_MEAN, "std": IMAGENET_DEFAULT_STD}
    module: nn.Module = backbone
    return module


def gluon_keys(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights file's tensors by timm's names; stage 4's first batch norm ends the three-stage network."""
    return {key.replace("out_norm3.", "norm."): value for key, value in state.items()}
