"""Property tests take the time they take: no deadline per example, and the same examples in every run."""

from hypothesis import settings

settings.register_profile("suite", deadline=None, max_examples=60, derandomize=True, database=None)
settings.load_profile("suite")
