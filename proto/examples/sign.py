# SPDX-License-Identifier: GPL-3.0-or-later
"""sign.py new KID FILE USE …     makes a key, keeps it in FILE, and prints the `key` item that a gateway is to trust
sign.py sign FILE TYP <PAYLOAD  prints the payload signed, for instance with TYP stile-command+jwt

With Debian's python3-jwcrypto; any JOSE library that does EdDSA will do."""
import json
import os
import sys

from jwcrypto import jwk, jws

if sys.argv[1] == "new":
    kid, path, uses = sys.argv[2], sys.argv[3], sys.argv[4:]
    key = jwk.JWK.generate(kty="OKP", crv="Ed25519", kid=kid)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(key.export_private())
    public = json.loads(key.export_public())
    print(json.dumps({"id": kid, "jwk": {name: public[name] for name in ("kty", "crv", "x")}, "use": uses}))
else:
    with open(sys.argv[2], encoding="utf-8") as file:
        key = jwk.JWK.from_json(file.read())
    message = jws.JWS(sys.stdin.buffer.read())
    message.add_signature(key, protected=json.dumps({"alg": "EdDSA", "kid": key["kid"], "typ": sys.argv[3]}))
    print(message.serialize(compact=True), end="")
