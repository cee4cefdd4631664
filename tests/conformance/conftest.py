"""The order of the conformance tests."""

from __future__ import annotations

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Name the marker that :func:`pytest_collection_modifyitems` reads."""
    config.addinivalue_line("markers", "long: waits for a deadline of the contract; begun first, others run meanwhile")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the tests that wait for the server's own deadlines, so that several workers end together."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)
