"""Attacks on an SSH server, each from an address of its own. What becomes of them is in the server's log.

attacks.py PORT USER LOCKED-USER < lines of `ADDRESS ATTACK [NAME]`, the name as hexadecimal UTF-8.
"""
import logging, os, socket, struct, sys, threading
import paramiko
from paramiko.common import cMSG_DISCONNECT

logging.getLogger('paramiko').addHandler(logging.NullHandler())
port, user, locked = int(sys.argv[1]), sys.argv[2], sys.argv[3]
# Both servers have done with these.
paramiko.Transport._preferred_kex += ('diffie-hellman-group1-sha1',)
keys = [paramiko.ECDSAKey.generate() for _ in range(7)]


def connect(address):
    sock = socket.create_connection(('127.0.0.1', port), 30, (address, 0))
    sock.settimeout(30)
    return sock


def read_all(sock):
    try:
        while sock.recv(65536):
            pass
    except OSError:
        pass
    sock.close()


def transport(address):
    t = paramiko.Transport(connect(address))
    t.start_client(timeout=30)
    return t


def attempts(address, *tries):
    """Tries until the server has enough, then leaves with a word."""
    t = transport(address)
    for attempt in tries:
        try:
            attempt(t)
        except (paramiko.SSHException, EOFError):
            if not t.is_active():
                break
    t.close()


def password(name, text='wrong'):
    return lambda t: t.auth_password(name, text, fallback=False)


def dialogue(name):
    return lambda t: t.auth_interactive(name, lambda title, instructions, prompts: ['wrong'] * len(prompts))


def says(text, then=read_all):
    def attack(address):
        sock = connect(address)
        try:
            sock.sendall(text)
        except OSError:
            pass
        then(sock)
    return attack


def reset(sock):
    sock.recv(10)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    sock.close()


def offers_only(what, value):
    def attack(address):
        t = paramiko.Transport(connect(address))
        setattr(t, '_preferred_' + what, (value,))
        try:
            t.start_client(timeout=30)
        except (paramiko.SSHException, EOFError, OSError):
            pass
        t.close()
    return attack


def leaves(reason, text):
    def attack(address):
        t = transport(address)
        try:
            password(user)(t)
        except paramiko.SSHException:
            pass
        message = paramiko.Message()
        message.add_byte(cMSG_DISCONNECT)
        message.add_int(reason)
        message.add_string(text)
        message.add_string('')
        t._send_message(message)
        read_all(t.sock)
        t.close()
    return attack


def after_kex(action):
    def attack(address):
        t = transport(address)
        action(t.sock)
        read_all(t.sock)
        t.close()
    return attack


def vanishes(name, how):
    def attack(address):
        t = transport(address)
        try:
            password(name)(t)
        except paramiko.SSHException:
            pass
        how(t.sock)
        t.close()
    return attack


def vanish(sock):
    sock.shutdown(socket.SHUT_RDWR)


def cut(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    sock.close()


ATTACKS = {
    'wrong password': lambda a: attempts(a, password(user)),
    'too many wrong passwords': lambda a: attempts(a, *[password(user)] * 8),
    'password of an invalid user': lambda a: attempts(a, password('oracle')),
    'too many passwords of an invalid user': lambda a: attempts(a, *[password('oracle')] * 8),
    'an invalid user': lambda a: attempts(a, lambda t: t.auth_none('admin')),
    'key of an invalid user': lambda a: attempts(a, lambda t: t.auth_publickey('postgres', keys[0])),
    'password of root': lambda a: attempts(a, *[password('root')] * 3),
    'password of a denied user': lambda a: attempts(a, password('daemon')),
    'password of a user of a denied group': lambda a: attempts(a, password('mail')),
    'password of a locked account': lambda a: attempts(a, password(locked)),
    'wrong answer': lambda a: attempts(a, dialogue(user)),
    'wrong answer of an invalid user': lambda a: attempts(a, dialogue('oracle')),
    'wrong answer of root': lambda a: attempts(a, dialogue('root')),
    'too many wrong keys': lambda a: attempts(a, *[lambda t, key=key: t.auth_publickey(user, key) for key in keys]),
    'too many wrong keys of an invalid user':
        lambda a: attempts(a, *[lambda t, key=key: t.auth_publickey('ubnt', key) for key in keys]),
    'another user': lambda a: attempts(a, password(user), password('root')),
    'web request': says(b'GET / HTTP/1.0\r\n\r\n'),
    'TLS hello': says(b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x0b\xad\n'),
    'old protocol': says(b'SSH-1.5-scanner\r\n'),
    'endless first line': says(b'x' * 20000),
    'silence and an end': says(b'', vanish),
    'silence and a reset': says(b'', reset),
    'a version and an end': says(b'SSH-2.0-scanner\r\n', lambda sock: (sock.recv(10), vanish(sock))),
    'a version and a reset': says(b'SSH-2.0-scanner\r\n', reset),
    'no key exchange method': offers_only('kex', 'diffie-hellman-group1-sha1'),
    'no cipher': offers_only('ciphers', '3des-cbc'),
    'no MAC': offers_only('macs', 'hmac-md5'),
    'no host key type': offers_only('keys', 'ssh-dss'),
    'no packet after the key exchange': after_kex(lambda sock: sock.sendall(b'\xff' * 4096)),
    'an end after the key exchange': after_kex(vanish),
    'leaves with 11': leaves(11, 'Bye Bye'),
    'leaves with 3': leaves(3, 'com.jcraft.jsch.JSchException: Auth fail'),
    'leaves with 14': leaves(14, 'No supported authentication methods available'),
    'vanishes after a failure': vanishes(user, vanish),
    'vanishes after a failure of an invalid user': vanishes('guest', vanish),
    'reset after a failure': vanishes(user, cut),
}


def run(line):
    address, attack = line[0], line[1]
    try:
        if attack == 'name':
            name = bytes.fromhex(line[2]).decode()
            attempts(address, lambda t: t.auth_none(name), *[password(name)] * 6)
        else:
            ATTACKS[attack](address)
    except (paramiko.SSHException, EOFError, OSError) as error:
        print(attack, repr(error), file=sys.stderr)


if len(sys.argv) > 4:
    print('\n'.join(ATTACKS))
    sys.exit()
lines = [line.rstrip('\n').split('\t') for line in sys.stdin]
threads = [threading.Thread(target=run, args=(line,), daemon=True) for line in lines]
for thread in threads:
    thread.start()
for line, thread in zip(lines, threads):
    thread.join(60)
    if thread.is_alive():
        print(line[1], 'hangs', file=sys.stderr, flush=True)
        os._exit(1)
# Threads of paramiko may be at work yet: Python's own end does not survive that every time.
sys.stderr.flush()
os._exit(0)
