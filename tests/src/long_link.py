"""A link of two tun devices that delays each packet: `long_link.py NEAR FAR SECONDS`, one way. Says "ready" when it is up.

Kernels without netem have no other way to be far from each other; here TCP itself sees the distance.
"""
import collections
import fcntl
import os
import select
import struct
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000


def device(name):
    descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(descriptor, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return descriptor


ends = [device(name) for name in sys.argv[1:3]]
delay = float(sys.argv[3])
under_way = [collections.deque(), collections.deque()]
print("ready", flush=True)
while os.getppid() != 1:
    first = min((queue[0][0] for queue in under_way if queue), default=time.monotonic() + 1)
    readable, _, _ = select.select(ends, [], [], max(0, first - time.monotonic()))
    now = time.monotonic()
    for descriptor in readable:
        queue = under_way[ends.index(descriptor)]
        try:
            for _ in range(64):
                queue.append((now + delay, os.read(descriptor, 65536)))
        except BlockingIOError:
            pass
        except OSError:
            sys.exit(0)
    for end, queue in zip(reversed(ends), under_way):
        while queue and queue[0][0] <= now:
            try:
                os.write(end, queue.popleft()[1])
            except OSError:
                pass
