# Two commands on a fresh machine with Python >= 3.11, pip and make:  make demo   make test
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
# The benchmark group is left out of the lock: torch alone is gigabytes.
LOCKED := requirements.lock

.PHONY: help setup demo test lint types check quick docs format lock clean

help:
	@echo "make demo    set up and complete a picture with 30 % of its pixels missing"
	@echo "make test    set up and run everything that CI runs: lint, types, site, tests, doctests, quick experiments"
	@echo "make docs    build the documentation into site/, strictly and without a network"
	@echo "make setup   create $(VENV) with the locked dependencies and matmend in editable mode"
	@echo "make format  rewrite the sources in the house style"
	@echo "make lock    resolve the newest dependencies into $(LOCKED) (needs uv)"

setup: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml $(LOCKED)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "matmend needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --require-hashes --requirement $(LOCKED)
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	@touch $@

demo: setup
	$(BIN)/matmend demo

test: setup lint types docs check quick

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: setup
	$(BIN)/basedpyright

docs: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

check: setup
	$(BIN)/python -m pytest -n 4 --dist worksteal

# Four at a time, each with its own folder: --fresh empties what they would share.
QUICK := air.images air.table1 air.fig1_laplacians air.fig2_frozen air.fig3_curves air.fig4_recovered \
         air.fig5_netflix_graphs air.fig6_curves air.theorem1 air.theorem2 general.sensing general.deblurring \
         dti.heldout dti.cross_validation dti.choice connectivity.fig1_rank_and_norm connectivity.fig3_connected \
         connectivity.fig4_disconnected connectivity.fig5_trajectories connectivity.depth_and_bridges \
         connectivity.optimizers connectivity.bigger ratings.adaptive_edges images.gallery choice.five_kinds trust.coverage

quick: setup
	printf '%s\n' $(QUICK) | xargs -P 4 -I{} $(BIN)/python -m experiments.{} --quick --fresh --out results/quick-{}

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock:
	uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --output-file $(LOCKED)

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis dist site
