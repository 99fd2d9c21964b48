# Every target does its own set-up; nothing else has to be installed first.
ifeq ($(OS),Windows_NT)
PYTHON ?= python
BIN := .venv/Scripts
else
PYTHON ?= python3
BIN := .venv/bin
endif

WORKFLOWS := $(wildcard .github/workflows/*.yml)
ISSUE_FORMS := $(filter-out %/config.yml,$(wildcard .github/ISSUE_TEMPLATE/*.yml))
QUICK := not slow and not browser and not krita and not gimp and not fuzz

.PHONY: demo app space krita gimp package test test-quick test-kritas test-gimp check docs fuzz bench clean

# Stylize a photograph with one of the project's own paintings: demo.png, and demo_strip.png with before and after.
demo: .venv/demo
	$(BIN)/python scripts/demo.py

# Serve the web page on this computer: http://127.0.0.1:7860
app: .venv/app
	$(BIN)/python gradio_app/app.py

# Build the web page as a self-contained folder for Hugging Face Spaces: dist/space
space: .venv/app
	$(BIN)/python scripts/build_space.py dist/space

# Build the zip that Krita's "Import Python Plugin from File" installs: dist/impasto_krita-VERSION.zip
krita: | .venv/pyvenv.cfg
	PYTHONPATH=core $(BIN)/python scripts/build_plugin.py krita dist

# Build the zip to unpack in GIMP's folder of plug-ins: dist/impasto_gimp-VERSION.zip
gimp: | .venv/pyvenv.cfg
	PYTHONPATH=core $(BIN)/python scripts/build_plugin.py gimp dist

# Build the wheel and the source distribution: dist/impasto-VERSION*
package: .venv/release
	$(BIN)/python -m build --outdir dist

# Run all tests, three at a time, because some of them wait for other programs, and print the coverage.
test: .venv/test
	scripts/install_test_system_packages.sh
	$(BIN)/python -m coverage erase
	scripts/with_gimp.sh $(BIN)/python -m coverage run -m pytest -n 3 --dist loadgroup
	$(BIN)/python -m coverage combine --quiet
	$(BIN)/python -m coverage report --skip-covered

# Run the tests that need no browser, no Krita and little time.
test-quick: .venv/test
	$(BIN)/python -m pytest -n 2 --dist loadgroup -m "$(QUICK)"

# Run the plugin's end-to-end tests in Krita 5.2, 5.3 and 6.0; needs root on Debian, and a lot of time.
test-kritas: .venv/test
	scripts/install_test_system_packages.sh
	scripts/test_kritas.sh $(BIN)/python

# Run the plug-in's end-to-end tests in GIMP 3; needs GIMP 3, or root on Debian and the first time a few minutes.
test-gimp: .venv/test
	scripts/with_gimp.sh $(BIN)/python -m pytest tests/gimp

# Run the linters, the type checker, the import contracts, the workflow checks and the dependency audit.
check: .venv/test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	PYTHONPATH=plugin:gradio_app $(BIN)/lint-imports --no-logo
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows $(WORKFLOWS)
	$(BIN)/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-forms $(ISSUE_FORMS)
	$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-config .github/ISSUE_TEMPLATE/config.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.citation-file-format CITATION.cff
	$(BIN)/zizmor --offline --no-progress --quiet .github
	$(BIN)/python scripts/audit_dependencies.py

# Build the guide: dist/docs/index.html
docs: .venv/docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

# Run the fuzz and fault tests with forty times as many cases as `make test`, and new ones each time.
fuzz: .venv/test
	IMPASTO_FUZZ=40 $(BIN)/python -m pytest tests/robustness/fuzz tests/robustness/faults

# Run the short benchmarks. CONTENT and STYLE select the pictures; the default is the demo's own pair.
bench: .venv/demo
	$(BIN)/python benchmarks/roofline.py
	$(BIN)/python benchmarks/memory.py
	$(BIN)/python benchmarks/time_to_quality.py $(CONTENT) $(STYLE)

.venv/pyvenv.cfg:
	$(PYTHON) -m venv .venv

.venv/%: pyproject.toml | .venv/pyvenv.cfg
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[$*]'
	touch $@

clean:
	rm -rf .venv dist demo.png demo_strip.png
