import os

import jax
from hypothesis import settings

# A failure in CI must be one that anybody can repeat; at home Hypothesis goes on looking for new ones.
settings.register_profile("ci", derandomize=True, deadline=None)
if os.environ.get("CI"):
    settings.load_profile("ci")

# Double precision is switched on by the program that wants it, never by the library; tests want both.
jax.config.update("jax_enable_x64", True)
# Silent promotion is how float32 training turns into float64: here it is an error.
jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")
