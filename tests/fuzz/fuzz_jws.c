/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A message as it comes from the broker: whatever it is, its parts lie within it, and nobody's signature is
 * under it but that of the corpus' key. */
#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "proto/encode.h"
#include "proto/jws.h"

#define TYP         "stile-desired+jws"
#define PAYLOAD_MAX 61440

/* RFC 8037, appendix A.1: signed.* of the corpus are its. */
#define PUBLIC "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char payload[PAYLOAD_MAX + 1];
    const char *bytes = (const char *)data;
    uint8_t public_key[KEY_PUBLIC_BYTES];
    struct jws jws;
    size_t len = 0;
    int r = jws_parse(bytes, size, TYP, &jws);

    assert(b64_decode(PUBLIC, strlen(PUBLIC), public_key, sizeof(public_key), &len) == 0);
    if (r != 0) {
        assert(r == -ENOMEM || jws_code((enum jws_error)r));
        return 0;
    }
    assert(jws.input == bytes && jws.payload + jws.payload_len == bytes + jws.input_len);
    assert(jws.signature == bytes + jws.input_len + 1 && jws.signature + jws.signature_len == bytes + size);
    if (jws_verify(&jws, public_key) == 0 && jws_decode(&jws, payload, sizeof(payload), &len) == 0)
        assert(len < size && payload[len] == '\0');
    return 0;
}
