# A client by paramiko whose packets can be anything: `send(number, *parts)` sends one, `until(*numbers)` waits for one of
# these, `ended()` waits for the end of the connection. Arguments: port, user, file of a key, port of a service.
import sys, struct, queue, socket, threading, time, paramiko
from paramiko.message import Message
from paramiko.transport import Transport

host, port, user, key = "127.0.0.1", int(sys.argv[1]), sys.argv[2], sys.argv[3]
came = queue.Queue()

class Raw(Transport):
    """The transport after login, without paramiko's own idea of channels."""

transport = Raw((host, port))
transport.daemon = True
# Small packets one after the other would wait for each other's acknowledgement.
transport.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
transport.start_client(timeout=30)
transport.auth_publickey(user, paramiko.Ed25519Key.from_private_key_file(key))

def taken(number):
    def take(*arguments):
        message = arguments[-1]
        came.put((number, message.asbytes()[1:] if message.asbytes()[:1] == bytes([number]) else message.asbytes()))
    return take

for number in list(range(80, 83)) + list(range(90, 101)):
    Raw._handler_table = dict(Raw._handler_table)
    Raw._handler_table[number] = (lambda n: lambda self, message: taken(n)(message))(number)
    Raw._channel_handler_table = {}

def u32(value): return struct.pack(">I", value)
def string(value):
    value = value if isinstance(value, bytes) else value.encode()
    return u32(len(value)) + value

def send(number, *parts):
    message = Message()
    message.add_byte(bytes([number]))
    message.add_bytes(b"".join(parts))
    transport._send_user_message(message)

def until(*numbers):
    while True:
        number, rest = came.get(timeout=30)
        if number in numbers:
            return number, rest

def ended():
    deadline = time.time() + 30
    while transport.is_active():
        assert time.time() < deadline, "the connection goes on"
        time.sleep(0.01)

def opens(kind, window=2**21, largest=32768, number=0, *more):
    send(90, string(kind), u32(number), u32(window), u32(largest), *more)

def direct(host, port): return string(host) + u32(port) + string("x") + u32(1)
service = int(sys.argv[4])
