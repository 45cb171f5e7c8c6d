# make demo: train and compare two recipes on real images, nothing to download
# make test: install what the tests need and run them
# make docs: build the pages of docs/ into build/site
# All use the active environment, or create .venv.
VENV := $(if $(VIRTUAL_ENV)$(CONDA_PREFIX),,.venv)
PY := $(if $(VENV),$(VENV)/bin/python,python)
STAMP := $(if $(VENV),$(VENV),.installed)
TORCH := torch==2.11.0 torchvision==0.26.0
SHELL := bash
# a folder with a wheel of onedl-mmcv that has compiled ops; without one they are compiled, about 10 minutes
OPS ?= $(wildcard ../shared/wheels/ops-cp311-torch211)

.PHONY: demo test lint docs clean
demo: $(STAMP)/demo.stamp
	OMP_NUM_THREADS=2 $(PY) tools/demo.py

test: $(STAMP)/test.stamp
	$(PY) -m ruff check .
	OMP_NUM_THREADS=1 $(PY) -m pytest -n 2 -m 'not long' --durations=10 $(ARGS)

lint: $(STAMP)/test.stamp
	$(PY) -m ruff check .
	$(PY) -m mypy

docs: $(STAMP)/docs.stamp
	$(PY) -m mkdocs build --strict --site-dir build/site

$(STAMP)/docs.stamp: $(STAMP)/base.stamp
	$(PY) -m pip install -e '.[onedl,docs]'
	touch $@

$(STAMP)/base.stamp: setup.py
	$(if $(VENV),test -x $(PY) || python3 -m venv $(VENV),mkdir -p $(STAMP))
	$(PY) -m pip install --upgrade pip 'setuptools<81' wheel
	$(PY) -m pip install $(TORCH)
	touch $@

$(STAMP)/demo.stamp: $(STAMP)/base.stamp
	$(PY) -m pip install -e '.[onedl,demo]'
	touch $@

$(STAMP)/test.stamp: $(STAMP)/base.stamp
	$(PY) -m pip install -e '.[onedl,det,seg,demo,test]' ninja psutil
	$(PY) -c 'import mmcv.ops' 2> /dev/null || MMCV_WITH_OPS=1 $(PY) -m pip install --force-reinstall --no-deps \
		--no-build-isolation $(addprefix --find-links ,$(OPS)) onedl-mmcv==2.3.6
	touch $@

clean:
	rm -rf .venv .installed build *.egg-info work_dirs
