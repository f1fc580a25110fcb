"""A client that does what no client should: hostile.py PORT CASE ARGUMENT... Prints what the server answers."""
import logging, os, queue, sys, threading, time
import paramiko
from paramiko.message import Message

logging.getLogger('paramiko').addHandler(logging.NullHandler())
port = int(sys.argv[1])
FAILURE, SUCCESS, BANNER, PK_OK = 51, 52, 53, 60
GONE = 'gone'


class Raw:
    """The login dialogue in messages of one's own."""

    def __init__(self):
        self.replies = queue.Queue()
        self.transport = paramiko.Transport(('127.0.0.1', port))
        self.transport.start_client(timeout=30)
        self._handler_table = {number: (lambda _, m, n=number: self.replies.put((n, m))) for number in range(5, 62)
                               if number in (6, FAILURE, SUCCESS, 60, 61)}
        self._client_handler_table = self._handler_table
        self.transport.auth_handler = self
        self.ask(b'\x05', 'ssh-userauth')

    def is_authenticated(self):
        return False

    def abort(self):
        self.replies.put((GONE, None))

    def send(self, number, *fields):
        message = Message()
        message.add_byte(number)
        for field in fields:
            if isinstance(field, bool):
                message.add_boolean(field)
            elif isinstance(field, int):
                message.add_int(field)
            elif isinstance(field, Verbatim):
                message.add_bytes(field.data)
            else:
                message.add_string(field)
        self.transport._send_message(message)

    def ask(self, number, *fields):
        try:
            self.send(number, *fields)
            return self.replies.get(timeout=40)
        except (EOFError, OSError, paramiko.SSHException):
            return (GONE, None)

    def request(self, user, method, *rest):
        return self.ask(b'\x32', user, 'ssh-connection', method, *rest)

    def signed(self, user, key, signer, session=None):
        """A login with `key` that `signer` has signed, over this session's id or another."""
        blob, name = key.asbytes(), key.get_name()
        data = Message()
        data.add_string(session or self.transport.session_id)
        data.add_byte(b'\x32')
        for field in (user, 'ssh-connection', 'publickey'):
            data.add_string(field)
        data.add_boolean(True)
        data.add_string(name)
        data.add_string(blob)
        signature = signer.sign_ssh_data(data.asbytes()).asbytes() if signer else name_and(name, b'\x00' * 64)
        return self.request(user, 'publickey', True, name, blob, signature)[0]


class Verbatim:
    def __init__(self, data):
        self.data = data


def name_and(name, data):
    message = Message()
    message.add_string(name)
    message.add_string(data)
    return message.asbytes()


def shown(answer):
    return {FAILURE: 'refused', SUCCESS: 'in', PK_OK: 'would do', GONE: GONE}.get(answer, str(answer))


def load(path):
    return paramiko.Ed25519Key.from_private_key_file(path)


def counted(user, method):
    """How many attempts one connection has, and how many prompts they bring."""
    raw, answers, prompts = Raw(), 0, 0
    key = paramiko.ECDSAKey.generate()
    name, blob = key.get_name(), key.asbytes()
    rest = {
        'none': (), 'password': (False, 'wrong'), 'publickey': (False, name, blob),
        'keyboard-interactive': ('', 'pam,' * 200), 'nonsense': (),
        'gssapi-with-mic': (1, bytes.fromhex('06092a864886f712010202')),
        'hostbased': (name, blob, 'client.example.org', user, name_and(name, b'x' * 64)),
    }
    while answers < 60:
        if method == 'signature':
            number = raw.signed(user, key, None)
        else:
            number, _ = raw.request(user, method, *rest[method])
        while number == 60 and method == 'keyboard-interactive' and prompts < 60:
            prompts += 1
            number, _ = raw.ask(b'\x3d', 1, 'wrong')
        if number == GONE:
            break
        answers += 1
    print(answers, prompts)


def dialogue(raw, user):
    """A wrong answer, where something is asked."""
    number, message = raw.request(user, 'keyboard-interactive', '', '')
    return raw.ask(b'\x3d', 1, 'wrong') if number == 60 else (number, message)


def shortest_times(names):
    """Microseconds that a refusal takes at the least, by name and attempt; names in turns.

    What is always done for a name takes its time in the shortest one, too; what else the machine did is not in it."""
    rounds, keep = 8, {}
    key = paramiko.ECDSAKey.generate()
    attempts = {
        'none': lambda r, n: r.request(n, 'none'),
        'publickey': lambda r, n: r.request(n, 'publickey', False, key.get_name(), key.asbytes()),
        'password': lambda r, n: r.request(n, 'password', False, 'wrong'),
        'long-password': lambda r, n: r.request(n, 'password', False, 'x' * 1000),
        'nonsense': lambda r, n: r.request(n, 'nonsense'),
        'dialogue': dialogue,
    }
    for _ in range(rounds):
        for name in names:
            raw = Raw()
            raw.request(name, 'none')
            for attempt, ask in attempts.items():
                before = time.perf_counter()
                answer = shown(ask(raw, name)[0])
                keep.setdefault((name, attempt), []).append((time.perf_counter() - before, answer))
            raw.transport.close()
    for (name, attempt), found in keep.items():
        times, answers = zip(*found)
        print(name, attempt, int(min(times) * 1e6), '|'.join(sorted(set(answers))), sep='\t')


def peak_of_family(pid):
    """The largest that this process or any below it has been, in KiB; one that ends meanwhile counts as nothing."""
    sizes = [0]
    try:
        with open('/proc/%d/task/%d/children' % (pid, pid)) as children:
            pids = [int(child) for child in children.read().split()]
        with open('/proc/%d/status' % pid) as status:
            sizes += [int(line.split()[1]) for line in status if line.startswith('VmHWM')]
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return max(sizes + [peak_of_family(child) for child in pids])


def pings(listener, exchanging):
    """PINGs from somebody who reads nothing any more, before login; exchanging: amid a key exchange."""
    t = paramiko.Transport(('127.0.0.1', port))
    t.start_client(timeout=30)
    stop = threading.Event()
    t._parse_kex_init = lambda m: stop.wait()
    if exchanging:
        t._send_kex_init()
    else:
        t.packetizer.read_message = lambda: stop.wait() or (0, Message())
    sent = 0

    def flood():
        nonlocal sent
        message = Message()
        message.add_byte(b'\xc0')
        message.add_string(b'x' * 200)
        try:
            while sent < 100000:
                t.packetizer.send_message(message)
                sent += 1
        except (EOFError, OSError, paramiko.SSHException):
            pass
    flooding = threading.Thread(target=flood, daemon=True)
    flooding.start()
    flooding.join(4)
    print(sent, peak_of_family(listener))


case, arguments = sys.argv[2], sys.argv[3:]
if case == 'signature':
    user, key, signer, session = arguments[0], load(arguments[1]), arguments[2], arguments[3:]
    signer = load(signer) if signer != 'nobody' else None
    print(shown(Raw().signed(user, key, signer, b'x' * 32 if session else None)))
elif case == 'names':
    key = load(arguments[0])
    for name in arguments[1:]:
        print(shown(Raw().signed(name, key, key)))
elif case == 'counted':
    for method in arguments[1:]:
        counted(arguments[0], method)
elif case == 'devices':
    for devices in arguments[1:]:
        number, _ = Raw().request(arguments[0], 'keyboard-interactive', '', devices)
        print('asked' if number == 60 else shown(number))
elif case == 'times':
    shortest_times(arguments)
elif case == 'password':
    raw, length = Raw(), int(arguments[1])
    before = time.perf_counter()
    answer = shown(raw.request(arguments[0], 'password', False, 'x' * length)[0])
    print(answer, int((time.perf_counter() - before) * 1000))
elif case == 'pings':
    pings(int(arguments[0]), arguments[1] == 'exchanging')
elif case == 'exact-password':
    print(shown(Raw().request(arguments[0], 'password', False, arguments[1])[0]))
elif case == 'none':
    print(shown(Raw().request(arguments[0], 'none')[0]))
elif case == 'change':
    raw = Raw()
    raw.request(arguments[0], 'none')
    print(shown(raw.signed(arguments[1], load(arguments[2]), load(arguments[2]))))
elif case == 'malformed':
    # CVE-2018-15473: what follows the method is cut off at every place.
    key = paramiko.ECDSAKey.generate()
    whole = b'\x01' + name_and(key.get_name(), key.asbytes())
    for name in arguments:
        answers = set()
        for length in (0, 1, 3, 5, 20, len(whole) - 1, len(whole)):
            answers.add(shown(Raw().request(name, 'publickey', Verbatim(whole[:length]))[0]))
        print(name, ','.join(sorted(answers)), sep='\t')
elif case == 'keys':
    # One connection: each key is offered, then used.
    user, raw = arguments[0], Raw()
    for path in arguments[1:]:
        key = load(path)
        offered = shown(raw.request(user, 'publickey', False, key.get_name(), key.asbytes())[0])
        print(offered, shown(raw.signed(user, key, key)), sep='\t')
sys.stdout.flush()
os._exit(0)
