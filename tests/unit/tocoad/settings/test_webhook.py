"""An address that stands in params.yaml holds no key, and a refusal does not repeat what may be one."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from tocoad.errors import SettingsError
from tocoad.settings.sections import NotifySettings
from tocoad.settings.webhook import checked_webhook, webhook_address


@pytest.mark.parametrize("address", ["https://chat.example/hooks/line-3", "http://127.0.0.1:8080", "http://[::1]/x"])
def test_an_address_stays_as_it_is(address: str) -> None:
    assert checked_webhook(address) == address == NotifySettings(webhook=address).webhook


@pytest.mark.parametrize("address", ["https://ops:hunter2@chat.example/x", "https://chat.example/x?key=hunter2"])
def test_one_with_a_key_is_refused_without_a_repetition_and_belongs_into_the_environment(address: str) -> None:
    with pytest.raises(SettingsError, match="TOCOAD_NOTIFY_WEBHOOK") as caught:
        checked_webhook(address)
    assert "hunter2" not in str(caught.value)
    assert webhook_address(address) == address


@pytest.mark.parametrize("text", ["chat.example", "ftp://hunter2/x", "https://", "https://a b/hunter2", "http://h:x/"])
def test_what_is_no_address_is_refused_without_a_repetition(text: str) -> None:
    with pytest.raises(SettingsError, match="begins with https://") as caught:
        webhook_address(text)
    assert "hunter2" not in str(caught.value)


def test_the_settings_refuse_it_too() -> None:
    with pytest.raises(ValidationError, match="begins with https://"):
        NotifySettings(webhook="chat.example")
