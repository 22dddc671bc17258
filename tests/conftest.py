"""All tests: hypothesis without deadlines, as the first call of a kernel compiles it."""

from hypothesis import settings

settings.register_profile("awase", deadline=None)
settings.load_profile("awase")
