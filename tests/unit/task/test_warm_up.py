import subprocess
import sys

_SCRIPT = """
import psutil
from isthmus.task.warm_up import warm_up

before = psutil.Process().num_fds()
plugins = warm_up()
print(psutil.Process().num_threads(), psutil.Process().num_fds() - before, len(list(plugins)) > 0)
"""


def test_the_fork_server_is_left_with_one_thread_and_nothing_open() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT], capture_output=True, text=True, check=True, timeout=60
    )

    assert done.stdout.split() == ["1", "0", "True"]
    assert done.stderr == ""
