"""Makes the fixtures of fixtures.py known to all tests here; tests/interop uses them too."""

from fixtures import *  # noqa: F403
