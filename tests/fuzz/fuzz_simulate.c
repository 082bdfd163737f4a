/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whatever stands in a policy and a script: they are run, or refused with a line that says where. The input
 * is a vector (tests/unit/vectors): the script begins behind the first line "script". */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/simulate/simulate.h"

#define CUT "script\n"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *bytes = (const char *)data;
    const char *cut = memmem(bytes, size, CUT, strlen(CUT));
    size_t policy_len = cut ? (size_t)(cut - bytes) : size;
    size_t script_at = cut ? policy_len + strlen(CUT) : size;
    struct simulate_text policy = { .name = "policy", .bytes = bytes, .len = policy_len };
    struct simulate_text script = { .name = "script", .bytes = bytes + script_at, .len = size - script_at };
    char *out_text = NULL, *err_text = NULL;
    size_t out_len = 0, err_len = 0;
    FILE *out = open_memstream(&out_text, &out_len);
    FILE *err = open_memstream(&err_text, &err_len);

    assert(out && err);
    int code = simulate_run(&policy, &script, out, err);

    fclose(out);
    fclose(err);
    assert(code == SIMULATE_OK ? err_len == 0 : err_len > 0);
    free(out_text);
    free(err_text);
    return 0;
}
