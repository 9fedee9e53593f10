import jax

# Double precision is switched on by the program that wants it, never by the library; tests want both.
jax.config.update("jax_enable_x64", True)
# Silent promotion is how float32 training turns into float64: here it is an error.
jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")
