SHELL := bash
# Settings of the caller's shell that would change what is installed, or from where Python imports.
unexport PYTHONPATH PYTHONHOME PIP_REQUIRE_HASHES PIP_USER PIP_TARGET PIP_PREFIX PIP_CONSTRAINT PIP_NO_DEPS
export PIP_DISABLE_PIP_VERSION_CHECK := 1

USABLE = import ensurepip, sqlite3, ssl, sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 14))
BRIEFLY = { n=0; while read -r verb what _; do case $$verb in \
	Collecting|Processing) n=$$((n + 1)); [ $$((n % 25)) -ne 0 ] || echo "  $$n packages fetched, $$what the latest";; \
	Installing) [ $$what != collected ] || echo "  $$n packages fetched, now unpacking them";; esac; done; }

INDEX = .venv-poetry/bin/pip config get global.index-url 2>/dev/null || .venv-poetry/bin/python -c \
	'from pip._internal.models.index import PyPI; print(PyPI.simple_url)'

PYTEST = .venv/bin/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder
DIGITS = data=digits autoencoder.epochs=30 classifier.epochs=30

.PHONY: setup run serve test coverage lint bench lock

setup: .venv/.installed conf               # the environment and the configuration

run: setup                                 # the main job on the embedded digits
	@.venv/bin/python train.py $(DIGITS)
	@.venv/bin/python infer.py $(DIGITS)

serve: setup                               # Triton on the published model; without one, on the embedded digits' model
	@[ -e triton/model_repository/onnx-mnist_etc/config.pbtxt ] \
	  || { $(MAKE) --no-print-directory run && .venv/bin/python -m mnist_etc.export $(DIGITS); }
	@exec .venv/bin/python -m mnist_etc.serving.triton

test: setup                                # the whole suite; MNIST_ETC_DATA=<folder> adds the tests on real MNIST
	@$(PYTEST)

coverage: setup                            # the same, and which lines it ran; half as long again
	@$(PYTEST) --cov

lint: setup                                # ruff, and mypy strict on mnist_etc/
	@.venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/mypy

bench: setup                               # this project's training speed beside its peers'
	@.venv/bin/python benchmarks/train_speed.py

lock: .venv-poetry/.installed              # poetry.lock from pyproject.toml, requirements.txt from poetry.lock
	@export POETRY_PYPI_MIRROR_URL="$${PIP_INDEX_URL:-$$($(INDEX))}"; unset PIP_FIND_LINKS; set -e; \
	  .venv-poetry/bin/poetry lock; \
	  .venv-poetry/bin/poetry export --with dev --without-urls --output requirements.txt

.venv/.installed: requirements.txt pyproject.toml
	@if [ -e .venv/.unfinished ] || ! .venv/bin/python -c 'import pip._internal.commands.install; $(USABLE)' 2>/dev/null; then \
	  for python in $(PYTHON) python3 python3.12 python3.11 python3.13 python none; do \
	    $$python -c '$(USABLE)' 2>/dev/null && break; done; \
	  [ $$python != none ] || { echo 'Expected Python 3.11, 3.12 or 3.13 with venv on PATH; received none.' \
	    'Install one, or name it: make PYTHON=/path/to/python3.12' >&2; exit 1; }; \
	  $$python -m venv --clear .venv; fi
	@touch .venv/.unfinished
	@echo 'Installing into .venv: 1 GB to fetch, 2 to 4 minutes, once.'
	@set -o pipefail; .venv/bin/python -m pip install --progress-bar off --require-hashes -r requirements.txt 2>&1 \
	  | tee .venv/pip.log | $(BRIEFLY) || { tail -n 20 .venv/pip.log >&2; exit 1; }
	@.venv/bin/python -m pip install --quiet --no-index --no-deps --no-build-isolation --editable .
	@mv .venv/.unfinished $@ && touch $@

.venv-poetry/.installed: | .venv/.installed
	@.venv/bin/python -m venv --clear .venv-poetry
	@.venv-poetry/bin/python -m pip install --quiet 'poetry >=2.5,<3' poetry-plugin-export poetry-plugin-pypi-mirror
	@touch $@

conf: conf.dvc | .venv/.installed
	@.venv/bin/python -m dvc pull conf.dvc && touch conf || { echo 'Expected conf/ from the DVC remote; received the error' \
	  'above. Edited it? Keep yours: touch conf; take the new: .venv/bin/dvc pull --force conf.dvc' >&2; exit 1; }
