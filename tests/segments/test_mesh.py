"""Several devices give what one gives; they are made up in a process of its own, before JAX starts."""

import os
import subprocess
import sys
from pathlib import Path

CODE = """
import equinox as eqx, jax, jax.numpy as jnp, numpy as np
jax.config.update("jax_num_cpu_devices", 4)
jax.config.update("jax_enable_x64", True)
from jax.sharding import Mesh
from matmend.fidelity import Huber
from matmend.matrix import LowRank
from matmend.observation import ArrangedEntries, Entries
from matmend.segments import normal_equations
from matmend.segments.sums import AXIS

assert jax.device_count() == 4
rng = np.random.default_rng(0)
m, n, r, e = 301, 97, 4, 5000
rows, cols = np.minimum(rng.geometric(0.02, e), m - 2), rng.integers(0, n, e)
entries = Entries.from_triplets(rows, cols, rng.normal(size=e), shape=(m, n), weights=rng.uniform(0.5, 2, e))
mesh = Mesh(np.array(jax.devices()), (AXIS,))
U, V = jnp.asarray(rng.normal(size=(m, r))), jnp.asarray(rng.normal(size=(n, r)))


@eqx.filter_jit
def everything(observation, U, V):
    def loss(U, V):
        return observation.loss(LowRank(U, V), Huber(0.7))

    product, systems = observation.by_row.times(V), observation.by_col.rows(normal_equations, U)
    return jax.value_and_grad(loss, argnums=(0, 1))(U, V), product, systems


alone, together = (ArrangedEntries.from_entries(entries, mesh=one) for one in (None, mesh))
share = [len({s.device for s in leaf.addressable_shards}) for leaf in jax.tree.leaves(together.by_row)]
assert set(share) == {4}, share
assert all(s.ids.shape[0] % 4 == 0 for layout in (together.by_row, together.by_col) for s in layout.classes)
expected, found = everything(alone, U, V), everything(together, U, V)
jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12), found, expected)
assert all(np.abs(x).max() > 1e-3 for x in jax.tree.leaves(expected))
print("equal")
"""


def test_four_devices_give_what_one_gives():
    root = Path(__file__).resolve().parents[2]
    # With fewer threads than devices, as on one core, XLA's devices can wait for each other for ever.
    environment = {**os.environ, "JAX_PLATFORMS": "cpu", "NPROC": "4"}
    done = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, cwd=root, env=environment, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["equal"]
