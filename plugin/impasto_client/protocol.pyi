# For type checkers only: the build copies the engine's module to protocol.py beside this file, and leaves this file out.
from impasto.worker.protocol import PIXEL_BYTES as PIXEL_BYTES
from impasto.worker.protocol import PROTOCOL as PROTOCOL
from impasto.worker.protocol import FrameError as FrameError
from impasto.worker.protocol import FrameReader as FrameReader
from impasto.worker.protocol import encode_frame as encode_frame
from impasto.worker.protocol import stripes as stripes
