# The index of commands. `make demo` and `make test` need Python 3.11 and make, nothing else.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
UV     := $(BIN)/uv
UV_VERSION := 0.13.9
STAMP  := $(VENV)/.installed
export UV_LINK_MODE ?= copy
# Where the system keeps certificates, uv trusts them as pip does: a company's proxy is among them.
ifneq ($(wildcard /etc/ssl/certs/ca-certificates.crt),)
export UV_SYSTEM_CERTS ?= true
endif
# what `awase curate` and a training process import
COMPILED := numpy numba llvmlite pandas pyarrow spacy thinc confection srsly datatrove fasttext \
    pydantic sqlalchemy ruamel multiprocess dill fsspec loguru regex

.PHONY: setup demo test test-torch test-executors check format lock faults faults-long bench \
    bench-curation bench-stream bench-plan serve clean

setup: $(STAMP)  ## install the locked dependencies and awase itself into .venv

$(UV):
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

$(STAMP): $(UV) requirements.lock pyproject.toml client/pyproject.toml
	VIRTUAL_ENV=$(CURDIR)/$(VENV) $(UV) pip sync --quiet requirements.lock
	VIRTUAL_ENV=$(CURDIR)/$(VENV) $(UV) pip install --quiet --no-deps --editable client --editable .
	VIRTUAL_ENV=$(CURDIR)/$(VENV) $(UV) pip install --quiet uv==$(UV_VERSION)
	# Once, so that no process has to: from source a curation worker takes twice as long to start.
	$(BIN)/python -m compileall -q -j 0 -x '/tests?/' client/src curation mixtures pipelines \
	    $(addprefix $(VENV)/lib/python3*/site-packages/,$(COMPILED))
	touch $@

demo: setup  ## the main job on real text: curate, tokenize, mix, serve, train, kill, resume
	$(BIN)/awase demo

test: setup  ## all tests that need nothing but this checkout
	$(BIN)/python -m pytest -n 2 -m "not faults and not executors and not torch"

test-torch: setup  ## the torch adapter and examples/train_ddp.py; installs torch into .venv
	# pip, not uv: where pip knows a CPU build, uv would fetch gigabytes of CUDA.
	$(BIN)/python -m pip install --quiet --disable-pip-version-check torch==2.13.0 torchdata==0.11.0
	$(BIN)/python -m pytest -m torch tests/client

check: setup  ## format, lint, types, import contracts, dependencies
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry .

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: $(UV)  ## resolve requirements.lock anew
	$(UV) pip compile --quiet --universal --generate-hashes --no-annotate --no-header \
	    --python-version 3.11 --extra hf --group dev --no-emit-package awase-client \
	    pyproject.toml --output-file requirements.lock

test-executors: setup  ## the same digests on Ray and Slurm, which this installs and starts (root)
	VIRTUAL_ENV=$(CURDIR)/$(VENV) $(UV) pip install --quiet ray==2.60.0
	command -v slurmctld >/dev/null || apt-get install -y -qq slurm-wlm munge
	$(BIN)/python -m pytest -m executors

faults: setup  ## kill loops and fault injection
	$(BIN)/python -m pytest -m faults

faults-long: setup  ## the same with 1,000 kills of server and client
	AWASE_FAULT_KILLS=1000 $(BIN)/python -m pytest -m faults

bench: bench-curation bench-plan bench-stream  ## every figure we claim, beside its peer

bench-stream: setup  ## the token stream, in process and served, against numpy and the peers
	$(BIN)/python -m benchmarks.stream $(CASES)

bench-curation: setup  ## rule kernels against datatrove and HojiChar, on ../shared/data or AWASE_BENCH_DATA
	$(BIN)/python -m benchmarks.curation $(CASES)

bench-plan: setup  ## views, plans and the order of 1,000 sources and 10 M documents
	$(BIN)/python -m benchmarks.plan $(CASES)

serve: setup
	$(BIN)/awase serve

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache
