# For type checkers only: the build copies the engine's module to disk.py beside this file, and leaves this file out.
from impasto.disk import delete_in_background as delete_in_background
from impasto.disk import delete_leftovers as delete_leftovers
from impasto.disk import lock as lock
from impasto.disk import wait_for_deletions as wait_for_deletions
