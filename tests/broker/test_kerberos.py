"""A worker against a Kafka that knows its callers by Kerberos, on every path that it has to it.

It needs a KDC's programs, the package gssapi and a librdkafka with GSSAPI: docs/security.md says
how to get them.
"""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from isthmus.config.kerberos import has_gssapi_module, librdkafka_has_gssapi
from isthmus.embedded.kafka import EmbeddedKafka
from isthmus.embedded.process import free_port
from tests.cluster.test_security import for_all_clients, records, take_every_path
from tests.support.cluster import Cluster, expect, expect_value
from tests.support.kdc import REALM, Kdc, find_program, running_kdc

_PROGRAMS = ("krb5kdc", "kdb5_util", "kadmin.local", "kinit")
pytestmark = [
    pytest.mark.skipif(
        not all(find_program(name) for name in _PROGRAMS),
        reason="no KDC: needs krb5-kdc, krb5-admin-server, krb5-user",
    ),
    pytest.mark.skipif(not has_gssapi_module(), reason="the package gssapi is not installed"),
    pytest.mark.skipif(not librdkafka_has_gssapi(), reason="this librdkafka has no GSSAPI"),
    pytest.mark.timeout(240),
]

_LOGIN = "com.sun.security.auth.module.Krb5LoginModule required"
_TICKET_LIFE = 20
_SESSION_MS = 8000


@dataclass(frozen=True)
class KerberosKafka:
    kafka: EmbeddedKafka
    address: str
    kdc: Kdc


@pytest.fixture(scope="module")
def kerberos(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KerberosKafka]:
    directory = tmp_path_factory.mktemp("kerberos")
    address = f"localhost:{free_port()}"
    with running_kdc(directory / "kdc", _TICKET_LIFE) as kdc, pytest.MonkeyPatch.context() as patch:
        keytab = kdc.keytab("kafka/localhost")
        login = (
            f'{_LOGIN} useKeyTab=true storeKey=true isInitiator=false keyTab="{keytab}"'
            f' principal="kafka/localhost@{REALM}";'
        )
        settings = {
            "listeners": f"SASL_PLAINTEXT://{address}",
            "sasl.enabled.mechanisms": "GSSAPI",
            "sasl.kerberos.service.name": "kafka",
            "listener.name.sasl_plaintext.gssapi.sasl.jaas.config": login,
            "connections.max.reauth.ms": str(_SESSION_MS),
        }
        patch.setenv("JDK_JAVA_OPTIONS", f"-Djava.security.krb5.conf={kdc.config}")
        patch.setenv("KRB5_CONFIG", str(kdc.config))
        patch.setenv("KRB5CCNAME", f"FILE:{directory / 'tickets'}")
        with EmbeddedKafka(directory / "kafka", extra=settings, short_lived=True) as kafka:
            yield KerberosKafka(kafka, address, kdc)


def test_every_path_to_kafka_goes_by_kerberos_and_outlives_the_tickets(
    kerberos: KerberosKafka, tmp_path: Path, topic: str
) -> None:
    keytab = kerberos.kdc.keytab("connect")
    settings = {
        "bootstrap.servers": kerberos.address,
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "GSSAPI",
        "sasl.kerberos.service.name": "kafka",
        "sasl.kerberos.kinit.cmd": find_program("kinit") or "kinit",
        "sasl.kerberos.min.time.before.relogin": "5000",
        "sasl.jaas.config": f"{_LOGIN} useKeyTab=true storeKey=true doNotPrompt=true"
        f' keyTab="{keytab}" principal="connect@{REALM}";',
    }
    cluster = Cluster(kerberos.address, tmp_path)
    cluster.properties |= for_all_clients(settings)
    try:
        cluster.start(1)
        started = time.monotonic()
        take_every_path(cluster, kerberos.kafka, topic)

        expect("the tickets' end", lambda: time.monotonic() - started > _TICKET_LIFE + 5, 60)
        with (tmp_path / "lines.txt").open("a") as lines:
            lines.write('"c"\n')
        expect_value("records", lambda: records(kerberos.kafka, topic), 4, 60)
        assert cluster.request("PUT", "/connectors/lines-out/resume")[0] == 202
        copy = tmp_path / "copy.txt"
        expect("the whole copy", lambda: copy.read_text().endswith("a\nb\nc\n"), 60)
        assert "re-authentication failed" not in cluster.workers[0].log.read_text()
        known = re.findall(r"authenticationID=([^;]+);", kerberos.kafka.server_log.read_text())
        assert set(known) == {f"connect@{REALM}"}
        cluster.stop()
    finally:
        cluster.close()
