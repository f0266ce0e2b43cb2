"""`python -m snakemake …` and its like without the imports: forked where they have been done.

What stands in a command in place of `python`: it hands arguments, environment, folder and open
files over to the process that forks (forked_heads.py), passes on signals, and ends as what was
forked ends; what was forked ends with it, too. It imports next to nothing, as it is started
hundreds of times: so no `socket` and no `json`.
"""

import _signal
import _socket
import marshal
import os
import sys

PASSED_ON = (_signal.SIGHUP, _signal.SIGINT, _signal.SIGQUIT, _signal.SIGTERM)


def main(address: str, *arguments: str) -> None:
    """Be what Python would be with these arguments."""
    place = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
    place.connect(address)
    told = {number: _signal.getsignal(number) for number in PASSED_ON}
    ignored = [n for n, what in told.items() if what == _signal.SIG_IGN]
    folder = os.getcwd()  # noqa: PTH109
    order = {"arguments": arguments, "cwd": folder, "environment": dict(os.environ)}
    order |= {"ignored": ignored}
    files = b"".join(number.to_bytes(4, sys.byteorder) for number in range(3))
    place.sendmsg([marshal.dumps(order)], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, files)])
    for number in set(PASSED_ON).difference(ignored):
        _signal.signal(number, lambda number, _: place.send(bytes([number])))
    for number in range(3):
        os.close(number)  # whoever reads them reads to the end of what was forked
    code = marshal.loads(place.recv(100) or marshal.dumps(1))
    if code < 0:
        if -code not in (_signal.SIGKILL, _signal.SIGSTOP):
            _signal.signal(-code, _signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


if __name__ == "__main__":
    main(*sys.argv[1:])
