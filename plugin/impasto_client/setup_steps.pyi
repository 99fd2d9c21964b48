# For type checkers only: the build copies the engine's module to setup_steps.py beside this file, and leaves this file out.
from impasto.setup_steps import NO_WINDOW as NO_WINDOW
from impasto.setup_steps import program_environment as program_environment
from impasto.setup_steps import take_steps as take_steps
