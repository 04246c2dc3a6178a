"""What is here needs TensorFlow, which `.venv` has not: `make test-tf` runs it, and `make test` does not look at it."""

import importlib.util
from pathlib import Path

import pytest

HERE = Path(__file__).parent

if importlib.util.find_spec("tensorflow") is None:
    collect_ignore_glob = ["test_*.py"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.tf)
            # Keras writes its arrays by way of a variable that is older than NumPy's word for it.
            item.add_marker(pytest.mark.filterwarnings("ignore:__array__ implementation doesn't:DeprecationWarning"))
