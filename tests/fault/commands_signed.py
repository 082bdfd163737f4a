# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands signed with a key that stile-cloud made, by a JOSE library that knows nothing of stile."""
import json
import pathlib
import time

from jwcrypto import jwk, jws


class Sender:
    """Signs as a cloud's desk would."""

    def __init__(self, directory):
        secret = json.loads(pathlib.Path(directory, "keys", "cmd-1.json").read_text(encoding="utf-8"))
        self.key = jwk.JWK(**secret["jwk"], d=secret["d"])
        self.count = 0

    def release(self, door, challenge):
        """Returns the jti and the signed bytes."""
        self.count += 1
        now = int(time.time())
        claims = {"aud": "hub/gw1", "iat": now, "exp": now + 30, "jti": f"{self.count:016d}", "iss": "test@hub",
                  "verb": "release", "target": door, "args": {"direction": "entry", "reason": "test"}, "chal": challenge}
        token = jws.JWS(json.dumps(claims).encode())
        token.add_signature(self.key, protected=json.dumps({"alg": "EdDSA", "kid": "cmd-1", "typ": "stile-command+jwt"}))
        return claims["jti"], token.serialize(compact=True)
