"""The clients that may connect, as the running daemon knows them: the key folder, read again whenever it changes."""

import logging

from daemon.events.errors import KeysError
from daemon.events.keys import ClientKey, KeyFolder, ServerKey

logger = logging.getLogger(__name__)


class AllowList:
    """Empty until the first `refresh`. What cannot be read lets nobody in."""

    def __init__(self, folder: KeyFolder) -> None:
        self._folder = folder
        self._state: object = None
        self._fault = ""
        self._clients: dict[str, ClientKey] = {}
        self.server: ServerKey | None = None
        """None: there is no key that can be used, so nobody can be served."""

    def refresh(self) -> bool:
        """Reads what has changed.

        Returns:
            Whether whoever is connected must be cut off: the server's key is another one, or a client's counts no more.
        """
        server_before, keys_before = self.server, self._clients.keys()
        try:
            self._read()
        except KeysError as error:
            self._shut_all_out(str(error))
        return self.server != server_before or not keys_before <= self._clients.keys()

    def find(self, public_key: str) -> ClientKey | None:
        return self._clients.get(public_key)

    def may_control(self, name: str) -> bool:
        return any(client.name == name and client.role == "operator" for client in self._clients.values())

    def _read(self) -> None:
        state = self._folder.state()
        if state == self._state:
            return
        self.server = self._folder.server()
        clients, faults = self._folder.clients()
        self._clients = {client.public_key: client for client in clients}
        self._state, self._fault = state, ""
        for fault in faults:
            logger.warning("client_key_unreadable cause='%s'", fault)
        logger.info("client_keys_read count=%d", len(clients))

    def _shut_all_out(self, fault: str) -> None:
        self._state, self.server, self._clients = None, None, {}
        if fault != self._fault:
            self._fault = fault
            logger.error("client_keys_unusable cause='%s'", fault)
