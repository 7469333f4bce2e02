# make demo       serves the page on http://127.0.0.1:7860
# make notebooks  opens the notebooks in JupyterLab
# make check      runs lint, types and all quick tests
# make test       runs everything
# make docs       builds the documentation and the course into build/docs
# make site       builds the site, with w2v-mini in the browser, into site/dist
# The first of these sets up .venv.
PYTHON ?= python3
BIN := .venv/bin
# With more room for short-lived objects pyright needs a tenth less time.
PYRIGHT := NODE_OPTIONS=--max-semi-space-size=64 $(BIN)/pyright
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: demo notebooks notebooks-build docs site check test test-nightly test-gpu lint setup setup-dev benchmark space screenshots clean

demo: setup
	@$(BIN)/w2vkit demo $(ARGS)

notebooks: .venv/.notebooks
	@$(BIN)/jupyter lab --notebook-dir=notebooks $(ARGS)

notebooks-build: setup-dev
	$(BIN)/python notebooks/build.py $(ARGS)

# It needs the npm registry once, for KaTeX.
docs: setup-dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict $(ARGS)

# It needs that registry once more, for ONNX Runtime.
site: docs
	$(BIN)/python site/build.py

# pyright runs beside the quick tests, so that two cores are busy. Two processes with as many threads as cores each would wait
# for each other: OMP_NUM_THREADS=1 halves the time.
check: setup-dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(PYRIGHT) & types=$$!; \
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist worksteal -m 'not slow and not cuda' $(ARGS); tests=$$?; \
	wait $$types && exit $$tests

# Three tests run at a time: many of them wait for a browser or a server. tests/conftest.py orders them.
test: setup-dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(PYRIGHT) & types=$$!; \
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 3 --dist loadscope --no-loadscope-reorder --durations=60 $(ARGS); tests=$$?; \
	wait $$types && exit $$tests

test-gpu: setup-dev
	$(BIN)/python -m pytest -m cuda tests/model/test_cuda.py $(ARGS)

# Not a part of `make test`, which would take longer than ten minutes on two cores with it.
test-nightly: setup-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m nightly $(ARGS)

lint: setup-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(PYRIGHT)

setup: .venv/.demo
setup-dev: .venv/.dev

.venv/.python:
	@$(PYTHON) -c 'import sys; sys.exit("w2vkit needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	@echo "Setting up .venv (a few minutes, once) ..."
	@$(PYTHON) -m venv .venv
# torch comes first and with its version, so that pip takes a CPU build if an index offers one.
	@$(INSTALL) $(if $(HASHES),--no-deps) torch==2.13.0
# The continuous integration sets HASHES: each file must have its hash. torch and the tools that build the wheel have none.
ifdef HASHES
	@$(BIN)/python -m pip install --quiet --no-deps --require-hashes --requirement constraints-hashes.txt
endif
	@touch $@

.venv/.demo: .venv/.python pyproject.toml constraints.txt
	@$(INSTALL) --editable '.[demo]'
	@touch $@

.venv/.notebooks: .venv/.python pyproject.toml constraints.txt
	@$(INSTALL) --editable '.[notebooks]'
	@touch $@

.venv/.dev: .venv/.demo
	@echo "Installing what the tests need ..."
	@$(INSTALL) --editable '.[demo,notebooks,dev,docs]'
	@touch $@

benchmark: setup-dev
	$(BIN)/python -m benchmarks.inference $(ARGS)

space: setup
	$(if $(findstring --static,$(ARGS)),$(MAKE) site ARGS=)
	$(BIN)/python space/build.py $(ARGS)

screenshots: site
	$(BIN)/python demo/screenshots.py

clean:
	rm -rf .venv build dist *.egg-info
