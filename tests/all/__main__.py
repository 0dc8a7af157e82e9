"""python -m tests.all

All tests in two runs side by side: those with Apache's worker, and the others. Most of their time
is waiting, and Apache's worker is waited for longest. What the first run has to say comes at the
end. Ends with 1 if one of them has failed.
"""

import subprocess
import sys
import tempfile

_PEER = "tests/peer"


def main() -> int:
    pytest = [sys.executable, "-m", "pytest"]
    with tempfile.TemporaryFile() as said:
        peer = subprocess.Popen([*pytest, _PEER], stdout=said, stderr=subprocess.STDOUT)
        others = subprocess.Popen([*pytest, f"--ignore={_PEER}"])
        try:
            failed = others.wait() != 0
            failed |= peer.wait() != 0
        except KeyboardInterrupt:  # Ctrl-C has reached both, which stop their servers in order
            others.wait()
            peer.wait()
            failed = True
        said.seek(0)
        sys.stdout.buffer.write(said.read())
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
