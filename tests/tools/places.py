"""Where what the tests bring is kept: in the user's cache, whatever cache a test gives to what it tests."""

from model_build.bake.cache import cache_dir

TOOLS = cache_dir() / "tools"
