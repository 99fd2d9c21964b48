# For type checkers only: the build copies the engine's module to setup_steps.py beside this file, and leaves this file out.
from impasto.setup_steps import STEP_ERRORS as STEP_ERRORS
from impasto.setup_steps import download as download
from impasto.setup_steps import program_environment as program_environment
from impasto.setup_steps import run as run
