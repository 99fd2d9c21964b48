# For type checkers only: the build copies the engine's module to protocol.py beside this file, and leaves this file out.
from impasto.frames import PROTOCOL as PROTOCOL
from impasto.frames import FrameError as FrameError
from impasto.frames import Reader as Reader
from impasto.frames import pack as pack
from impasto.frames import stripes as stripes
