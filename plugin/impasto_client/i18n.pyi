# For type checkers only: the build copies the engine's module to i18n.py beside this file, and leaves this file out.
from impasto.i18n import i18n as i18n
from impasto.i18n import set_languages as set_languages
