"""A process that serves and forks."""

from __future__ import annotations

from support.subprograms import FORKING, run_program


def test_the_parent_goes_on_and_the_child_has_no_part_in_it() -> None:
    printed = run_program(
        FORKING
        + """
import socket
warnings.simplefilter("ignore", ResourceWarning)  # of clients that are left to the end
GET = b"GET /-/live HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n"
server = vs.start_http_server(0, registry=CollectorRegistry())
address = (server.address, server.port)
idle, halfway = (socket.create_connection(address, 60) for _ in range(2))

def alive(client):
    client.sendall(GET)
    return client.recv(65536).startswith(b"HTTP/1.1 200")

assert alive(idle)
halfway.sendall(GET[:10])

def child():
    server.close()  # says nothing to the clients of the parent
    server.close()

for _ in range(3):
    in_child(child)
    assert alive(idle)
    assert alive(socket.create_connection(address, 60))
halfway.sendall(GET[10:])
assert halfway.recv(65536).startswith(b"HTTP/1.1 200")

# A child that lives on holds neither the port nor the connections.
read, write = os.pipe()
begun, begin = os.pipe()
pid = os.fork()
if not pid:
    os.close(write)  # it ends with its parent, whatever happens there
    os.write(begin, b"x")
    os.read(read, 1)
    os._exit(0)
os.read(begun, 1)  # until then it may not have let go of them
server.close()
assert idle.recv(1) == b""
# A connection of another program may have the port by now, so nothing can be bound to it.
try:
    socket.create_connection(address, 60)
except ConnectionRefusedError:
    pass
else:
    sys.exit("somebody listens at the port")
os.write(write, b"x")
os.waitpid(pid, 0)
print("done")
"""
    )
    assert printed == "done\n"


def test_a_child_can_serve_by_itself() -> None:
    printed = run_program(
        FORKING
        + """
import urllib.request
server = vs.start_http_server(0, registry=CollectorRegistry())

def child():
    with vs.start_http_server(0, registry=CollectorRegistry()) as own:
        assert own.port != server.port
        assert urllib.request.urlopen(own.url, timeout=60).status == 200

in_child(child)
assert urllib.request.urlopen(server.url, timeout=60).status == 200
server.close()
print("done")
"""
    )
    assert printed == "done\n"
