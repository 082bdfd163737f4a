# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS between the gateway, the cloud and the real mosquitto, with certificates of this very run: who is believed, who is
not, and that a person is told why. Between the two a relay looks at every byte that the gateway sends."""
import contextlib
import os
import socket
import subprocess
import tempfile
import threading
import unittest
import unittest.mock

from contract import WatchedBroker
from gateway import ADA, SITE, Cloud, Gateway, STILE_CLOUD
from support import LIMIT_S, Program, free_port

# Types of TLS records (RFC 8446, 5.1), and the longest of what is encrypted but no MQTT: an alert.
HANDSHAKE, APPLICATION_DATA = 22, 23
ALERT_MAX = 40

CA_CONFIG = """
[ca]
default_ca = it
[it]
database = {directory}/index
new_certs_dir = {directory}
rand_serial = yes
unique_subject = no
default_md = sha256
policy = any
email_in_dn = no
[any]
commonName = supplied
"""


class Authority:
    """A CA, and whatever certificates a test wants of it."""

    def __init__(self, directory, name):
        self.directory = os.path.join(directory, name)
        os.mkdir(self.directory)
        self.count = 0
        self.write("index", "")
        self.config = self.write("ca.conf", CA_CONFIG.format(directory=self.directory))
        self.certificate, self.key = self.request(name, "-x509", "-days", "30")

    def write(self, name, text):
        path = os.path.join(self.directory, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def request(self, name, *options):
        """A key, and a request for it or a certificate that signs itself. Returns both files."""
        self.count += 1
        path = os.path.join(self.directory, f"{name}-{self.count}")
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
                "-keyout", path + ".key", "-out", path + ".pem", *options)
        return path + ".pem", path + ".key"

    def issue(self, name, alt="IP:127.0.0.1", dates=("-days", "30")):
        """Returns the files of a certificate and its key."""
        request, key = self.request(name)
        extensions = self.write("extensions", f"subjectAltName={alt}\n")
        openssl("ca", "-batch", "-notext", "-config", self.config, "-cert", self.certificate, "-keyfile", self.key,
                "-extfile", extensions, "-in", request, "-out", request + ".crt", *dates)
        return request + ".crt", key


def openssl(*words):
    done = subprocess.run(["openssl", *words], capture_output=True, text=True, timeout=LIMIT_S)
    assert done.returncode == 0, done.stderr


class Relay:
    """Passes bytes on to a port, and keeps what came from the client. It listens where host is."""

    def __init__(self, port, host="127.0.0.1"):
        self.to = port
        self.sent = []  # by connection
        family, _, _, _, address = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)[0]
        self.server = socket.create_server(address[:2], family=family)
        self.port = self.server.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.close()

    def accept(self):
        while True:
            try:
                client, _ = self.server.accept()
                broker = socket.create_connection(("127.0.0.1", self.to))
            except OSError:
                return
            sent = bytearray()
            self.sent.append(sent)
            threading.Thread(target=self.pump, args=(client, broker, sent), daemon=True).start()
            threading.Thread(target=self.pump, args=(broker, client, bytearray()), daemon=True).start()

    @staticmethod
    def pump(source, sink, kept):
        try:
            while data := source.recv(65536):
                kept += data
                sink.sendall(data)
        except OSError:
            pass
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def records(self):
        """(type, length) of every TLS record that was sent."""
        for sent in self.sent:
            at = 0
            while at < len(sent):
                length = int.from_bytes(sent[at + 3:at + 5])
                yield sent[at], length
                at += 5 + length


class TlsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = cls.enterClassContext(tempfile.TemporaryDirectory())
        cls.ours = Authority(cls.directory, "ours")
        cls.other = Authority(cls.directory, "other")
        cls.broker_files = cls.ours.issue("broker")
        cls.client = cls.ours.issue("gw1")

    def setUp(self):
        self.here = self.enterContext(tempfile.TemporaryDirectory())

    def broker(self, files=None, *extra):
        certificate, key = files or self.broker_files
        return self.enterContext(WatchedBroker(self.here, extra=[f"certfile {certificate}", f"keyfile {key}", *extra]))

    def mutual(self):
        return self.broker(None, f"cafile {self.ours.certificate}", "require_certificate true",
                           "use_identity_as_username true")

    @contextlib.contextmanager
    def openssl_allows(self, least, most):
        """For the programs that are started meanwhile, whatever this machine's own settings are."""
        config = os.path.join(self.here, "openssl.cnf")
        with open(config, "w", encoding="utf-8") as f:
            f.write("openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n[c]\n"
                    f"MinProtocol = {least}\nMaxProtocol = {most}\nCipherString = ALL:@SECLEVEL=0\n")
        with unittest.mock.patch.dict(os.environ, OPENSSL_CONF=config):
            yield

    def gateway(self, port, host="127.0.0.1", ca=None, client=(None, None), **more):
        certificate, key = client
        broker = {"host": host, "port": port, "ca_file": ca or self.ours.certificate, "cert_file": certificate,
                  "key_file": key, **more}
        return self.enterContext(Gateway(tempfile.mkdtemp(dir=self.here), broker={
            member: value for member, value in broker.items() if value}))


class Believed(TlsTest):
    """Policy goes down and events go up."""

    def works(self, gateway, port, *options):
        cloud = self.enterContext(Cloud(self.here))
        cloud.take([*SITE, *gateway.devices()])
        cloud.serve(port, "--ca", self.ours.certificate, *options)
        gateway.start()
        gateway.events.take(kind="policy_applied")
        gateway.events.take(kind="device_up", device="front")
        gateway.tap("front.reader", ADA)
        cloud.wait_for_event(gateway.events.take(kind="granted", user="ada"))

    def test_mutual_tls(self):
        broker = self.mutual()
        certificate, key = self.ours.issue("cloud")
        self.works(self.gateway(broker.port, client=self.client), broker.port, "--cert", certificate, "--key", key)

    def test_password_over_tls_1_2(self):
        passwords = os.path.join(self.here, "passwords")
        subprocess.run(["mosquitto_passwd", "-b", "-c", passwords, "someone", "secret"], check=True, timeout=LIMIT_S)
        with self.openssl_allows("TLSv1.2", "TLSv1.2"):
            broker = self.broker(None, "allow_anonymous false", f"password_file {passwords}")
        path = os.path.join(self.here, "password")
        with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8") as f:
            f.write("secret\n")
        self.works(self.gateway(broker.port, username="someone", password_file=path), broker.port,
                   "--user", "someone", "--password-file", path)

    def test_name_in_place_of_an_address(self):
        broker = self.broker(self.ours.issue("broker", alt="DNS:localhost"))
        relay = self.enterContext(Relay(broker.port, "localhost"))
        gateway = self.gateway(relay.port, host="localhost")
        gateway.start()
        gateway.log("sync: connected")


class Refused(TlsTest):
    def refused(self, words, to, host="127.0.0.1", **settings):
        """The gateway does not connect, says no word of MQTT to whom it does not believe, and tells a person why. Returns
        the relay."""
        relay = self.enterContext(Relay(to, host))
        gateway = self.gateway(relay.port, host, **settings)
        gateway.start()
        gateway.log("not connected: ")
        link = gateway.ask("status")[0]["link"]
        self.assertFalse(link["connected"])
        self.assertIn(words, link["error"])
        self.assertIn(words, gateway.ctl("status"))
        gateway.stop()
        return relay

    def disbelieved(self, words, to, **settings):
        sent = list(self.refused(words, to, **settings).records())
        self.assertEqual(sent[0][0], HANDSHAKE)
        self.assertFalse([length for kind, length in sent if kind == APPLICATION_DATA and length > ALERT_MAX], sent)

    def test_broker__of_another_authority(self):
        self.disbelieved("does not come from the CA file", self.broker(self.other.issue("broker")).port)

    def test_broker__that_signed_itself(self):
        files = self.other.request("broker", "-x509", "-addext", "subjectAltName=IP:127.0.0.1")
        self.disbelieved("does not come from the CA file (self-signed", self.broker(files).port)

    def test_broker__with_another_name_or_address(self):
        named = self.broker(self.ours.issue("broker", alt="DNS:broker.example.org,IP:127.0.0.2"))
        self.disbelieved("for another name", named.port)
        self.disbelieved("for another name", named.port, host="localhost")

    def test_broker__with_a_part_of_the_name(self):
        named = self.broker(self.ours.issue("broker", alt="DNS:local*,DNS:*"))
        self.disbelieved("for another name", named.port, host="localhost")

    def test_broker__expired(self):
        files = self.ours.issue("broker", dates=("-startdate", "20200101000000Z", "-enddate", "20210101000000Z"))
        self.disbelieved("has expired", self.broker(files).port)

    def test_broker__not_yet_valid(self):
        files = self.ours.issue("broker", dates=("-startdate", "20980101000000Z", "-enddate", "20990101000000Z"))
        self.disbelieved("is not yet valid", self.broker(files).port)

    def test_broker__with_tls_1_1_only(self):
        """OpenSSL's settings allow it everywhere here: it is stile-link that does not."""
        with self.openssl_allows("TLSv1", "TLSv1.1"):
            broker = self.broker(None, "tls_version tlsv1.1")
        with self.openssl_allows("TLSv1", "TLSv1.3"):
            done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{broker.port}"], capture_output=True,
                                  stdin=subprocess.DEVNULL, text=True, timeout=LIMIT_S)
            self.assertIn("Protocol  : TLSv1.1", done.stdout)
            self.disbelieved("does not offer TLS 1.2 or later", broker.port)

    def test_broker__without_tls(self):
        broker = self.enterContext(WatchedBroker(self.here))
        self.disbelieved("does not speak TLS", broker.port)

    def test_broker__gone(self):
        gateway = self.gateway(free_port())
        gateway.start()
        gateway.log("not connected: Connection refused")

    def test_gateway__without_a_certificate(self):
        broker = self.mutual()
        self.refused("wants a client certificate", broker.port)
        self.never_came(broker)

    def test_gateway__without_a_certificate__tls_1_2(self):
        with self.openssl_allows("TLSv1.2", "TLSv1.2"):
            broker = self.mutual()
        self.disbelieved("may want a client certificate", broker.port)
        self.never_came(broker)

    def test_gateway__with_a_certificate_of_another_authority(self):
        broker = self.mutual()
        self.refused("refuses our certificate: unknown CA", broker.port, client=self.other.issue("gw1"))
        self.never_came(broker)

    def test_gateway__with_an_expired_certificate(self):
        broker = self.mutual()
        expired = self.ours.issue("gw1", dates=("-startdate", "20200101000000Z", "-enddate", "20210101000000Z"))
        self.refused("refuses our certificate: certificate expired", broker.port, client=expired)
        self.never_came(broker)

    def never_came(self, broker):
        """Everything that the broker has logged when it ends."""
        broker.kill()
        lines = "".join(iter(broker.output.next, None))
        self.assertNotIn("New client connected", lines)
        self.assertIn("New connection from", lines)


class Files(TlsTest):
    def told(self, words, **settings):
        gateway = self.gateway(1, **settings)
        gateway.start()
        gateway.log("not connected: ")
        self.assertIn(words, gateway.ask("status")[0]["link"]["error"])

    def test_missing__is_named(self):
        self.told("ca_file: /nowhere/ca.pem: No such file or directory", ca="/nowhere/ca.pem")
        self.told("cert_file: /nowhere/crt: No such file or directory", client=("/nowhere/crt", self.client[1]))
        self.told("key_file: /nowhere/key: No such file or directory", client=(self.client[0], "/nowhere/key"))

    def test_no_good__is_named(self):
        self.told("has no certificate in PEM form", ca=self.client[1])
        self.told("belongs to cert_file", client=(self.client[0], self.broker_files[1]))
        locked = os.path.join(self.here, "locked.key")
        openssl("ec", "-in", self.client[1], "-aes128", "-passout", "pass:secret", "-out", locked)
        self.told("unencrypted", client=(self.client[0], locked))


class CloudSide(TlsTest):
    def serve(self, port, *options):
        site = os.path.join(self.here, "hub")
        subprocess.run([STILE_CLOUD, "-d", site, "init", "hub"], check=True, timeout=LIMIT_S)
        return self.enterContext(Program(STILE_CLOUD, "-d", site, "serve", "--broker", f"127.0.0.1:{port}", *options,
                                         errors=True))

    def test_broker_that_is_not_believed__is_told_again_and_again(self):
        broker = self.broker(self.other.issue("broker"))
        serving = self.serve(broker.port, "--ca", self.ours.certificate)
        for _ in range(2):
            serving.output.until(lambda line: "does not come from the CA file" in line)
        serving.kill()
        broker.kill()
        self.assertNotIn("New client connected", "".join(iter(broker.output.next, None)))

    def test_broker_that_wants_a_certificate__is_told(self):
        serving = self.serve(self.mutual().port, "--ca", self.ours.certificate)
        serving.output.until(lambda line: "wants a client certificate" in line)

    def test_files_that_are_no_good__end_it(self):
        serving = self.serve(1, "--ca", "/nowhere/ca.pem")
        self.assertIn("ca_file: /nowhere/ca.pem: No such file", serving.output.next())
        self.assertEqual(serving.wait(), 1)

    def test_half_of_a_pair__is_no_use(self):
        serving = self.serve(1, "--ca", self.ours.certificate, "--cert", self.client[0])
        self.assertIn("belong together", serving.output.next())
        self.assertEqual(serving.wait(), 2)


if __name__ == "__main__":
    unittest.main()
