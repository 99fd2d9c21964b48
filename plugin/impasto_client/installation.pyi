# For type checkers only: the build copies the engine's module to installation.py beside this file, and leaves this file out.
from impasto.installation import EDITOR_VARIABLES as EDITOR_VARIABLES
from impasto.installation import Command as Command
from impasto.installation import Computer as Computer
from impasto.installation import DiskProgress as DiskProgress
from impasto.installation import Download as Download
from impasto.installation import Setup as Setup
from impasto.installation import SetupError as SetupError
from impasto.installation import describe as describe
from impasto.installation import engine_python as engine_python
from impasto.installation import installed_python as installed_python
from impasto.installation import missing_bytes as missing_bytes
from impasto.installation import this_engine_data_folders as this_engine_data_folders
from impasto.installation import this_local_folder as this_local_folder
