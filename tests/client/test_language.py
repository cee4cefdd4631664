"""Which language is spoken, and that texts come out in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from chat_client.core.language import choose, language, mark, tr, tr_n


@pytest.fixture(autouse=True)
def english_afterwards() -> Iterator[None]:
    """The process speaks one language: the next test wants English."""
    yield
    choose("en")


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_SG"}, "zh"),
        ({"LANG": "zh_Hans_CN.GB18030"}, "zh"),
        ({"LANG": "zh_CN@pinyin"}, "zh"),
        ({"LANG": "zh_TW.UTF-8"}, "en"),
        ({"LANG": "zh_CN.UTF-8", "LC_MESSAGES": "en_GB.UTF-8"}, "en"),
        ({"LANG": "en_GB.UTF-8", "LC_MESSAGES": "zh_CN.UTF-8"}, "zh"),
        ({"LC_MESSAGES": "zh_CN.UTF-8", "LC_ALL": "C.UTF-8"}, "en"),
        ({"LC_ALL": "", "LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "de_DE.UTF-8", "LANGUAGE": "de:zh_CN:en"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LANGUAGE": "en_US:zh_CN"}, "en"),
        ({"LANG": "C", "LANGUAGE": "zh_CN"}, "en"),
        ({"LANG": "zh_CN.UTF-8", "CHAT_CLIENT_LANGUAGE": "en"}, "en"),
        ({"CHAT_CLIENT_LANGUAGE": "zh"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "CHAT_CLIENT_LANGUAGE": "tlh"}, "zh"),
    ],
)
def test_the_language_is_that_of_the_locale(environment: dict[str, str], expected: str) -> None:
    """As gettext reads the variables, and as the own one says; what is not spoken here is English."""
    choose("", environment)
    assert language() == expected


@pytest.mark.parametrize("setting", ["en", "zh"])
def test_a_setting_goes_over_the_locale(setting: str) -> None:
    """Also over the variable, for that was asked when the settings were read."""
    choose(setting, {"LANG": "zh_CN.UTF-8", "CHAT_CLIENT_LANGUAGE": "zh"})
    assert language() == setting


def test_texts_are_looked_up_when_they_are_shown() -> None:
    """What was marked before the language was chosen is shown in it; values are filled in."""
    label = mark("Next unread")
    choose("zh")
    assert tr(label) == "下一处未读"
    assert tr("offline: {detail}").format(detail="x") == "离线：x"
    assert tr_n("{count} mention in {where}", "{count} mentions in {where}", 2, where="#ops").count("#ops") == 1
    choose("en")
    assert tr(label) == "Next unread"
    assert tr_n("{count} mention in {where}", "{count} mentions in {where}", 1, where="#ops") == "1 mention in #ops"


def test_a_text_that_nobody_translated_stays_english() -> None:
    """Rather than to be missing."""
    choose("zh")
    assert tr("a text of a plug-in") == "a text of a plug-in"
