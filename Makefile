# Every target does its own set-up; nothing else has to be installed first.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test check bench clean

# A photograph in the style of one of the project's own paintings: demo.png, and demo_strip.png with before and after.
demo: .venv/demo
	$(BIN)/python gradio_app/demo.py

test: .venv/test
	$(BIN)/python -m pytest

check: .venv/test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# CONTENT and STYLE are yours to choose; by default the demo's own pictures.
bench: .venv/demo
	$(BIN)/python tests/benchmarks/time_to_quality.py $(CONTENT) $(STYLE)

.venv/%: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[$*]'
	touch $@

clean:
	rm -rf .venv dist demo.png demo_strip.png
