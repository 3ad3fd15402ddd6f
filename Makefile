# `make demo` and `make test` set up all they need in .venv; pick another Python by PYTHON=...
PYTHON ?= python3
VENV ?= .venv
ARGS ?=
PYTEST_ARGS ?=
# Two workers with one thread each; PYTEST_WORKERS=0 runs in one process, as a debugger needs.
PYTEST_WORKERS ?= 2
# Each begins with a half of its own, so that fixtures of a module are made once.
WORKERS = -n $(PYTEST_WORKERS) --dist worksteal

BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: help setup demo test docs links lint format conformance compiled learning slow browser coverage wheel clean
.DEFAULT_GOAL := help

help:
	@echo "make demo [ARGS=--quick]  three models of handwritten digits, topics of texts; reports"
	@echo "make test                 style, types, layers, doctests, README examples, tests"
	@echo "make docs                 the site, into docs/_build/html, and its checks"
	@echo "make links                links to other sites; needs a network, and no part of CI"
	@echo "make lint | format        the checks alone | reformat the code"
	@echo "make learning             the tests that train models to see that they learn"
	@echo "make conformance          the tests of all that each distribution promises"
	@echo "make compiled             the tests of what torch.compile and torch.export make of the code"
	@echo "make slow                 the tests that take minutes"
	@echo "make browser              the tests of pages in Chromium"
	@echo "make coverage             lines and branches that no test reaches; no part of CI"
	@echo "make wheel                build wheel and sdist, try the wheel in an empty environment"
	@echo "make clean                remove .venv, caches and build outputs"

setup: $(READY)

# The stamp is written last, so an installation that broke off is taken up again.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "dirvae needs Python 3.11+")'
	$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv $(VENV)
	@echo "Installing dirvae into $(VENV): minutes the first time, PyTorch being large"
	$(BIN)/python -m pip install --disable-pip-version-check -q -e ".[dev]" -c constraints.txt
	touch $@

demo: $(READY)
	$(BIN)/dirvae demo --force $(ARGS)
	$(BIN)/dirvae demo topics --force $(ARGS)

test: lint
	$(BIN)/python -m pytest $(WORKERS) $(PYTEST_ARGS)

learning: $(READY)
	$(BIN)/python -m pytest -m learning $(WORKERS) $(PYTEST_ARGS)

conformance: $(READY)
	$(BIN)/python -m pytest -m conformance $(WORKERS) $(PYTEST_ARGS)

compiled: $(READY)
	$(BIN)/python -m pytest -m compiled $(WORKERS) $(PYTEST_ARGS)

docs: $(VENV)/.docs
	OMP_NUM_THREADS=1 $(BIN)/python -m sphinx -q -W --keep-going docs docs/_build/html
	$(BIN)/python -m pytest -m docs tests/test_site.py tests/test_readme.py

# Those of the files at the top, too, which are no part of the site.
links: $(VENV)/.docs
	$(BIN)/python -m sphinx -q -C -D extensions=myst_parser -D root_doc=README \
		-D suppress_warnings=docutils,myst,toc \
		-D 'exclude_patterns=$(VENV),build,dist,docs/_*,docs/api,docs/learn,docs/scripts,docs/start' \
		-b linkcheck . docs/_build/links/files
	OMP_NUM_THREADS=1 $(BIN)/python -m sphinx -q -D plot_gallery=0 -b linkcheck docs docs/_build/links/site

$(VENV)/.docs: $(READY)
	$(BIN)/python -m pip install --disable-pip-version-check -q -e ".[docs]" -c constraints.txt
	touch $@

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

slow: $(READY)
	$(BIN)/python -m pytest -m slow --timeout 3600 $(PYTEST_ARGS)

browser: $(READY)
	$(BIN)/python -m pip install --disable-pip-version-check -q -e ".[browser]" -c constraints.txt
	$(BIN)/python -m pytest -m browser -n 0 $(PYTEST_ARGS) tests/report

# In one process, for what others run is not counted; so not all that is listed is untested.
coverage: $(READY)
	$(BIN)/coverage run -m pytest -n 0 $(PYTEST_ARGS)
	$(BIN)/coverage report

wheel:
	tests/wheel.sh $(PYTHON)

clean:
	rm -rf $(VENV) build dist sbom docs/_build docs/api docs/learn docs/start .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +
