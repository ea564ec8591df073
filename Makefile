SHELL := bash
# Settings of the caller's shell that would change what is installed, or from where Python imports.
unexport PYTHONPATH PYTHONHOME PIP_TARGET PIP_PREFIX PIP_CONSTRAINT PIP_NO_DEPS
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_USER := 0
export PIP_REQUIRE_HASHES := 0

USABLE = import ensurepip, sqlite3, ssl, sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 14))
INDEX = .venv-poetry/bin/pip config get global.index-url 2>/dev/null || .venv-poetry/bin/python -c \
	'from pip._internal.models.index import PyPI; print(PyPI.simple_url)'

PYTEST = .venv/bin/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder
DIGITS = data=digits autoencoder.epochs=30 classifier.epochs=60 'classifier.hidden_units=[256]' \
	classifier.fine_tune=true classifier.augment=true

INSTALL = .venv/bin/python scripts/install.py
LOCKED = requirements.txt requirements-build.txt requirements-dev.txt requirements-gdrive.txt

.PHONY: setup run serve app test coverage lint bench docs release lock gdrive audit develop

setup: .venv/.installed conf               # the environment and the configuration

develop: setup .venv/.developing           # what tests and checks need besides

run: setup                                 # the main job on the embedded digits
	@.venv/bin/python train.py $(DIGITS)
	@.venv/bin/python infer.py $(DIGITS)

serve: setup                               # Triton on the published model; without one, on the embedded digits' model
	@[ -e triton/model_repository/onnx-mnist_etc/config.pbtxt ] \
	  || { $(MAKE) --no-print-directory run && .venv/bin/python -m mnist_etc.export $(DIGITS); }
	@exec .venv/bin/python -m mnist_etc.serving.triton

app: setup                                 # the HTTP service and its page, http://127.0.0.1:8000, on the published model
	@exec .venv/bin/python -m mnist_etc.service

test: develop                              # the whole suite; MNIST_ETC_DATA=<folder> adds the tests on real MNIST
	@$(PYTEST)

coverage: develop                          # the same, and which lines it ran; half as long again
	@$(PYTEST) --cov

lint: develop                              # ruff, and mypy strict on all of it
	@.venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/mypy

bench: develop                             # this project's training speed beside its peers'
	@.venv/bin/python benchmarks/train_speed.py

docs: develop                              # the pages of docs/ as HTML, from docs/_build/index.html on; a warning fails
	@.venv/bin/python -m sphinx -W --keep-going -q -b html docs docs/_build

release: run docs                          # what a release holds, in dist/<version>: docs/release.md
	@.venv/bin/python scripts/release.py $(DIGITS)

lock: .venv-poetry/.installed              # poetry.lock from pyproject.toml, requirements.txt from poetry.lock
	@export POETRY_PYPI_MIRROR_URL="$${PIP_INDEX_URL:-$$($(INDEX))}"; unset PIP_FIND_LINKS; set -e; \
	  .venv-poetry/bin/poetry lock; \
	  .venv-poetry/bin/poetry export --only main --without-urls --output requirements.txt; \
	  .venv-poetry/bin/poetry export --only build --without-urls --output requirements-build.txt; \
	  .venv-poetry/bin/poetry export --only dev --without-urls --output requirements-dev.txt; \
	  UV_DEFAULT_INDEX="$$POETRY_PYPI_MIRROR_URL" .venv/bin/uv pip compile --no-config --quiet --upgrade --universal \
	    --python-version 3.11 --generate-hashes --no-header --no-annotate requirements-gdrive.in -o requirements-gdrive.txt

gdrive: .venv-gdrive/.installed            # DVC with Google Drive, in an environment of its own

audit: .venv-audit/.installed               # known holes in what is locked
	@.venv-audit/bin/pip-audit --disable-pip --require-hashes --progress-spinner off $(addprefix --requirement ,$(LOCKED))

.venv/.installed: requirements.txt requirements-build.txt pyproject.toml
	@if [ -e .venv/.unfinished ] || ! .venv/bin/python -c 'import pip._internal.commands.install; $(USABLE)' 2>/dev/null; then \
	  for python in $(PYTHON) python3 python3.12 python3.11 python3.13 python none; do \
	    $$python -c '$(USABLE)' 2>/dev/null && break; done; \
	  [ $$python != none ] || { echo 'Expected Python 3.11, 3.12 or 3.13 with venv on PATH; received none.' \
	    'Install one, or name it: make PYTHON=/path/to/python3.12' >&2; exit 1; }; \
	  $$python -m venv --clear .venv; fi
	@touch .venv/.unfinished
	@echo 'Installing into .venv, once: 0.9 GB to fetch, 2.9 GB on disk; by uv 1 to 2 minutes.'
	@$(INSTALL) requirements.txt
	@.venv/bin/python -m pip install --quiet --no-index --no-deps --no-build-isolation --editable .
	@mv .venv/.unfinished $@ && touch $@

.venv/.developing: requirements-dev.txt .venv/.installed
	@echo 'Installing what tests and checks need besides: 50 MB.'
	@$(INSTALL) requirements-dev.txt
	@touch $@

.venv-gdrive/.installed: requirements-gdrive.txt | .venv/.installed
	@.venv/bin/python -m venv --clear .venv-gdrive
	@.venv-gdrive/bin/python -m pip install --quiet --no-deps --require-hashes --requirement requirements-gdrive.txt
	@.venv-gdrive/bin/python -m pip check && touch $@

.venv-audit/.installed: | .venv/.installed
	@.venv/bin/python -m venv --clear .venv-audit
	@.venv-audit/bin/python -m pip install --quiet 'pip-audit >=2.9,<3'
	@touch $@

.venv-poetry/.installed: | .venv/.installed
	@.venv/bin/python -m venv --clear .venv-poetry
	@.venv-poetry/bin/python -m pip install --quiet 'poetry >=2.5,<3' poetry-plugin-export poetry-plugin-pypi-mirror
	@touch $@

conf: conf.dvc | .venv/.installed
	@[ -e .git ] || .venv/bin/python -m dvc config --local core.no_scm true # an unpacked archive, not a clone
	@.venv/bin/python -m dvc pull conf.dvc && touch conf || { echo 'conf/ could not be fetched from the DVC remote, see the error' \
	  'above. Edited it? Keep yours: touch conf; take the new: .venv/bin/dvc pull --force conf.dvc' >&2; exit 1; }
