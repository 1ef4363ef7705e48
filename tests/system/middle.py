"""Somebody in the middle of a TLS connection who has a certificate that the client believes."""

import socket
import threading


class Middle:
    """Ends the client's TLS with `server_context`, begins one of its own to `port`, records what
    the client says, and may change the server's lines: `edit(line)`."""

    def __init__(self, server_context, client_context, port, edit=lambda line: line):
        self.server_context, self.client_context, self.upstream = server_context, client_context, port
        self.edit = edit
        self.lines = []  # of the client
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.serve, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.listener.close()
        self.thread.join(10)

    def serve(self):
        plain, _ = self.listener.accept()
        with (
            self.server_context.wrap_socket(plain, server_side=True) as client,
            socket.create_connection(("127.0.0.1", self.upstream)) as way,
            self.client_context.wrap_socket(way, server_hostname="localhost") as server,
        ):
            down = threading.Thread(target=self.pass_down, args=(server, client), daemon=True)
            down.start()
            with client.makefile("rb") as lines:
                for line in lines:
                    self.lines.append(line)
                    server.sendall(line)
            server.shutdown(socket.SHUT_RDWR)
            down.join(10)

    def pass_down(self, server, client):
        try:
            with server.makefile("rb") as lines:
                for line in lines:
                    client.sendall(self.edit(line))
            client.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # one of the two has gone
