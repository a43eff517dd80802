from __future__ import annotations

import socket

import pytest
import torch

from tocoad.errors import SettingsError
from tocoad.nn.backbone import create_backbone


def test_a_misspelt_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(SettingsError, match=r"no timm model is called wide_resnet50; did you mean wide_resnet50_2\?"):
        create_backbone("wide_resnet50")


def test_an_unknown_tag_is_one_line() -> None:
    with pytest.raises(SettingsError, match=r"timm could not give resnet18\.nobody") as caught:
        create_backbone("resnet18.nobody")
    assert "\n" not in str(caught.value)


def test_the_onnx_zoo_network_is_not_on_the_hub() -> None:
    with pytest.raises(SettingsError, match=r"not on the hub; use encoder\.weights: file"):
        create_backbone("resnetv2_50_gluon", pretrained=True)


def test_without_pretrained_nothing_is_asked_of_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the network was touched")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert isinstance(create_backbone("resnet18"), torch.nn.Module)


def test_pretrained_asks_timm_for_the_papers_tag(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, bool]] = []

    def create_model(name: str, *, pretrained: bool) -> torch.nn.Module:
        asked.append((name, pretrained))
        return torch.nn.Identity()

    monkeypatch.setattr("timm.create_model", create_model)
    create_backbone("wide_resnet50_2", pretrained=True)
    create_backbone("wide_resnet50_2")
    assert asked == [("wide_resnet50_2.tv_in1k", True), ("wide_resnet50_2", False)]


def test_a_failed_download_names_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str, *, pretrained: bool) -> torch.nn.Module:
        raise ConnectionError("no route\nto host")

    monkeypatch.setattr("timm.create_model", fail)
    with pytest.raises(SettingsError, match=r"no route; encoder\.weights: file needs no network"):
        create_backbone("resnet18", pretrained=True)
