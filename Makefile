# Every target does its own set-up; nothing else has to be installed first.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo app space test test-kritas check fuzz bench krita clean

# A photograph in the style of one of the project's own paintings: demo.png, and demo_strip.png with before and after.
demo: .venv/demo
	$(BIN)/python gradio_app/demo.py

# The page, on this computer: http://127.0.0.1:7860
app: .venv/app
	$(BIN)/python gradio_app/app.py

# The page as a folder that runs by itself, to be pushed to Hugging Face Spaces: dist/space
space: .venv/app
	$(BIN)/python gradio_app/build.py dist/space

# The zip that Krita's "Import Python Plugin from File" takes.
krita: | $(BIN)/pip
	PYTHONPATH=core $(BIN)/python scripts/build_krita_plugin.py dist

test: .venv/test
	tests/system.sh
	$(BIN)/python -m pytest

# The plugin's end-to-end tests in Krita 5.2, 5.3 and 6.0; as root, on Debian; it takes long.
test-kritas: .venv/test
	tests/system.sh
	scripts/test_kritas.sh $(BIN)/python

check: .venv/test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python tests/audit.py

# Twenty times the damaged files, made-up settings and stops of `make test`, new ones each time.
fuzz: .venv/test
	IMPASTO_FUZZ=20 $(BIN)/python -m pytest tests/fuzz tests/faults

# The short ones. CONTENT and STYLE are yours to choose; by default the demo's own pictures.
bench: .venv/demo
	$(BIN)/python tests/benchmarks/roofline.py
	$(BIN)/python tests/benchmarks/memory.py
	$(BIN)/python tests/benchmarks/time_to_quality.py $(CONTENT) $(STYLE)

$(BIN)/pip:
	$(PYTHON) -m venv .venv

.venv/%: pyproject.toml | $(BIN)/pip
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[$*]'
	touch $@

clean:
	rm -rf .venv dist demo.png demo_strip.png
