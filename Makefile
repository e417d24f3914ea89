# Every target is one `abm` or `python -m` call in the environment of .venv, so that it can be typed where there is no make.
PYTHON ?= python3
ifeq ($(OS),Windows_NT)
BIN := .venv/Scripts
else
BIN := .venv/bin
endif
READY := .venv/.ready

.PHONY: report test check slow scale truth propensity sizes believable faults browser lab notebooks sample lock clean
.DEFAULT_GOAL := report

report: $(READY)  ## a dated report on the sample; open reports/sample/index.html
	$(BIN)/abm run --data data/sample --out reports/sample

test: $(READY)  ## everything that is proved, what takes long in a short form
	$(BIN)/python -m pytest -q -n auto --dist loadfile --no-loadscope-reorder

check: $(READY)  ## lint, format, types
	$(BIN)/python -m tests.check

slow: $(READY)  ## what takes long, at length: every notebook by nbval, a clean installation, a whole report redacted, many markets, size
	$(BIN)/python -m pytest -q -n auto --dist loadfile --no-loadscope-reorder -m slow tests
	$(BIN)/python -m pytest -q notebooks
	$(BIN)/python -m benchmarks.big_import --gb 0.2
	$(BIN)/python -m benchmarks.big_snapshot --accounts 50000 --lines 500000 --times 1
	$(BIN)/python -m benchmarks.big_market --accounts 10000
	$(BIN)/python -m benchmarks.big_features --activities 5000000 --transactions 500000 --accounts 10000
	$(BIN)/python -m benchmarks.big_propensity --accounts 50000

scale: $(READY)  ## slow: a 2 GB export, a snapshot of 10 million lines, a market of a million accounts, features of 100 million touches, a model of a million accounts, beside other ways
	$(BIN)/python -m benchmarks.big_import
	$(BIN)/python -m benchmarks.big_snapshot
	$(BIN)/python -m benchmarks.big_market
	$(BIN)/python -m benchmarks.big_features
	$(BIN)/python -m benchmarks.big_propensity

truth: $(READY)  ## slow: bias, coverage, power and false alarms of the estimators, over many synthetic markets
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.truth

propensity: $(READY)  ## the models of 04 on data that others made, beside the base rate, LightGBM and CatBoost; about six minutes
	$(BIN)/python -m benchmarks.propensity_real

sizes: $(READY)  ## the sizes, look-alikes and white space of 05 on data that others made, beside quantiles that are not corrected; about three minutes
	$(BIN)/python -m benchmarks.sizes_real

believable: $(READY)  ## the shape of the synthetic market beside data that others made
	$(BIN)/python -m benchmarks.believable

faults: $(READY)  ## slow: commands killed at random moments, and hostile input: what is lost, left behind or not refused
	$(BIN)/python -m benchmarks.faults

browser: $(READY)  ## every page of a report, and JupyterLab, in Chromium: requests, errors, accessibility, widths, the dark, paper; pictures in reports/browser
	$(BIN)/python -m tests.browser

lab: $(READY)  ## JupyterLab on the notebooks
	$(BIN)/python -m jupyterlab --LabApp.default_url=/lab/tree/notebooks --ContentsManager.pre_save_hook=abmlib.pages.twins.before_save

notebooks: $(READY)  ## make each notebook from its text twin and run it on the sample
	$(BIN)/python -m abmlib.pages.twins notebooks

sample: $(READY)  ## make data/sample anew
	$(BIN)/python -m abmlib.market data/sample

docs: $(READY)  ## write the generated parts of README.md and data/README.md anew
	$(BIN)/python -m tests.docs

lock: $(READY)  ## resolve requirements.lock anew from pyproject.toml
	$(BIN)/python -m tests.lock

clean:
	rm -rf .venv reports/sample reports/lab

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -c "import sys; sys.version_info >= (3, 11) or sys.exit('Python 3.11 or newer is needed; set PYTHON=/path/to/it')"
	$(PYTHON) -m venv .venv 2>/dev/null || $(PYTHON) -m venv --without-pip .venv
	$(PYTHON) -m pip --python $(BIN)/python install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(PYTHON) -m pip --python $(BIN)/python install --quiet --disable-pip-version-check --no-deps -e .
	$(PYTHON) -c "open('$(READY)', 'w').close()"
