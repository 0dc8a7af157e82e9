"""A Kerberos of the test's own: a KDC on a loopback port, its principals and their keytabs."""

import os
import shutil
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from isthmus.embedded.process import free_port

REALM = "ISTHMUS.TEST"
#: Where Debian keeps the KDC's programs, which are not for everybody's PATH.
_PROGRAMS = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"


@dataclass(frozen=True)
class Kdc:
    """A running KDC; whose files are in `directory`, `config` is the krb5.conf of clients."""

    directory: Path
    config: Path

    def keytab(self, principal: str) -> Path:
        """Make a principal with a random key; return the file that holds it."""
        file = self.directory / f"{principal.replace('/', '-')}.keytab"
        self.run("kadmin.local", "-q", f"addprinc -randkey {principal}")
        self.run("kadmin.local", "-q", f"ktadd -k {file} {principal}")
        return file

    def run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [find_program(program) or program, *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"{program}: {done.stdout}{done.stderr}"

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "KRB5_CONFIG": str(self.config),
            "KRB5_KDC_PROFILE": str(self.directory / "kdc.conf"),
        }


def find_program(name: str) -> str | None:
    return shutil.which(name, path=_PROGRAMS)


@contextmanager
def running_kdc(directory: Path, ticket_life: int) -> Generator[Kdc]:
    """Run a KDC whose tickets live for so many seconds, and not a second longer."""
    directory.mkdir()
    port = free_port()
    kdc = Kdc(directory, directory / "krb5.conf")
    kdc.config.write_text(
        f"[libdefaults]\n default_realm = {REALM}\n dns_lookup_kdc = false\n rdns = false\n"
        " dns_lookup_realm = false\n dns_canonicalize_hostname = false\n clockskew = 1\n"
        f" ticket_lifetime = {ticket_life}s\n udp_preference_limit = 1\n"
        f"[realms]\n {REALM} = {{\n  kdc = 127.0.0.1:{port}\n }}\n"
        f"[domain_realm]\n localhost = {REALM}\n"
    )
    (directory / "kdc.conf").write_text(
        f"[kdcdefaults]\n kdc_listen = 127.0.0.1:{port}\n kdc_tcp_listen = 127.0.0.1:{port}\n"
        f"[realms]\n {REALM} = {{\n  database_name = {directory}/principal\n"
        f"  key_stash_file = {directory}/stash\n  acl_file = {directory}/kadm5.acl\n"
        f"  max_life = {ticket_life}s\n }}\n"
    )
    kdc.run("kdb5_util", "create", "-s", "-r", REALM, "-P", "secret-of-the-realm")
    log = (directory / "kdc.log").open("wb")
    command = [find_program("krb5kdc") or "krb5kdc", "-n"]
    process = subprocess.Popen(command, env=kdc.environment, stdout=log, stderr=log)
    try:
        _wait_until_it_answers(kdc, process)
        yield kdc
    finally:
        process.terminate()
        process.wait(30)
        log.close()


def _wait_until_it_answers(kdc: Kdc, process: "subprocess.Popen[bytes]") -> None:
    keytab = kdc.keytab("probe")
    deadline = time.monotonic() + 30
    command = [find_program("kinit") or "kinit", "-c", f"{kdc.directory}/probe.cache", "-k", "-t"]
    while process.poll() is None:
        probe = subprocess.run(
            [*command, str(keytab), "probe"],
            env=kdc.environment,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        if probe.returncode == 0:
            return
        assert time.monotonic() < deadline, probe.stderr
        time.sleep(0.1)
    raise AssertionError((kdc.directory / "kdc.log").read_text())
