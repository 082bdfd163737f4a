/* SPDX-License-Identifier: GPL-3.0-or-later */
/* att.c: a row for each opcode says which fields stand in its PDU, one behind the other, and what the rest
 * is; parsing and formatting both follow it, so they cannot differ. */
#include "proto/att.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "gateway/base/bytes.h"
#include "proto/encode.h"

#define FIELDS_MAX 3

/* Opcode, format and the length of entries stand before a list. */
#define LIST_BEFORE 2

/* Core Specification, Vol 3, Part F, 3.3: bit 6 of the opcode. */
#define COMMAND_BIT 0x40

#define UUID_16_BYTES 2
#define HANDLE_BYTES  2

/* FIND_INFO_RESPONSE says how long its UUIDs are (3.4.3.2). */
#define FORMAT_16  1
#define FORMAT_128 2

/* Where the low 16 bits stand in the text of the Base UUID. */
#define UUID_16_AT 2

enum field {
    FIELD_NONE,
    FIELD_REQUEST,
    FIELD_CODE,
    FIELD_FLAGS,
    FIELD_MTU,
    FIELD_HANDLE,
    FIELD_FIRST,
    FIELD_LAST,
    FIELD_OFFSET
};

enum rest {
    REST_NONE,
    REST_VALUE,
    REST_TYPE,       /* a UUID of either length */
    REST_TYPE_VALUE, /* a UUID of 16 bits, and a value */
    REST_INFO,       /* lists: format, entries of handle and UUID */
    REST_GROUPS,     /* entries of handle and end */
    REST_ENTRIES,    /* length, entries of that length: handle and value */
    REST_GROUP_ENTRIES,
};

/* Where a field stands in the struct, and its bytes in a PDU. */
struct place {
    size_t offset;
    size_t size;
};

static const struct place places[] = {
    [FIELD_NONE] = { 0, 0 },
    [FIELD_REQUEST] = { offsetof(struct att_pdu, request), 1 },
    [FIELD_CODE] = { offsetof(struct att_pdu, code), 1 },
    [FIELD_FLAGS] = { offsetof(struct att_pdu, flags), 1 },
    [FIELD_MTU] = { offsetof(struct att_pdu, mtu), 2 },
    [FIELD_HANDLE] = { offsetof(struct att_pdu, handle), 2 },
    [FIELD_FIRST] = { offsetof(struct att_pdu, first), 2 },
    [FIELD_LAST] = { offsetof(struct att_pdu, last), 2 },
    [FIELD_OFFSET] = { offsetof(struct att_pdu, offset), 2 },
};

struct form {
    uint8_t opcode;
    enum field fields[FIELDS_MAX];
    enum rest rest;
};

static const struct form forms[] = {
    { ATT_ERROR, { FIELD_REQUEST, FIELD_HANDLE, FIELD_CODE }, REST_NONE },
    { ATT_MTU_REQUEST, { FIELD_MTU }, REST_NONE },
    { ATT_MTU_RESPONSE, { FIELD_MTU }, REST_NONE },
    { ATT_FIND_INFO_REQUEST, { FIELD_FIRST, FIELD_LAST }, REST_NONE },
    { ATT_FIND_INFO_RESPONSE, { 0 }, REST_INFO },
    { ATT_FIND_VALUE_REQUEST, { FIELD_FIRST, FIELD_LAST }, REST_TYPE_VALUE },
    { ATT_FIND_VALUE_RESPONSE, { 0 }, REST_GROUPS },
    { ATT_READ_TYPE_REQUEST, { FIELD_FIRST, FIELD_LAST }, REST_TYPE },
    { ATT_READ_TYPE_RESPONSE, { 0 }, REST_ENTRIES },
    { ATT_READ_REQUEST, { FIELD_HANDLE }, REST_NONE },
    { ATT_READ_RESPONSE, { 0 }, REST_VALUE },
    { ATT_READ_BLOB_REQUEST, { FIELD_HANDLE, FIELD_OFFSET }, REST_NONE },
    { ATT_READ_BLOB_RESPONSE, { 0 }, REST_VALUE },
    { ATT_READ_GROUP_REQUEST, { FIELD_FIRST, FIELD_LAST }, REST_TYPE },
    { ATT_READ_GROUP_RESPONSE, { 0 }, REST_GROUP_ENTRIES },
    { ATT_WRITE_REQUEST, { FIELD_HANDLE }, REST_VALUE },
    { ATT_WRITE_RESPONSE, { 0 }, REST_NONE },
    { ATT_PREPARE_WRITE_REQUEST, { FIELD_HANDLE, FIELD_OFFSET }, REST_VALUE },
    { ATT_PREPARE_WRITE_RESPONSE, { FIELD_HANDLE, FIELD_OFFSET }, REST_VALUE },
    { ATT_EXECUTE_WRITE_REQUEST, { FIELD_FLAGS }, REST_NONE },
    { ATT_EXECUTE_WRITE_RESPONSE, { 0 }, REST_NONE },
    { ATT_NOTIFICATION, { FIELD_HANDLE }, REST_VALUE },
    { ATT_INDICATION, { FIELD_HANDLE }, REST_VALUE },
    { ATT_CONFIRMATION, { 0 }, REST_NONE },
    { ATT_WRITE_COMMAND, { FIELD_HANDLE }, REST_VALUE },
};

static const struct form *find_form(uint8_t opcode)
{
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
        if (forms[i].opcode == opcode)
            return &forms[i];
    return NULL;
}

struct att_uuid att_uuid_16(uint16_t number)
{
    return (struct att_uuid)ATT_UUID_16(number);
}

bool att_uuid_equal(const struct att_uuid *a, const struct att_uuid *b)
{
    return memcmp(a->bytes, b->bytes, ATT_UUID_BYTES) == 0;
}

int att_uuid_take(const uint8_t bytes[], size_t len, struct att_uuid *ret_uuid)
{
    if (len == UUID_16_BYTES) {
        *ret_uuid = att_uuid_16(bytes_get_u16(bytes));
        return 0;
    }
    if (len != ATT_UUID_BYTES)
        return -EBADMSG;
    for (size_t i = 0; i < ATT_UUID_BYTES; i++)
        ret_uuid->bytes[i] = bytes[ATT_UUID_BYTES - 1 - i];
    return 0;
}

static uint16_t low_16(const struct att_uuid *uuid)
{
    return (uint16_t)(uuid->bytes[UUID_16_AT] << 8 | uuid->bytes[UUID_16_AT + 1]);
}

static bool is_16(const struct att_uuid *uuid)
{
    struct att_uuid same = att_uuid_16(low_16(uuid));

    return att_uuid_equal(uuid, &same);
}

size_t att_uuid_put(const struct att_uuid *uuid, uint8_t ret_bytes[static ATT_UUID_BYTES])
{
    if (is_16(uuid)) {
        bytes_put_u16(ret_bytes, low_16(uuid));
        return UUID_16_BYTES;
    }
    for (size_t i = 0; i < ATT_UUID_BYTES; i++)
        ret_bytes[i] = uuid->bytes[ATT_UUID_BYTES - 1 - i];
    return ATT_UUID_BYTES;
}

static size_t fields_size(const struct form *form)
{
    size_t size = 0;

    for (size_t i = 0; i < FIELDS_MAX; i++)
        size += places[form->fields[i]].size;
    return size;
}

static uint16_t *number_at(struct att_pdu *pdu, const struct place *place)
{
    return (uint16_t *)(void *)((uint8_t *)pdu + place->offset);
}

static void take_fields(const struct form *form, const uint8_t bytes[], struct att_pdu *pdu)
{
    for (size_t i = 0; i < FIELDS_MAX && form->fields[i] != FIELD_NONE; i++) {
        const struct place *place = &places[form->fields[i]];

        *number_at(pdu, place) = place->size == 1 ? bytes[0] : bytes_get_u16(bytes);
        bytes += place->size;
    }
}

static int take_value(const uint8_t bytes[], size_t len, struct att_pdu *pdu)
{
    if (len > ATT_VALUE_MAX)
        return -EBADMSG;
    pdu->value = bytes;
    pdu->len = len;
    return 0;
}

static int take_type_value(const uint8_t bytes[], size_t len, struct att_pdu *pdu)
{
    if (len < UUID_16_BYTES)
        return -EBADMSG;
    int r = att_uuid_take(bytes, UUID_16_BYTES, &pdu->type);

    return r < 0 ? r : take_value(bytes + UUID_16_BYTES, len - UUID_16_BYTES, pdu);
}

static int take_list(const uint8_t bytes[], size_t len, size_t each, struct att_pdu *pdu)
{
    if (len == 0 || len % each != 0)
        return -EBADMSG;
    pdu->value = bytes;
    pdu->len = len;
    pdu->each = each;
    return 0;
}

static int take_info(const uint8_t bytes[], size_t len, struct att_pdu *pdu)
{
    if (len < 1 || (bytes[0] != FORMAT_16 && bytes[0] != FORMAT_128))
        return -EBADMSG;
    size_t uuid = bytes[0] == FORMAT_16 ? UUID_16_BYTES : ATT_UUID_BYTES;

    return take_list(bytes + 1, len - 1, HANDLE_BYTES + uuid, pdu);
}

/* least: of an entry, without its value. */
static int take_entries(const uint8_t bytes[], size_t len, size_t least, struct att_pdu *pdu)
{
    if (len < 1 || bytes[0] < least)
        return -EBADMSG;
    return take_list(bytes + 1, len - 1, bytes[0], pdu);
}

static int take_rest(enum rest rest, const uint8_t bytes[], size_t len, struct att_pdu *pdu)
{
    switch (rest) {
    case REST_NONE:
        return len == 0 ? 0 : -EBADMSG;
    case REST_VALUE:
        return take_value(bytes, len, pdu);
    case REST_TYPE:
        return att_uuid_take(bytes, len, &pdu->type);
    case REST_TYPE_VALUE:
        return take_type_value(bytes, len, pdu);
    case REST_INFO:
        return take_info(bytes, len, pdu);
    case REST_GROUPS:
        return take_list(bytes, len, 2 * HANDLE_BYTES, pdu);
    case REST_ENTRIES:
        return take_entries(bytes, len, HANDLE_BYTES, pdu);
    case REST_GROUP_ENTRIES:
        break;
    }
    return take_entries(bytes, len, 2 * HANDLE_BYTES, pdu);
}

int att_parse(const uint8_t bytes[], size_t len, struct att_pdu *ret_pdu)
{
    if (len == 0 || len > ATT_MTU_MAX)
        return -EBADMSG;
    const struct form *form = find_form(bytes[0]);
    struct att_pdu pdu = { .opcode = bytes[0], .value = bytes + 1, .len = len - 1 };

    if (!form) {
        *ret_pdu = pdu;
        return ATT_E_UNKNOWN;
    }
    size_t head = 1 + fields_size(form);

    if (len < head)
        return -EBADMSG;
    pdu.len = 0;
    take_fields(form, bytes + 1, &pdu);
    int r = take_rest(form->rest, bytes + head, len - head, &pdu);

    if (r == 0)
        *ret_pdu = pdu;
    return r;
}

static void put_fields(const struct form *form, struct att_pdu pdu, uint8_t bytes[])
{
    for (size_t i = 0; i < FIELDS_MAX && form->fields[i] != FIELD_NONE; i++) {
        const struct place *place = &places[form->fields[i]];

        if (place->size == 1)
            bytes[0] = (uint8_t)*number_at(&pdu, place);
        else
            bytes_put_u16(bytes, *number_at(&pdu, place));
        bytes += place->size;
    }
}

/* What stands between the fields and the value. */
static size_t put_before_value(enum rest rest, const struct att_pdu *pdu, uint8_t bytes[])
{
    switch (rest) {
    case REST_TYPE_VALUE:
        assert(is_16(&pdu->type));
        return att_uuid_put(&pdu->type, bytes);
    case REST_TYPE:
        return att_uuid_put(&pdu->type, bytes);
    case REST_INFO:
        bytes[0] = pdu->each == HANDLE_BYTES + UUID_16_BYTES ? FORMAT_16 : FORMAT_128;
        return 1;
    case REST_ENTRIES:
    case REST_GROUP_ENTRIES:
        bytes[0] = (uint8_t)pdu->each;
        return 1;
    case REST_NONE:
    case REST_VALUE:
    case REST_GROUPS:
        break;
    }
    return 0;
}

size_t att_format(const struct att_pdu *pdu, uint8_t ret_bytes[static ATT_MTU_MAX])
{
    const struct form *form = find_form(pdu->opcode);

    assert(form);
    size_t len = 1 + fields_size(form);

    ret_bytes[0] = pdu->opcode;
    put_fields(form, *pdu, ret_bytes + 1);
    len += put_before_value(form->rest, pdu, ret_bytes + len);
    if (form->rest == REST_NONE || form->rest == REST_TYPE)
        return len;
    assert(len + pdu->len <= ATT_MTU_MAX);
    if (pdu->len > 0)
        memmove(ret_bytes + len, pdu->value, pdu->len);
    return len + pdu->len;
}

bool att_is_command(uint8_t opcode)
{
    return opcode & COMMAND_BIT;
}

bool att_is_request(uint8_t opcode)
{
    return !att_is_command(opcode) && opcode % 2 == 0 && opcode != ATT_CONFIRMATION;
}

size_t att_entry_count(const struct att_pdu *list)
{
    return list->each > 0 ? list->len / list->each : 0;
}

static bool has_end(uint8_t opcode)
{
    return opcode == ATT_FIND_VALUE_RESPONSE || opcode == ATT_READ_GROUP_RESPONSE;
}

struct att_entry att_entry_at(const struct att_pdu *list, size_t index)
{
    assert(index < att_entry_count(list));
    const uint8_t *bytes = list->value + index * list->each;
    size_t head = has_end(list->opcode) ? 2 * HANDLE_BYTES : HANDLE_BYTES;
    struct att_entry entry = { .handle = bytes_get_u16(bytes),
                               .value = bytes + head,
                               .len = list->each - head };

    if (has_end(list->opcode))
        entry.end = bytes_get_u16(bytes + HANDLE_BYTES);
    if (list->opcode == ATT_FIND_INFO_RESPONSE) {
        int r = att_uuid_take(entry.value, entry.len, &entry.uuid);

        assert(r == 0);
        entry.len = 0;
    }
    return entry;
}

/* A value that is too long for a list by itself is cut (3.4.4.2, 3.4.4.10). */
static size_t put_entry(uint8_t opcode, const struct att_entry *entry, size_t room, uint8_t bytes[])
{
    size_t len = HANDLE_BYTES;

    bytes_put_u16(bytes, entry->handle);
    if (has_end(opcode)) {
        bytes_put_u16(bytes + len, entry->end);
        len += HANDLE_BYTES;
    }
    if (opcode == ATT_FIND_INFO_RESPONSE)
        return len + att_uuid_put(&entry->uuid, bytes + len);
    size_t value = entry->len < room - len ? entry->len : room - len;

    if (value > 0)
        memcpy(bytes + len, entry->value, value);
    return len + value;
}

bool att_entry_add(struct att_pdu *list, uint8_t bytes[static ATT_MTU_MAX], size_t mtu,
                   const struct att_entry *entry)
{
    uint8_t one[UINT8_MAX];
    size_t before = list->opcode == ATT_FIND_VALUE_RESPONSE ? 1 : LIST_BEFORE;

    assert(mtu >= ATT_MTU_DEFAULT && mtu <= ATT_MTU_MAX);
    size_t room = mtu - before < sizeof(one) ? mtu - before : sizeof(one);
    size_t each = put_entry(list->opcode, entry, room, one);

    if (before + list->len + each > mtu || (list->len > 0 && each != list->each))
        return false;
    memcpy(bytes + list->len, one, each);
    list->value = bytes;
    list->len += each;
    list->each = each;
    return true;
}

const char *att_error_word(uint8_t code)
{
    static const struct {
        uint8_t code;
        const char *word;
    } words[] = {
        { ATT_ERROR_INVALID_HANDLE, "invalid_handle" },
        { ATT_ERROR_READ_NOT_PERMITTED, "read_not_permitted" },
        { ATT_ERROR_WRITE_NOT_PERMITTED, "write_not_permitted" },
        { ATT_ERROR_INVALID_PDU, "invalid_pdu" },
        { ATT_ERROR_AUTHENTICATION, "authentication_wanted" },
        { ATT_ERROR_NOT_SUPPORTED, "not_supported" },
        { ATT_ERROR_INVALID_OFFSET, "invalid_offset" },
        { ATT_ERROR_AUTHORIZATION, "authorization_wanted" },
        { ATT_ERROR_QUEUE_FULL, "queue_full" },
        { ATT_ERROR_NOT_FOUND, "attribute_not_found" },
        { ATT_ERROR_NOT_LONG, "attribute_not_long" },
        { ATT_ERROR_KEY_SIZE, "key_too_short" },
        { ATT_ERROR_INVALID_LENGTH, "invalid_length" },
        { ATT_ERROR_UNLIKELY, "unlikely_error" },
        { ATT_ERROR_ENCRYPTION, "encryption_wanted" },
        { ATT_ERROR_UNSUPPORTED_GROUP, "unsupported_group" },
        { ATT_ERROR_RESOURCES, "no_resources" },
        { ATT_ERROR_OUT_OF_SYNC, "out_of_sync" },
        { ATT_ERROR_VALUE_NOT_ALLOWED, "value_not_allowed" },
        { ATT_ERROR_WRITE_REJECTED, "write_rejected" },
        { ATT_ERROR_CCCD_IMPROPER, "cccd_improper" },
        { ATT_ERROR_IN_PROGRESS, "in_progress" },
        { ATT_ERROR_OUT_OF_RANGE, "out_of_range" },
    };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (words[i].code == code)
            return words[i].word;
    if (code >= ATT_ERROR_APPLICATION_FIRST && code <= ATT_ERROR_APPLICATION_LAST)
        return "application_error";
    return "unknown_error";
}

/* Hex digits of text without the dashes of a UUID, in lower case: false if they are not where they belong. */
static bool copy_digits(const char *text, char digits[static HEX_SIZE(ATT_UUID_BYTES)])
{
    size_t len = 0;

    if (strlen(text) != ATT_UUID_TEXT_SIZE - 1)
        return false;
    for (size_t i = 0; text[i]; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;

        if (dash != (text[i] == '-'))
            return false;
        if (!dash)
            digits[len++] = (char)tolower((unsigned char)text[i]);
    }
    digits[len] = '\0';
    return true;
}

int att_uuid_parse(const char *text, struct att_uuid *ret_uuid)
{
    char digits[HEX_SIZE(ATT_UUID_BYTES)];
    struct att_uuid uuid = ATT_UUID_16(0);

    if (strlen(text) == HEX_SIZE(UUID_16_BYTES) - 1) {
        for (size_t i = 0; i < HEX_SIZE(UUID_16_BYTES); i++)
            digits[i] = (char)tolower((unsigned char)text[i]);
        if (hex_decode(digits, uuid.bytes + UUID_16_AT, UUID_16_BYTES) < 0)
            return -EBADMSG;
    } else if (!copy_digits(text, digits) || hex_decode(digits, uuid.bytes, ATT_UUID_BYTES) < 0) {
        return -EBADMSG;
    }
    *ret_uuid = uuid;
    return 0;
}
