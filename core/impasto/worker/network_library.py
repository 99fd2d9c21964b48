"""Frames that rename and delete the user's style networks."""

from __future__ import annotations

from .channel import Connection
from .protocol import Header

#: The operations that `handle` carries out
OPS = ("rename_net", "delete_net")


def handle(header: Header, connection: Connection) -> None:
    """Rename or delete the network `name`, and send the changed list of networks.  Raises ImpastoError."""
    from ..feedforward.registry import delete_network, rename_network

    name = str(header.get("name", ""))
    if header["op"] == "rename_net":
        rename_network(name, str(header.get("title", "")))
    else:
        delete_network(name)
    connection.send_networks()
