# The two commands are `make demo` and `make test`; both install what they need into .venv first.
PYTHON ?= python3
BIN := .venv/bin
WORKERS ?= 2
SIDE_BY_SIDE := -n $(WORKERS) --dist loadfile --no-loadscope-reorder

.PHONY: install demo test test-without-avx test-slow test-campaign test-browser test-gpu bench bench-gpu lint lock clean

install: .venv/installed

.venv/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; set PYTHON=...")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt uv
	UV_FIND_LINKS="$${UV_FIND_LINKS-$$PIP_FIND_LINKS}" $(BIN)/uv pip install --quiet --python $(BIN)/python \
		--compile-bytecode --constraint constraints.txt --group dev --editable '.[sql]'
	@touch $@

demo: install
	$(BIN)/actalker submit examples/course/manifest.csv --workspace demo

test: install
	$(BIN)/python -m pytest $(SIDE_BY_SIDE)

# What compares numbers, bytes or keys, on the instructions that every x86-64 processor has.
test-without-avx: install
	$(BIN)/python -m tests.without_avx $(BIN)/python -m pytest $(SIDE_BY_SIDE) \
		-m "numeric and not slow and not bench and not browser and not gpu"

test-slow: install
	$(BIN)/python -m pytest -m slow --timeout 3600

# Goes on where it was stopped; campaign/results.jsonl holds what has passed. The table is docs/reliability.md's.
test-campaign: install
	$(BIN)/python -m pytest -m campaign tests/campaign
	$(BIN)/python -m tests.campaign.results

test-browser: install
	$(BIN)/python -m pytest -m browser

# Both need an NVIDIA GPU; where there is none they say so.
test-gpu: install
	@$(BIN)/python -m tests.card
	$(BIN)/python -m pytest -n 4 -m "gpu and not bench"

bench-gpu: install
	@$(BIN)/python -m tests.card
	$(BIN)/python -m tests.actalker.bench_gpu
	$(BIN)/python -m tests.actalker.bench_float32

# The simulated farm renders 500 rows on 8 and on 64 workers: FARM_ROWS=100 for fewer (docs/gpu.md).
bench: install
	$(BIN)/python -m pytest -m bench --capture=no --timeout 3600

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Compiled without any local wheels in sight, so that the CPU and the CUDA build of torch both satisfy the lock.
lock: install
	env -u UV_FIND_LINKS -u PIP_FIND_LINKS $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --group dev --extra sql \
		--no-annotate --no-header --output-file constraints.txt pyproject.toml

clean:
	rm -rf .venv demo workspace
